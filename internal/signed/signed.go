// Package signed puts the signature of whoever emits an event into the event's
// body, and checks it. So an event says itself who emitted it, whatever hands it
// went through.
//
//	signed body = 0 byte | public key, 32 bytes | signature, 64 bytes | body
//
// A body that is not signed begins with the length of its name, which is never 0.
// docs/protocol.md says what is signed. It is nothing that a relay may change:
// neither the round of an event nor its age.
//
// That a signature is good means that who has the key emitted this event under
// this number; and the key is that of the origin, because a node's id follows from
// its key. It does not mean that the event is new: that is what numbers are for.
package signed

import (
	"crypto/ed25519"
	"encoding/binary"

	"github.com/smokesignal-go/smokesignal/ident"
)

// Size is what a signature adds to a body.
const Size = 1 + ed25519.PublicKeySize + ed25519.SignatureSize

// Where the parts begin.
const (
	keyAt       = 1
	signatureAt = keyAt + ed25519.PublicKeySize
)

// label begins what is signed. Its version changes with what follows it.
const label = "smokesignal event 1"

// keptMessage bounds the memory that a Network keeps between calls.
const keptMessage = 16 << 10

// Is reports whether a body claims to be signed. It is the one look that events
// without a signature cost.
func Is(body []byte) bool { return len(body) > 0 && body[0] == 0 }

// Strip is the body without its signature, if it has one. A body that is too short
// for the one that it claims comes back as it is.
func Strip(body []byte) []byte {
	if Is(body) && len(body) >= Size {
		return body[Size:]
	}
	return body
}

// AppendBlank appends the beginning of a signed body, to be followed by the body.
// [Network.Sign] completes it.
func AppendBlank(dst []byte, key ed25519.PublicKey) []byte {
	var signature [ed25519.SignatureSize]byte
	return append(append(append(dst, 0), key...), signature[:]...)
}

// Network signs and verifies the events of one network. One goroutine at a time may
// use it.
type Network struct {
	name    string
	message []byte // the room for what is signed
}

// New is for the network of that name: a signature that is good in one is good in
// no other.
func New(network string) *Network { return &Network{name: network} }

// Sign completes a body that begins with [AppendBlank], as an event of this origin
// with this number. sign is that of the private half of the key; the message is
// valid during the call.
func (n *Network) Sign(sign func(message []byte) []byte, o ident.Origin, seq uint64, body []byte) {
	if message, ok := n.cover(o, seq, body); ok {
		copy(body[signatureAt:Size], sign(message))
	}
}

// Verify reports whether a body is signed by its origin, as the event with this
// number. The body may be anything.
func (n *Network) Verify(o ident.Origin, seq uint64, body []byte) bool {
	message, ok := n.cover(o, seq, body)
	if !ok {
		return false
	}
	key := ed25519.PublicKey(body[keyAt:signatureAt])
	return ident.FromKey(key) == o.ID && ed25519.Verify(key, message, body[signatureAt:Size])
}

// cover is what the signature of a body covers, each field with its length. It is
// not ok where the body is none that could be signed.
func (n *Network) cover(o ident.Origin, seq uint64, body []byte) (message []byte, ok bool) {
	if !Is(body) || len(body) <= Size {
		return nil, false
	}
	event := body[Size:]
	nameEnd := 1 + int(event[0])
	if nameEnd == 1 || nameEnd > len(event) {
		return nil, false
	}
	m := n.message[:0]
	m = appendField(m, label)
	m = appendField(m, n.name)
	m = appendField(m, body[keyAt:signatureAt])
	m = appendField(m, o.ID[:])
	m = appendNumber(m, o.Epoch)
	m = appendNumber(m, seq)
	m = appendField(m, event[1:nameEnd])
	m = appendField(m, event[nameEnd:])
	if cap(m) <= keptMessage {
		n.message = m
	}
	return m, true
}

func appendField[T string | []byte](dst []byte, field T) []byte {
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(field))), field...)
}

func appendNumber(dst []byte, x uint64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(dst, 8), x)
}
