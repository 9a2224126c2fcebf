package wire

import (
	"encoding/binary"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// reader takes fields off the body of one frame. The first fault sticks: from
// then on every field reads as zero, so callers look at the fault once, at the
// end.
type reader struct {
	rest  []byte
	fault fault
}

func (r *reader) fail(field, reason string, err error) {
	if r.fault.err == nil {
		r.fault = fault{field, reason, err}
	}
	r.rest = nil
}

// take gives the next n bytes, which belong to the buffer of the frame.
func (r *reader) take(field string, n int) []byte {
	if len(r.rest) < n {
		r.fail(field, "is cut short", ErrMalformed)
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) byte(field string) byte {
	if len(r.rest) == 0 {
		r.fail(field, "is cut short", ErrMalformed)
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

// uvarint reads a number in its shortest form; another form is malformed.
func (r *reader) uvarint(field string) uint64 {
	if len(r.rest) > 0 && r.rest[0] < 0x80 {
		v := uint64(r.rest[0])
		r.rest = r.rest[1:]
		return v
	}
	v, n := binary.Uvarint(r.rest)
	switch {
	case n == 0:
		r.fail(field, "is cut short", ErrMalformed)
		return 0
	case n < 0:
		r.fail(field, "does not fit in 64 bits", ErrMalformed)
		return 0
	case r.rest[n-1] == 0:
		r.fail(field, "is not in its shortest form", ErrMalformed)
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

// seq reads a number that counts from first and stays within MaxSeq.
func (r *reader) seq(field string, first uint64) uint64 {
	v := r.uvarint(field)
	if v < first || v > MaxSeq {
		r.fail(field, "is out of range", ErrMalformed)
		return 0
	}
	return v
}

func (r *reader) uint64(field string) uint64 {
	if b := r.take(field, 8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// id reads a node id, which may be zero.
func (r *reader) id(field string) (id ident.ID) {
	copy(id[:], r.take(field, ident.Size))
	return id
}

// knownID reads a node id that may not be zero.
func (r *reader) knownID(field string) ident.ID {
	id := r.id(field)
	if id.IsZero() {
		r.fail(field, "is zero", ErrMalformed)
	}
	return id
}

// origin reads an origin that stands in the frame itself.
func (r *reader) origin(field string) ident.Origin {
	return ident.Origin{ID: r.knownID(field), Epoch: r.uint64(field)}
}

// text reads a string. It is copied, and may hold any bytes: quote it before it
// is shown.
func (r *reader) text(field string, limit int) string {
	n := int(r.byte(field))
	if n > limit {
		r.fail(field, "is too long", ErrTooLarge)
		return ""
	}
	return string(r.take(field, n))
}

// age reads a duration, clamped to MaxAge.
func (r *reader) age(field string) time.Duration {
	ms := r.uvarint(field)
	return time.Duration(min(ms, uint64(MaxAge.Milliseconds()))) * time.Millisecond
}

// count reads the length of a list. A list longer than its limit, or than the
// bytes left could hold, is refused before it is made.
func (r *reader) count(field string, limit, itemSize int) int {
	n := r.uvarint(field)
	if n > uint64(limit) {
		r.fail(field, "has too many items", ErrTooLarge)
		return 0
	}
	if int(n)*itemSize > len(r.rest) {
		r.fail(field, "is cut short", ErrMalformed)
		return 0
	}
	return int(n)
}

// flag reads a flags byte and reports whether its lowest bit is set.
func (r *reader) flag(field string) bool { return r.byte(field)&1 != 0 }
