package frame

import (
	"encoding/binary"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// Reader reads the fields of the body of one frame. After the first fault, every further field
// reads as zero, so a Parse need not check for faults in between. A Reader must not be used after
// Parse has returned.
type Reader struct {
	// Last is the previous message of this kind on this link, if [Spec.Reuse] is set. It
	// is nil without Reuse, and for the first message.
	Last Message

	rest    []byte
	origins *SeenOrigins // the origin table of the link
	fault   Fault
}

// Parse decodes a frame by its spec. rest is the body of the frame. origins is the origin
// table of its link, and last holds the link's messages of kinds with Reuse.
func (r *Reader) Parse(s *Spec, rest []byte, origins *SeenOrigins, last *Reused) (m Message, f Fault) {
	r.Reset(rest, origins)
	if s.slot == 0 {
		r.Last = nil
		m = s.Parse(r)
	} else {
		l := last.at(s.slot)
		r.Last = *l
		m = s.Parse(r)
		*l = m
	}
	r.rest = nil
	return m, r.fault
}

// Reused holds the messages of one link that its decoder reuses. The zero value is ready for use.
type Reused struct{ list []Message }

func (l *Reused) at(slot int) *Message {
	if len(l.list) < slot {
		l.list = append(l.list, make([]Message, reused-len(l.list))...)
	}
	return &l.list[slot-1]
}

// Fail reports the fault of a field. The link on which the frame arrived ends.
func (r *Reader) Fail(field, reason string, err error) {
	if r.fault.Err == nil {
		r.fault = Fault{field, reason, err}
	}
	r.rest = nil
}

// ReaderOf returns a reader of bytes that are not a frame and have no origin table.
func ReaderOf(b []byte) Reader { return Reader{rest: b} }

// Reset begins to read the body of a frame, for a caller that does not use the table of kinds.
// origins is the origin table of the link.
func (r *Reader) Reset(body []byte, origins *SeenOrigins) {
	r.rest, r.origins, r.fault = body, origins, Fault{}
}

// Fault returns the first fault, or the zero Fault if there is none.
func (r *Reader) Fault() Fault { return r.fault }

// IsFaulty reports whether a field was wrong.
func (r *Reader) IsFaulty() bool { return r.fault.Err != nil }

// Len returns how many bytes are left.
func (r *Reader) Len() int { return len(r.rest) }

// Rest returns all bytes that are left. They are a part of the frame's buffer.
func (r *Reader) Rest() []byte {
	b := r.rest
	r.rest = nil
	return b
}

// Take returns the next n bytes, which are a part of the frame's buffer.
func (r *Reader) Take(field string, n int) []byte {
	if len(r.rest) < n {
		r.Fail(field, "is cut short", ErrMalformed)
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

// Byte reads one byte.
func (r *Reader) Byte(field string) byte {
	if len(r.rest) == 0 {
		r.Fail(field, "is cut short", ErrMalformed)
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

// Uvarint reads a number in its shortest form. Any longer form is malformed.
func (r *Reader) Uvarint(field string) uint64 {
	if len(r.rest) > 0 && r.rest[0] < 0x80 {
		v := uint64(r.rest[0])
		r.rest = r.rest[1:]
		return v
	}
	v, n := binary.Uvarint(r.rest)
	switch {
	case n == 0:
		r.Fail(field, "is cut short", ErrMalformed)
		return 0
	case n < 0:
		r.Fail(field, "does not fit in 64 bits", ErrMalformed)
		return 0
	case r.rest[n-1] == 0:
		r.Fail(field, "is not in its shortest form", ErrMalformed)
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

// Seq reads a number that is at least first and at most MaxSeq.
func (r *Reader) Seq(field string, first uint64) uint64 {
	v := r.Uvarint(field)
	if v < first || v > MaxSeq {
		r.Fail(field, "is out of range", ErrMalformed)
		return 0
	}
	return v
}

// Uint64 reads eight bytes, big endian.
func (r *Reader) Uint64(field string) uint64 {
	if b := r.Take(field, 8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// ID reads a node id, which may be zero.
func (r *Reader) ID(field string) (id ident.ID) {
	copy(id[:], r.Take(field, ident.Size))
	return id
}

// KnownID reads a node id that may not be zero.
func (r *Reader) KnownID(field string) ident.ID {
	id := r.ID(field)
	if id.IsZero() {
		r.Fail(field, "is zero", ErrMalformed)
	}
	return id
}

// Origin reads an origin that is written in full.
func (r *Reader) Origin(field string) ident.Origin {
	return ident.Origin{ID: r.KnownID(field), Epoch: r.Uint64(field)}
}

// TableOrigin reads an origin with the help of the link's origin table.
func (r *Reader) TableOrigin() (o ident.Origin) {
	r.origins.read(r, &o)
	return o
}

// TableOriginTo reads the same as TableOrigin, without a copy of the origin.
func (r *Reader) TableOriginTo(o *ident.Origin) { r.origins.read(r, o) }

// Text reads a string. It is copied, and may hold any bytes: quote it before it
// is shown.
func (r *Reader) Text(field string, limit int) string {
	n := int(r.Byte(field))
	if n > limit {
		r.Fail(field, "is too long", ErrTooLarge)
		return ""
	}
	return string(r.Take(field, n))
}

// Age reads a duration, clamped to MaxAge.
func (r *Reader) Age(field string) time.Duration {
	ms := r.Uvarint(field)
	return time.Duration(min(ms, uint64(MaxAge.Milliseconds()))) * time.Millisecond
}

// Count reads the length of a list. It refuses a list that is longer than its limit, or
// longer than the bytes left could hold, before the caller allocates memory for it.
// itemSize is the shortest item in bytes.
func (r *Reader) Count(field string, limit, itemSize int) int {
	n := r.Uvarint(field)
	if n > uint64(limit) {
		r.Fail(field, "has too many items", ErrTooLarge)
		return 0
	}
	if int(n)*itemSize > len(r.rest) {
		r.Fail(field, "is cut short", ErrMalformed)
		return 0
	}
	return int(n)
}

// Flag reads a flags byte and reports whether its lowest bit is set.
func (r *Reader) Flag(field string) bool { return r.Byte(field)&1 != 0 }

// Nested reads n bytes as a frame inside the frame. Because of the length, later versions
// can append fields to it. A fault in it is a fault of the whole frame; see
// [Reader.Join].
func (r *Reader) Nested(field string, n int) Reader {
	return Reader{rest: r.Take(field, n), origins: r.origins}
}

// Join ends the reading of a part that Nested returned.
func (r *Reader) Join(part *Reader) {
	if part.fault.Err != nil {
		r.Fail(part.fault.Field, part.fault.Reason, part.fault.Err)
	}
}
