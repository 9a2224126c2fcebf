package frame

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// Writer appends the fields of one frame. After the first fault, the encoder discards the frame.
type Writer struct {
	buf     []byte
	start   int // where the frame begins in buf
	isSized bool
	origins *SentOrigins // the origin table of the link
	fault   Fault
}

// Append encodes m and appends the frame to dst. origins is the origin table of the link.
// If there is a fault, Append returns dst unchanged.
func (w *Writer) Append(dst []byte, m Message, origins *SentOrigins) ([]byte, Fault) {
	s := table[m.Kind()]
	if s == nil {
		return dst, Fault{"type", "is not one of the protocol", ErrUnknownMessage}
	}
	// One byte for the length, then the kind.
	w.buf, w.start, w.isSized = append(dst, 0, byte(s.Kind)), len(dst), false
	w.origins, w.fault = origins, Fault{}
	s.Append(w, m)
	buf := w.buf
	w.buf = nil
	if w.fault.Err != nil {
		return dst, w.fault
	}
	if w.isSized {
		return buf, Fault{}
	}
	return closeFrame(buf, w.start), Fault{}
}

// closeFrame writes the length of the frame at start, for which one byte was left free.
// If the length needs two bytes, which is rare, the frame is moved by one byte.
func closeFrame(buf []byte, start int) []byte {
	size := len(buf) - start - 1
	if size < 0x80 {
		buf[start] = byte(size)
		return buf
	}
	var space [binary.MaxVarintLen32]byte
	return slices.Replace(buf, start, start+1, binary.AppendUvarint(space[:0], uint64(size))...)
}

// Whole writes a body that consists of head and rest. It writes the length first, so that
// a long body need not be moved. No other field may be written before or after it.
func (w *Writer) Whole(head, rest []byte) {
	kind := w.buf[w.start+1]
	size := 1 + len(head) + len(rest)
	w.buf = slices.Grow(w.buf[:w.start], size+binary.MaxVarintLen32)
	w.buf = append(binary.AppendUvarint(w.buf, uint64(size)), kind)
	w.buf = append(append(w.buf, head...), rest...)
	w.isSized = true
}

// AppendWhole appends a frame that consists of head, which begins with the kind, and
// rest, which may be long.
func AppendWhole(dst, head, rest []byte) []byte {
	size := len(head) + len(rest)
	dst = slices.Grow(dst, size+binary.MaxVarintLen32)
	dst = binary.AppendUvarint(dst, uint64(size))
	dst = append(dst, head...)
	return append(dst, rest...)
}

// Fail reports the fault of a field. The frame is then not sent.
func (w *Writer) Fail(field, reason string, err error) {
	if w.fault.Err == nil {
		w.fault = Fault{field, reason, err}
	}
}

// IsFaulty reports whether a field was wrong.
func (w *Writer) IsFaulty() bool { return w.fault.Err != nil }

// Bytes writes b without a length.
func (w *Writer) Bytes(b []byte) { w.buf = append(w.buf, b...) }

// Byte writes one byte.
func (w *Writer) Byte(b byte) { w.buf = append(w.buf, b) }

// Uvarint writes a number.
func (w *Writer) Uvarint(v uint64) { w.buf = binary.AppendUvarint(w.buf, v) }

// Uint64 writes eight bytes, big endian.
func (w *Writer) Uint64(v uint64) { w.buf = binary.BigEndian.AppendUint64(w.buf, v) }

// ID writes a node id, which may be zero.
func (w *Writer) ID(id ident.ID) { w.buf = append(w.buf, id[:]...) }

// Seq writes a number that must be at least first and at most MaxSeq.
func (w *Writer) Seq(field string, v, first uint64) {
	if v < first || v > MaxSeq {
		w.Fail(field, "is out of range", ErrMalformed)
	}
	w.Uvarint(v)
}

// KnownID writes a node id that may not be zero.
func (w *Writer) KnownID(field string, id ident.ID) {
	if id.IsZero() {
		w.Fail(field, "is zero", ErrMalformed)
	}
	w.ID(id)
}

// Origin writes an origin in full.
func (w *Writer) Origin(field string, o ident.Origin) {
	w.KnownID(field, o.ID)
	w.Uint64(o.Epoch)
}

// TableOrigin writes an origin with the help of the link's origin table. After a fault it
// does nothing, because a frame that is not sent must not change the table. So Append
// must check the whole message before the first TableOrigin.
func (w *Writer) TableOrigin(o ident.Origin) {
	if w.fault.Err == nil {
		w.buf = w.origins.Append(w.buf, o)
	}
}

// Text writes a string of at most limit bytes.
func (w *Writer) Text(field, s string, limit int) {
	if len(s) > limit {
		w.Fail(field, "is too long", ErrTooLarge)
		return
	}
	w.buf = append(w.buf, byte(len(s)))
	w.buf = append(w.buf, s...)
}

// Age writes a duration in whole milliseconds, clamped to 0 … MaxAge.
func (w *Writer) Age(d time.Duration) { w.buf = AppendAge(w.buf, d) }

// Count writes the length of a list.
func (w *Writer) Count(field string, n, limit int) {
	if n > limit {
		w.Fail(field, "has too many items", ErrTooLarge)
	}
	w.Uvarint(uint64(n))
}

// Flags writes up to eight flags in one byte, the first as the lowest bit.
func (w *Writer) Flags(set ...bool) {
	var bits byte
	for i, s := range set {
		if s {
			bits |= 1 << i
		}
	}
	w.Byte(bits)
}

// Join writes a part that another Writer holds, with its length before it, so that later
// versions can append fields to it.
func (w *Writer) Join(part *Writer) {
	if part.fault.Err != nil {
		w.Fail(part.fault.Field, part.fault.Reason, part.fault.Err)
	}
	w.Uvarint(uint64(len(part.buf)))
	w.Bytes(part.buf)
}

// AppendAge appends a duration in whole milliseconds, clamped to 0 … MaxAge.
func AppendAge(dst []byte, d time.Duration) []byte {
	d = min(max(d, 0), MaxAge)
	return binary.AppendUvarint(dst, uint64(d.Milliseconds()))
}

// Origins returns the origin table of the link, for a frame of [Writer.Whole]. The caller
// must obey the rule of TableOrigin.
func (w *Writer) Origins() *SentOrigins { return w.origins }
