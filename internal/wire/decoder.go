package wire

import (
	"fmt"

	"github.com/smokesignal-go/smokesignal/internal/frame"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
)

// Decoder is the receiving half of one link. Its zero value is ready.
type Decoder struct {
	// Unknown counts the frames of unknown kinds, which the Decoder skips. A newer
	// version may send them.
	Unknown uint64

	state   state
	err     error // the error that Next returned; set once state is dead
	origins frame.SeenOrigins
	gossip  plumtree.Gossip
	reader  frame.Reader
	reused  frame.Reused
}

// state says which frames the Decoder accepts next.
type state uint8

const (
	opening state = iota // no HELLO has arrived yet
	open                 // both ends speak the same major version
	foreign              // the HELLO had another major version: only REFUSE may follow
	dead                 // a frame was not valid
)

// Next decodes the frame at the start of buf. There are four results:
//
//   - m is a message, and n is the length of its frame.
//   - m is nil and n is not 0: the frame is of an unknown kind, and was skipped.
//   - m is nil, n is 0 and err is nil: buf does not hold the whole frame yet.
//   - err is a *FrameError: the link is dead, and every further call returns err again.
//
// If the kind has frame.Spec.Reuse, as *plumtree.Gossip and *Direct have, the message
// belongs to the Decoder: it is valid until the next call, and its Body is a part of buf.
// Every other message belongs to the caller and shares no memory with buf.
//
// If bytes follow the known fields of a control frame, a newer minor version has added
// them. Next ignores them.
func (d *Decoder) Next(buf []byte) (m frame.Message, n int, err error) {
	if d.state == dead {
		return nil, 0, d.err
	}
	if d.state == opening && !mayOpen(buf) {
		return nil, 0, d.die(&FrameError{Reason: fmt.Sprintf("%q is not a HELLO", buf[:min(len(buf), 8)]), Err: ErrNotSmokesignal})
	}
	kind, start, end, f := frameBounds(buf)
	if f != nil {
		return nil, 0, d.dieOf(kind, *f)
	}
	if end == 0 || end > len(buf) {
		return nil, 0, nil
	}
	if d.state == foreign && kind != KindRefuse {
		return nil, 0, d.die(&FrameError{kind, "only REFUSE can follow this HELLO", ErrVersion})
	}
	if kind != plumtree.KindGossip {
		return d.byTable(kind, buf[start:end:end], end)
	}
	// This does the same as byTable, without calls through the table.
	var r frame.Reader
	r.Reset(buf[start:end:end], &d.origins)
	plumtree.ParseGossip(&r, &d.gossip)
	if r.IsFaulty() {
		return nil, 0, d.dieOf(kind, r.Fault())
	}
	return &d.gossip, end, nil
}

// byTable decodes a frame by the table of kinds. size is the length of the frame with its
// length prefix.
func (d *Decoder) byTable(kind Kind, body []byte, size int) (m frame.Message, n int, err error) {
	if kind == KindHello && d.state != opening {
		return nil, 0, d.die(&FrameError{kind, "HELLO comes twice", ErrMalformed})
	}
	spec := kind.Spec()
	if spec == nil {
		d.Unknown++
		return nil, size, nil
	}
	m, f := d.reader.Parse(spec, body, &d.origins, &d.reused)
	if f.Err != nil {
		return nil, 0, d.dieOf(kind, f)
	}
	if kind == KindHello {
		d.state = open
		if m.(*Hello).Major != Major {
			d.state = foreign
		}
	}
	return m, size, nil
}

// MayOpen reports whether first, the first bytes of a connection, can be from a node.
// They must be the start of a HELLO, or of the REFUSE that may replace it.
func MayOpen(first []byte) bool { return mayOpen(first) }

// Want returns the length of the frame at the start of buf, including the length prefix,
// so that the owner can make room for it. It is at most [MaxEvent] and the three bytes of
// the prefix. Want returns 0 if buf is too short to know the length, or if Next would
// refuse the frame.
func (d *Decoder) Want(buf []byte) int {
	if d.state == dead || d.state == opening && !mayOpen(buf) {
		return 0
	}
	_, _, end, f := frameBounds(buf)
	if f != nil {
		return 0
	}
	return end
}

func (d *Decoder) dieOf(kind Kind, f frame.Fault) error {
	return d.die(&FrameError{kind, f.String(), f.Err})
}

func (d *Decoder) die(err *FrameError) error {
	d.state, d.err = dead, err
	return err
}

// frameBounds finds the body of the frame at the start of buf: buf[start:end]. end may
// lie beyond the bytes that have arrived. If end is 0, buf is too short to know the
// length. A length over the limit of its kind, or of every kind, is refused as soon as
// the bytes show it.
func frameBounds(buf []byte) (kind Kind, start, end int, f *frame.Fault) {
	const prefix = 3 // bytes that MaxEvent takes as a uvarint
	size, n := 0, 0
	for {
		if n == len(buf) {
			return 0, 0, 0, nil
		}
		b := buf[n]
		size |= int(b&0x7f) << (7 * n)
		n++
		if b < 0x80 {
			if b == 0 && n > 1 {
				return 0, 0, 0, &frame.Fault{Field: "length", Reason: "is not in its shortest form", Err: ErrMalformed}
			}
			break
		}
		if n == prefix {
			return 0, 0, 0, &frame.Fault{Field: "length", Reason: "is over every limit", Err: ErrTooLarge}
		}
	}
	switch {
	case size == 0:
		return 0, 0, 0, &frame.Fault{Field: "length", Reason: "is zero", Err: ErrMalformed}
	case size > MaxEvent:
		return 0, 0, 0, &frame.Fault{Field: "length", Reason: "is over every limit", Err: ErrTooLarge}
	case n == len(buf):
		return 0, 0, 0, nil
	}
	kind = Kind(buf[n])
	if size > kind.Limit() {
		return kind, 0, 0, &frame.Fault{Field: "length", Reason: "is over the limit of its kind", Err: ErrTooLarge}
	}
	return kind, n + 1, n + size, nil
}

// mayOpen reports whether buf can be the start of a HELLO, or of the REFUSE that may
// replace it. No other protocol matches the first seven bytes of a HELLO. Most protocols
// differ at the second byte: here it is the kind, and in other protocols a letter or a
// version.
func mayOpen(buf []byte) bool {
	if len(buf) == 0 {
		return true
	}
	size, rest := int(buf[0]), buf[1:]
	if size >= 0x80 {
		if len(rest) == 0 {
			return true
		}
		size, rest = size&0x7f|int(rest[0])<<7, rest[1:]
	}
	if len(rest) > 0 && Kind(rest[0]) == KindRefuse {
		return size >= minRefuse && size <= maxRefuse
	}
	if size < minHello || size > MaxHello {
		return len(rest) == 0 && size >= minRefuse && size <= maxRefuse
	}
	const start = string(rune(KindHello)) + magic
	n := min(len(rest), len(start))
	return string(rest[:n]) == start[:n]
}
