// Package batch lays the bodies of events one behind another in one slice of
// bytes: each with its length before it, as a uvarint. So a run of small events
// is copied, stored and sent as one piece, whatever their number, and only
// whoever wants a single one takes it apart.
//
// All functions are pure and safe for concurrent use. None takes memory, but
// for [Append] where dst has no room.
package batch

import (
	"encoding/binary"
	"math/bits"
)

// Append appends one body.
func Append(dst, body []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(body))), body...)
}

// Size is how many bytes Append adds for a body of that length.
func Size(body int) int { return (max(bits.Len(uint(body)), 1)+6)/7 + body }

// Next takes the first body off. It is not ok at the end, and where the bytes
// are no body: then rest is what was given.
func Next(b []byte) (body, rest []byte, ok bool) {
	if len(b) > 0 && b[0] < 0x80 { // nearly always
		if end := 1 + int(b[0]); end <= len(b) {
			return b[1:end:end], b[end:], true
		}
		return nil, b, false
	}
	size, n := binary.Uvarint(b)
	if n <= 0 || size > uint64(len(b)-n) || Size(int(size)) != n+int(size) {
		return nil, b, false // cut short, or a length in more bytes than it needs
	}
	end := n + int(size)
	return b[n:end:end], b[end:], true
}

// Skip takes the first n bodies off, as far as there are so many.
func Skip(b []byte, n int) []byte {
	for ; n > 0; n-- {
		_, rest, ok := Next(b)
		if !ok {
			return b[len(b):]
		}
		b = rest
	}
	return b
}

// Slice is the bodies from..to, counted from 0, of what holds at least so many.
func Slice(b []byte, from, to int) []byte {
	b = Skip(b, from)
	end := len(b) - len(Skip(b, to-from))
	return b[:end:end]
}

// Count is how many bodies there are. It is not ok where the bytes are not just
// bodies.
func Count(b []byte) (n int, ok bool) {
	for len(b) > 0 {
		if _, b, ok = Next(b); !ok {
			return n, false
		}
		n++
	}
	return n, true
}
