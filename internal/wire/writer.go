package wire

import (
	"encoding/binary"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// writer appends the fields of one frame. The first fault sticks, and the
// caller throws away what was written.
type writer struct {
	buf   []byte
	fault fault
}

func (w *writer) fail(field, reason string, err error) {
	if w.fault.err == nil {
		w.fault = fault{field, reason, err}
	}
}

func (w *writer) kind(k Kind)      { w.buf = append(w.buf, byte(k)) }
func (w *writer) byte(b byte)      { w.buf = append(w.buf, b) }
func (w *writer) uvarint(v uint64) { w.buf = binary.AppendUvarint(w.buf, v) }
func (w *writer) uint64(v uint64)  { w.buf = binary.BigEndian.AppendUint64(w.buf, v) }
func (w *writer) id(id ident.ID)   { w.buf = append(w.buf, id[:]...) }

func (w *writer) seq(field string, v, first uint64) {
	if v < first || v > MaxSeq {
		w.fail(field, "is out of range", ErrMalformed)
	}
	w.uvarint(v)
}

func (w *writer) knownID(field string, id ident.ID) {
	if id.IsZero() {
		w.fail(field, "is zero", ErrMalformed)
	}
	w.id(id)
}

func (w *writer) origin(field string, o ident.Origin) {
	w.knownID(field, o.ID)
	w.uint64(o.Epoch)
}

func (w *writer) text(field, s string, limit int) {
	if len(s) > limit {
		w.fail(field, "is too long", ErrTooLarge)
		return
	}
	w.buf = append(w.buf, byte(len(s)))
	w.buf = append(w.buf, s...)
}

func (w *writer) age(d time.Duration) { w.buf = appendAge(w.buf, d) }

func (w *writer) count(field string, n, limit int) {
	if n > limit {
		w.fail(field, "has too many items", ErrTooLarge)
	}
	w.uvarint(uint64(n))
}

// flags writes bits, the lowest first.
func (w *writer) flags(set ...bool) {
	var bits byte
	for i, s := range set {
		if s {
			bits |= 1 << i
		}
	}
	w.byte(bits)
}

// appendAge writes a duration in whole milliseconds, clamped to 0 … MaxAge.
func appendAge(dst []byte, d time.Duration) []byte {
	d = min(max(d, 0), MaxAge)
	return binary.AppendUvarint(dst, uint64(d.Milliseconds()))
}
