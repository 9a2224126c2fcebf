package wire

import (
	"encoding/binary"
	"slices"

	"github.com/smokesignal-go/smokesignal/internal/census"
	"github.com/smokesignal-go/smokesignal/internal/flowcontrol"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/netsplit"
	"github.com/smokesignal-go/smokesignal/peerlist"
)

// Encoder is the sending half of one link. Its zero value is ready. All that it
// appended must go out on the link, in that order.
type Encoder struct {
	origins sentOrigins
}

// Append appends the frame of m, which is a pointer to a message of peerlist,
// netsplit, plumtree, pace or census, or a *Hello, *Refuse or *Direct. A message that
// the other end would refuse is a *MessageError: dst comes back as it was and
// the link's state is untouched. Durations, ttls and rounds are clamped.
func (e *Encoder) Append(dst []byte, m any) ([]byte, error) {
	w := writer{buf: append(dst, 0)} // one byte for the length; see closeFrame
	switch m := m.(type) {
	case *plumtree.Gossip:
		if f := gossipFault(m); f.err != nil {
			return dst, &MessageError{KindGossip, f.String(), f.err}
		}
		return e.AppendGossip(dst, m), nil
	case *Direct:
		if f := directFault(m.Body); f.err != nil {
			return dst, &MessageError{KindDirect, f.String(), f.err}
		}
		return appendEvent(dst, []byte{byte(KindDirect)}, m.Body), nil
	case *Hello:
		w.hello(m)
	case *Refuse:
		w.refuse(m)
	case peerlist.Message:
		w.membership(m)
	case netsplit.Message:
		w.netsplit(m)
	case plumtree.Message:
		w.broadcast(&e.origins, m)
	case census.Message:
		w.census(m)
	case *flowcontrol.Slow:
		w.kind(KindSlow)
		w.origin("origin", m.Origin)
		w.seq("count", m.Count, 0)
		w.age(m.Stop)
	default:
		w.fail("type", "is not one of the protocol", ErrUnknownMessage)
	}
	if w.fault.err != nil {
		var kind Kind
		if len(w.buf) > len(dst)+1 {
			kind = Kind(w.buf[len(dst)+1])
		}
		return dst, &MessageError{kind, w.fault.String(), w.fault.err}
	}
	return closeFrame(w.buf, len(dst)), nil
}

// AppendGossip appends the frame of g, like [Encoder.Append] but without its
// checks: g is one that a Decoder returned, or a part of it, or one whose bodies
// [AppendBody] made and whose Seq counts from 1. It takes no memory beyond dst's, except where an
// origin is new to the link.
func (e *Encoder) AppendGossip(dst []byte, g *plumtree.Gossip) []byte {
	var space [48]byte // kind 1, origin 25, seq 9, round 1, age 4
	head := append(space[:0], byte(KindGossip))
	head = e.origins.append(head, g.Origin)
	head = binary.AppendUvarint(head, g.Seq)
	head = append(head, max(g.Round, 1))
	head = appendAge(head, g.Age)
	return appendEvent(dst, head, g.Body)
}

// appendEvent appends a frame whose end is an event, which is not moved about.
func appendEvent(dst, head, body []byte) []byte {
	size := len(head) + len(body)
	dst = slices.Grow(dst, size+binary.MaxVarintLen32)
	dst = binary.AppendUvarint(dst, uint64(size))
	dst = append(dst, head...)
	return append(dst, body...)
}

// closeFrame writes the length of the frame at start, for which one byte was
// left free; the few frames that need two move up by one.
func closeFrame(buf []byte, start int) []byte {
	size := len(buf) - start - 1
	if size < 0x80 {
		buf[start] = byte(size)
		return buf
	}
	var space [binary.MaxVarintLen32]byte
	return slices.Replace(buf, start, start+1, binary.AppendUvarint(space[:0], uint64(size))...)
}
