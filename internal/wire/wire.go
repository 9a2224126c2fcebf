// Package wire turns the messages of the protocol into frames, and frames back
// into messages. docs/protocol.md draws every frame byte by byte.
//
// A frame is a length, a kind and a body:
//
//	length uvarint | kind byte | body
//
// The length counts the kind and the body. It is checked against the limit of
// its kind before any memory is taken for the frame.
//
// # The owner's duties
//
// A link has one [Encoder] for what it sends and one [Decoder] for what it
// receives; neither is ever shared, copied or used for a second link. Both hold
// half of an origin table that the two ends keep equal by nothing but the order
// of the frames. So whatever an Encoder appended must be written to its link,
// all of it and in that order: a frame that may still be dropped or overtaken
// is to be dropped or reordered before it is encoded.
//
// The first frame of either direction is a [Hello]. A Decoder accepts nothing
// else before it, and no second one after it.
//
// # What a peer can do
//
// Nothing that arrives makes the package panic, and no frame makes it take more
// than 16 times the frame's size plus 64 KiB. Numbers are either refused or
// clamped, as each message's layout says: a duration is at most [MaxAge], a
// list no longer than its limit, a sequence number at most [MaxSeq]. A range of
// events stays a range: three bytes may name 2^63 events, and the receiver must
// walk what it holds itself, never the range.
//
// What a relay passes on, it must be able to encode: therefore every limit of a
// relayed message is a limit on the message and not on the bytes it happened to
// arrive in, and a node never passes on what the next one would refuse.
//
// The package does no I/O, has no goroutines and reads no clock. Its types are
// not safe for concurrent use; its functions are.
package wire

import "github.com/smokesignal-go/smokesignal/internal/frame"

// The version of the protocol. Nodes of different major versions do not talk.
// A newer minor version may send kinds that an older one does not know, which
// skips and counts them, and may append fields to the body of a control frame,
// which an older one ignores.
const (
	Major = 1
	Minor = 0
)

// The limits that packages above the protocols need; package frame explains them.
const (
	MaxPayload = frame.MaxPayload
	MaxName    = frame.MaxName
	MaxEvent   = frame.MaxEvent
	MaxControl = frame.MaxControl
	MaxText    = frame.MaxText
	MaxAge     = frame.MaxAge
	MaxSeq     = frame.MaxSeq
	TableSize  = frame.TableSize
)

// The limits of HELLO. As the others, they are part of the protocol and no options.
const (
	// MaxHello is the longest Hello, kind included.
	MaxHello = 1 << 10

	// MaxProof is the longest proof of a secret in bytes.
	MaxProof = 64

	// MaxNetwork is the longest name of a network in bytes.
	MaxNetwork = 64
)

// magic stands at the start of the body of a Hello.
const magic = "SMOK"
