// Package wire turns the messages of the protocol into frames, and frames back into
// messages. docs/protocol.md draws every frame byte by byte.
//
// A frame is a length, a kind and a body:
//
//	length uvarint | kind byte | body
//
// The length counts the kind and the body. It is checked against the limit of its kind
// before any memory is allocated for the frame.
//
// # The owner's duties
//
// A link has one [Encoder] for the frames it sends and one [Decoder] for the frames it
// receives. Neither may be shared, copied or used for a second link. Each direction has
// an origin table, with one copy in the Encoder and one in the peer's Decoder. The two
// copies stay equal only if the frames keep their order. Therefore the owner must write
// all frames that an Encoder appended to the link, in that order. If the owner may still
// drop or reorder a message, it must do so before it encodes the message.
//
// The first frame of each direction is a [Hello]. A Decoder accepts no other frame before
// it, and no second Hello after it.
//
// # What a peer can do
//
// No received bytes make the package panic. Decoding a frame takes at most 16 times the
// frame's size plus 64 KiB of memory. Numbers that are out of bounds are refused or
// clamped, as each message's layout says: a duration is at most [MaxAge], a list has its
// own limit, and a sequence number is at most [MaxSeq]. A range of events is never
// expanded. Three bytes may name 2^63 events, so the receiver must iterate over the
// events that it holds, never over the range.
//
// A relay must be able to encode every message that it forwards, and the next node must
// accept it. Therefore the limits of a relayed message apply to the message, not to the
// bytes in which it arrived.
//
// The package does no I/O, has no goroutines and reads no clock. Its types are not safe
// for concurrent use; its functions are.
package wire

import "github.com/smokesignal-go/smokesignal/internal/frame"

// The version of the protocol. Nodes of different major versions do not link. A newer
// minor version may send new kinds, which an older version skips and counts. It may also
// append fields to the body of a control frame, which an older version ignores.
const (
	Major = 1
	Minor = 0
)

// These are the limits that packages above the protocols need; package frame explains
// them.
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

// The limits of HELLO. Like all limits, they are a part of the protocol, not options.
const (
	// MaxHello is the longest Hello, kind included.
	MaxHello = 1 << 10

	// MaxProof is the longest proof of a secret in bytes.
	MaxProof = 64

	// MaxNetwork is the longest name of a network in bytes.
	MaxNetwork = 64
)

// magic is at the start of the body of a Hello.
const magic = "SMOK"
