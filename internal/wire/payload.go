package wire

import (
	"encoding/binary"
	"fmt"
)

// The limits of a payload in addition to MaxPayload.
const (
	// MaxDepth is how deep arrays and maps may be nested. The decoder of msgpack
	// recurses for each level, and a program can't recover from a stack overflow.
	MaxDepth = 32

	// MaxElements is how many values all arrays and maps of a payload may hold
	// together. A map entry counts as two. An element of one byte can take a hundred
	// bytes of memory if it is decoded into any.
	MaxElements = 1 << 16
)

// PayloadError reports a payload that can't be accepted.
type PayloadError struct {
	Offset int    // in bytes from the start of the payload
	Reason string // what is wrong there, for a log
	Err    error  // ErrMalformed or ErrTooLarge
}

// Error implements error.
func (e *PayloadError) Error() string {
	return fmt.Sprintf("payload at byte %d: %s: %v", e.Offset, e.Reason, e.Err)
}

// Unwrap returns Err.
func (e *PayloadError) Unwrap() error { return e.Err }

// CheckPayload reports, as a *PayloadError, why other nodes would refuse to decode b. The
// sender calls it. b must be exactly one msgpack value, nested at most MaxDepth deep,
// with at most MaxElements elements. Every container, string and binary must fit in the
// bytes that follow it. The timestamp is the only extension type that is allowed.
// CheckPayload allocates nothing and takes linear time.
//
// The receiver calls [SafePayload] before it decodes b.
func CheckPayload(b []byte) error {
	_, _, err := walk(b, nil)
	return err
}

// SafePayload returns a payload with the values of b, which came from a peer, that is
// safe to decode with msgpack. It fails with the error of [CheckPayload]. The result is b
// itself, unless b has timestamps in the 32 or 64 bit format. Then it is a copy with
// these timestamps in the 96 bit format, at most 2.5 times as long as b.
//
// The copy is needed because of an error in msgpack v5.4.1. If the decoder expects a map
// and finds an extension, it skips the extension's header and decodes the data as a map.
// The eight bytes of a valid timestamp can claim a map of four thousand million entries,
// for which the decoder allocates memory at once. They can also shift the decoder's
// position, so that the checks of all bytes after them are void. In the 96 bit format the
// first byte of the data is below 0x3c, which begins no map, and the decoder returns an
// error.
//
// If a safe payload is not of the type that the program wants, msgpack may still panic:
// on an array as the key of a map[any]any, or on nil as a value of a
// map[string]time.Time. The caller must therefore recover from panics of the decoder.
func SafePayload(b []byte) ([]byte, error) {
	_, short, err := walk(b, nil)
	if err != nil || short == 0 {
		return b, err
	}
	out, _, err := walk(b, make([]byte, 0, len(b)+short*(longTimestamp-shortTimestamp)))
	return out, err
}

// walk checks one msgpack value with all values in it, and counts the timestamps in a
// short format. If out is not nil, walk appends to it a copy of b, with these timestamps
// rewritten to the long format.
func walk(b, out []byte) (rewritten []byte, short int, err error) {
	var (
		open     [MaxDepth]uint32 // values still to come in each open container
		depth    int
		elements uint64
		copied   int // number of bytes of b that are in out already
	)
	for i := 0; ; {
		if i == len(b) {
			return nil, 0, &PayloadError{i, "value is missing", ErrMalformed}
		}
		s := &shapes[b[i]]
		left := len(b) - i - int(s.head)
		if left < 0 {
			return nil, 0, &PayloadError{i, "value is cut short", ErrMalformed}
		}
		n := uint64(s.count)
		switch s.lengthBytes {
		case 1:
			n = uint64(b[i+1])
		case 2:
			n = uint64(binary.BigEndian.Uint16(b[i+1:]))
		case 4:
			n = uint64(binary.BigEndian.Uint32(b[i+1:]))
		}
		switch s.sort {
		case sortPlain:
			i += int(s.head)
		case sortBytes:
			if n > uint64(left) {
				return nil, 0, &PayloadError{i, "string or binary claims more than the bytes left", ErrMalformed}
			}
			i += int(s.head) + int(n)
		case sortMap, sortArray:
			if s.sort == sortMap {
				n *= 2
			}
			elements += n
			switch {
			case n > uint64(left):
				return nil, 0, &PayloadError{i, "container claims more than the bytes left", ErrMalformed}
			case elements > MaxElements:
				return nil, 0, &PayloadError{i, "too many elements", ErrTooLarge}
			case n > 0 && depth == MaxDepth:
				return nil, 0, &PayloadError{i, "nested too deep", ErrTooLarge}
			}
			i += int(s.head)
			if n > 0 {
				open[depth] = uint32(n)
				depth++
				continue
			}
		case sortTimestamp:
			reason := timestampFault(b[i : i+int(s.head)])
			if reason != "" {
				return nil, 0, &PayloadError{i, reason, ErrMalformed}
			}
			if s.head < longTimestamp {
				short++
				if out != nil {
					out = append(out, b[copied:i]...)
					out = appendLongTimestamp(out, b[i:i+int(s.head)])
					copied = i + int(s.head)
				}
			}
			i += int(s.head)
		case sortExtension:
			return nil, 0, &PayloadError{i, "extension type is not allowed", ErrMalformed}
		case sortReserved:
			return nil, 0, &PayloadError{i, "byte 0xc1 is not a value", ErrMalformed}
		}

		// The value is complete. So is each container that ends with it.
		for depth > 0 {
			open[depth-1]--
			if open[depth-1] > 0 {
				break
			}
			depth--
		}
		if depth > 0 {
			continue
		}
		if i < len(b) {
			return nil, 0, &PayloadError{i, "bytes after the value", ErrMalformed}
		}
		if out != nil {
			out = append(out, b[copied:]...)
		}
		return out, short, nil
	}
}
