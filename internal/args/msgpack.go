package args

import "encoding/binary"

// The parts of msgpack that this package decodes itself: the heads of arrays and strings.

// arrayHeader reads the head of an array. It returns the number of values, and where the first one
// begins.
func arrayHeader(b []byte) (count, offset int, ok bool) {
	switch {
	case len(b) >= 1 && b[0]&0xf0 == 0x90:
		return int(b[0] & 0x0f), 1, true
	case len(b) >= 3 && b[0] == 0xdc:
		return int(binary.BigEndian.Uint16(b[1:])), 3, true
	case len(b) >= 5 && b[0] == 0xdd:
		return int(binary.BigEndian.Uint32(b[1:])), 5, true
	}
	return 0, 0, false
}

// stringAt returns the string or binary at the start of b, or nil for nil. b must have passed check. The
// result is a part of b.
func stringAt(b []byte) (s []byte, ok bool) {
	head, n := 0, 0
	switch c := b[0]; {
	case c == 0xc0:
		return nil, true
	case c&0xe0 == 0xa0:
		head, n = 1, int(c&0x1f)
	case c == 0xc4 || c == 0xd9:
		head, n = 2, int(b[1])
	case c == 0xc5 || c == 0xda:
		head, n = 3, int(binary.BigEndian.Uint16(b[1:]))
	case c == 0xc6 || c == 0xdb:
		head, n = 5, int(binary.BigEndian.Uint32(b[1:]))
	default:
		return nil, false
	}
	return b[head : head+n], true
}
