// Package batch joins event bodies in one byte slice, each after its length as a
// uvarint. A run of small events is copied, stored and sent as one piece. Only a caller
// that needs a single body decodes it.
//
// All functions are pure and safe for concurrent use. Only [Append] may allocate, if
// dst has no capacity left.
package batch

import (
	"encoding/binary"
	"math/bits"
)

// Append appends one body to dst.
func Append(dst, body []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(body))), body...)
}

// Size returns the number of bytes that Append adds for a body of the given length.
func Size(body int) int { return (max(bits.Len(uint(body)), 1)+6)/7 + body }

// Next splits b into its first body and the rest. It returns false at the end of b, and
// if b does not begin with a valid body; rest is then b.
func Next(b []byte) (body, rest []byte, ok bool) {
	if len(b) > 0 && b[0] < 0x80 { // the usual case
		if end := 1 + int(b[0]); end <= len(b) {
			return b[1:end:end], b[end:], true
		}
		return nil, b, false
	}
	size, n := binary.Uvarint(b)
	if n <= 0 || size > uint64(len(b)-n) || Size(int(size)) != n+int(size) {
		return nil, b, false // truncated, or a length with more bytes than it needs
	}
	end := n + int(size)
	return b[n:end:end], b[end:], true
}

// Skip removes the first n bodies of b. If b holds fewer, it returns an empty slice.
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

// Slice returns the bodies from (inclusive) to to (exclusive), counted from 0. The
// batch must hold at least to bodies.
func Slice(b []byte, from, to int) []byte {
	b = Skip(b, from)
	end := len(b) - len(Skip(b, to-from))
	return b[:end:end]
}

// Count returns the number of bodies in b. It returns false if b contains anything
// else.
func Count(b []byte) (n int, ok bool) {
	for len(b) > 0 {
		if _, b, ok = Next(b); !ok {
			return n, false
		}
		n++
	}
	return n, true
}
