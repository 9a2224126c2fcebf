package wire

import (
	"encoding/binary"
	"fmt"
)

// The limits of a payload beside MaxPayload.
const (
	// MaxDepth is how deep arrays and maps may be nested. The decoder of
	// msgpack calls itself for each level, and a stack that overflows can't be
	// recovered.
	MaxDepth = 32

	// MaxElements is how many values the arrays and maps of a payload may hold
	// together; a map entry is two. Decoded into any, an element of one byte
	// can take a hundred bytes of memory.
	MaxElements = 1 << 16
)

// PayloadError says what is wrong with a payload.
type PayloadError struct {
	Offset int    // in bytes from the start of the payload
	Reason string // what is wrong there, for a log
	Err    error  // ErrMalformed or ErrTooLarge
}

// Error gives the offset, the reason and the sort of error.
func (e *PayloadError) Error() string {
	return fmt.Sprintf("payload at byte %d: %s: %v", e.Offset, e.Reason, e.Err)
}

// Unwrap gives the sentinel.
func (e *PayloadError) Unwrap() error { return e.Err }

// CheckPayload reports, as a *PayloadError, why other nodes would not decode b,
// for the sender: b must be exactly one msgpack value, at most
// MaxDepth deep and with at most MaxElements elements, in which every container,
// string and binary fits in the bytes that follow it, and no extension type but
// the timestamp occurs. It takes no memory and its time is linear.
//
// The receiver calls [SafePayload] before it decodes b.
func CheckPayload(b []byte) error {
	_, _, err := walk(b, nil)
	return err
}

// SafePayload gives what may be handed to msgpack in place of b, which came
// from a peer, or the error of [CheckPayload]. That is b itself unless b holds
// timestamps of the 32 or 64 bit format. These come out in the 96 bit format,
// in a copy, at most 2.5 times as long.
//
// The reason is in msgpack v5.4.1. Where it expects a map and meets an extension
// it skips the extension's header and takes the data for the map: the eight
// bytes of a valid timestamp can claim four thousand million entries, for which
// it asks at once, and can shift everything that was checked behind them. In
// the 96 bit format the first byte of the data is below 0x3c, no map can begin
// with that, and the decoder returns an error.
//
// Where a safe payload is not of the type that the program wants, msgpack may
// still panic, in ways that recover handles: on an array as the key of a
// map[any]any, or on nil as a value of a map[string]time.Time. So decode under a
// recover.
func SafePayload(b []byte) ([]byte, error) {
	_, short, err := walk(b, nil)
	if err != nil || short == 0 {
		return b, err
	}
	out, _, err := walk(b, make([]byte, 0, len(b)+short*(longTimestamp-shortTimestamp)))
	return out, err
}

// walk goes over one msgpack value and all that it holds, and counts the
// timestamps in a format that has to be rewritten. Where out is not nil it
// rewrites: out grows to the whole document.
func walk(b, out []byte) (rewritten []byte, short int, err error) {
	var (
		open     [MaxDepth]uint32 // values still to come in each open container
		depth    int
		elements uint64
		copied   int // how much of b is in out
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

		// A value is complete, and with it each container of which it is the last.
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
