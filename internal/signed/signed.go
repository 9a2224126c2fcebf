// Package signed adds the emitter's signature to the body of an event, and verifies it.
// A receiver can thus check the origin of an event, whichever relays forwarded it.
//
//	signed body = 0 byte | public key, 32 bytes | signature, 64 bytes | body
//
// An unsigned body begins with the length of its name, which is never 0.
// docs/protocol.md lists the fields that the signature covers. It covers no field that
// a relay may change, such as the round of an event or its age.
//
// A valid signature means that the holder of the key emitted this event with this
// number. The key belongs to the origin, because a node's ID is a hash of its key. A
// signature does not prove that the event is new: sequence numbers do that.
package signed

import (
	"crypto/ed25519"
	"encoding/binary"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/frame"
)

// Size is the number of bytes that a signature adds to a body.
const Size = frame.SignatureSize

// Offsets of the parts.
const (
	keyAt       = 1
	signatureAt = keyAt + ed25519.PublicKeySize
)

// label is the first field of the signed message. Its version number changes if the
// message format changes.
const label = "smokesignal event 1"

// keptMessage bounds the buffer, in bytes, that a Network keeps between calls.
const keptMessage = 16 << 10

// Is reports whether a body claims to be signed. An unsigned event costs no other
// check.
func Is(body []byte) bool { return frame.IsSigned(body) }

// Strip returns the body without its signature. If the body is not signed, or is too
// short to hold a signature, Strip returns it unchanged.
func Strip(body []byte) []byte {
	if Is(body) && len(body) >= Size {
		return body[Size:]
	}
	return body
}

// AppendBlank appends the header of a signed body with an empty signature. The caller
// appends the body, then calls [Network.Sign].
func AppendBlank(dst []byte, key ed25519.PublicKey) []byte {
	var signature [ed25519.SignatureSize]byte
	return append(append(append(dst, 0), key...), signature[:]...)
}

// Network signs and verifies the events of one network. Only one goroutine at a time
// may use it.
type Network struct {
	name    string
	message []byte // buffer for the signed message
}

// New returns a Network with the given name. A signature is valid only in the network
// that it was made for.
func New(network string) *Network { return &Network{name: network} }

// Sign writes the signature into a body that begins with the header of [AppendBlank],
// for event seq of origin o. The function sign signs with the private key; it must not
// keep the message after it returns.
func (n *Network) Sign(sign func(message []byte) []byte, o ident.Origin, seq uint64, body []byte) {
	if message, ok := n.cover(o, seq, body); ok {
		copy(body[signatureAt:Size], sign(message))
	}
}

// Verify reports whether the body carries a valid signature of o for event seq. The
// body may be any bytes.
func (n *Network) Verify(o ident.Origin, seq uint64, body []byte) bool {
	message, ok := n.cover(o, seq, body)
	if !ok {
		return false
	}
	key := ed25519.PublicKey(body[keyAt:signatureAt])
	return ident.FromKey(key) == o.ID && ed25519.Verify(key, message, body[signatureAt:Size])
}

// cover returns the message that the signature of a body covers, each field after its
// length. It returns false if the body cannot be a signed one.
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
