package wire

import (
	"fmt"

	"github.com/smokesignal-go/smokesignal/internal/frame"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
)

// Decoder is the receiving half of one link. Its zero value is ready.
type Decoder struct {
	// Unknown counts the frames that were skipped because this version does
	// not know their kind.
	Unknown uint64

	state   state
	err     error // what Next returned, once state is dead
	origins frame.SeenOrigins
	gossip  plumtree.Gossip
	reader  frame.Reader
	reused  frame.Reused
}

// state is how far a link has come.
type state uint8

const (
	opening state = iota // no HELLO yet
	open                 // both ends speak the same major version
	foreign              // the HELLO was of another: only REFUSE may follow
	dead                 // a frame was in error
)

// Next takes the frame at the start of buf. There are four outcomes:
//
//   - m is a message, n the length of its frame.
//   - m is nil and n is not 0: a frame of a kind that is not known was skipped.
//   - m is nil, n is 0 and err is nil: buf does not hold the whole frame yet.
//   - err is a *FrameError: the link is dead, and every further call says so.
//
// A message of a kind with frame.Spec.Reuse, such as *plumtree.Gossip and *Direct, is
// the Decoder's own: it is valid until the next call, and its Body is a part of buf.
// Everything else is the caller's and shares nothing with buf.
//
// Bytes that follow the known fields of a control frame are ignored: a newer
// minor version has put them there.
func (d *Decoder) Next(buf []byte) (m frame.Message, n int, err error) {
	if d.state == dead {
		return nil, 0, d.err
	}
	if d.state == opening && !mayOpen(buf) {
		return nil, 0, d.die(&FrameError{Reason: fmt.Sprintf("%q is no HELLO", buf[:min(len(buf), 8)]), Err: ErrNotSmokesignal})
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
	// As by the table, without its calls through pointers.
	var r frame.Reader
	r.Reset(buf[start:end:end], &d.origins)
	plumtree.ParseGossip(&r, &d.gossip)
	if r.IsFaulty() {
		return nil, 0, d.dieOf(kind, r.Fault())
	}
	return &d.gossip, end, nil
}

// byTable decodes a frame as the table of kinds says. size is its length, prefix
// included.
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

// MayOpen reports whether a connection on which these bytes came first may be one of
// a node: they are the start of a HELLO, or of a REFUSE in its place.
func MayOpen(first []byte) bool { return mayOpen(first) }

// Want gives the length of the frame at the start of buf, length prefix
// included, so that its owner can make room for it: at most [MaxEvent] and the
// three bytes of the prefix. It is 0 as long as that can't be told, and when
// Next would refuse the frame.
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

// frameBounds finds the body of the frame at the start of buf: buf[start:end],
// of which the end may not have arrived yet. An end of 0 says that the bytes so
// far do not tell. The length is refused as soon as it can be known to be over
// the limit of its kind, or of every kind.
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

// mayOpen reports whether buf can be the start of a HELLO, or of the REFUSE that
// takes its place. No other protocol gets past the seventh byte of a HELLO, and
// most fail at the second: that one is the kind here, and a letter or a version
// there.
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
