package wire

import "encoding/binary"

// This file has a table that is indexed by the first byte of a msgpack value. Each entry
// describes the type and the length of such values.

// sort is how walk treats a value.
type sort uint8

const (
	sortPlain     sort = iota // a value of a fixed size
	sortBytes                 // a string or binary
	sortArray                 // an array: a count of values follows
	sortMap                   // a map: a count of pairs of values follows
	sortTimestamp             // an extension header that is valid only for a timestamp
	sortExtension             // an extension header that can't be a timestamp's
	sortReserved              // 0xc1, which begins no value
)

// shape describes the values with a given first byte.
type shape struct {
	sort        sort
	head        uint8 // bytes of the whole value, or bytes before the part that the length or count covers
	lengthBytes uint8 // size in bytes of the length or count that follows; 0: the field count holds it
	count       uint8
}

// The lengths of a timestamp: the shortest and the longest format.
const (
	shortTimestamp = 6
	longTimestamp  = 15
)

var shapes = makeShapes()

func makeShapes() (t [256]shape) {
	for i := range t {
		switch c := uint8(i); {
		case c < 0x80 || c >= 0xe0: // fixint
			t[c] = shape{sort: sortPlain, head: 1}
		case c < 0x90: // fixmap
			t[c] = shape{sort: sortMap, head: 1, count: c & 0x0f}
		case c < 0xa0: // fixarray
			t[c] = shape{sort: sortArray, head: 1, count: c & 0x0f}
		case c < 0xc0: // fixstr
			t[c] = shape{sort: sortBytes, head: 1, count: c & 0x1f}
		}
	}
	for _, c := range []uint8{0xc0, 0xc2, 0xc3} { // nil, false, true
		t[c] = shape{sort: sortPlain, head: 1}
	}
	t[0xc1] = shape{sort: sortReserved, head: 1}
	t[0xca] = shape{sort: sortPlain, head: 5}  // float 32
	t[0xcb] = shape{sort: sortPlain, head: 9}  // float 64
	for i, size := range []uint8{2, 3, 5, 9} { // 8, 16, 32 and 64 bits
		t[0xcc+i] = shape{sort: sortPlain, head: size} // uint
		t[0xd0+i] = shape{sort: sortPlain, head: size} // int
	}
	for i, n := range []uint8{1, 2, 4} { // with a length of 8, 16 and 32 bits
		t[0xc4+i] = shape{sort: sortBytes, head: 1 + n, lengthBytes: n} // bin
		t[0xd9+i] = shape{sort: sortBytes, head: 1 + n, lengthBytes: n} // str
	}
	for i, n := range []uint8{2, 4} { // with a count of 16 and 32 bits
		t[0xdc+i] = shape{sort: sortArray, head: 1 + n, lengthBytes: n}
		t[0xde+i] = shape{sort: sortMap, head: 1 + n, lengthBytes: n}
	}
	// Three of the eight extension headers can be a timestamp's; see timestampFault.
	// The others are refused, so their entries have no head.
	t[0xd6] = shape{sort: sortTimestamp, head: shortTimestamp} // fixext 4
	t[0xd7] = shape{sort: sortTimestamp, head: 10}             // fixext 8
	t[0xc7] = shape{sort: sortTimestamp, head: longTimestamp}  // ext 8
	for _, c := range []uint8{0xc8, 0xc9, 0xd4, 0xd5, 0xd8} {
		t[c] = shape{sort: sortExtension}
	}
	return t
}

// timestampFault returns what is wrong with a timestamp, which is the extension type -1,
// or "" if it is valid. There are three formats:
//
//	d6 ff    | seconds uint32
//	d7 ff    | nanoseconds 30 bits, seconds 34 bits
//	c7 0c ff | nanoseconds uint32 | seconds int64
func timestampFault(b []byte) string {
	nanoseconds := uint64(0)
	ok := b[1] == 0xff
	switch len(b) {
	case 10:
		nanoseconds = binary.BigEndian.Uint64(b[2:]) >> 34
	case longTimestamp:
		ok = b[1] == 0x0c && b[2] == 0xff
		nanoseconds = uint64(binary.BigEndian.Uint32(b[3:]))
	}
	switch {
	case !ok:
		return "extension type is not allowed"
	case nanoseconds >= 1e9:
		return "timestamp has a second or more of nanoseconds"
	}
	return ""
}

// appendLongTimestamp appends the timestamp b, which is in one of the two short formats,
// in the long format.
func appendLongTimestamp(dst, b []byte) []byte {
	var nanoseconds, seconds uint64
	if len(b) == shortTimestamp {
		seconds = uint64(binary.BigEndian.Uint32(b[2:]))
	} else {
		both := binary.BigEndian.Uint64(b[2:])
		nanoseconds, seconds = both>>34, both&(1<<34-1)
	}
	dst = append(dst, 0xc7, 0x0c, 0xff)
	dst = binary.BigEndian.AppendUint32(dst, uint32(nanoseconds))
	return binary.BigEndian.AppendUint64(dst, seconds)
}
