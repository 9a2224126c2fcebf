package wire

import (
	"fmt"

	"github.com/smokesignal-go/smokesignal/internal/frame"
	"github.com/smokesignal-go/smokesignal/internal/signed"
)

// AppendBody appends the body of an event: a byte that gives the length of the
// name, the name, and the payload, which is msgpack, with [Headers] before it if
// there are any. A name of no bytes or of more than MaxName, or a payload of more
// than MaxPayload, is an error that wraps ErrMalformed or ErrTooLarge, and dst comes
// back as it was.
func AppendBody(dst []byte, name string, payload []byte) ([]byte, error) {
	switch {
	case len(name) == 0:
		return dst, fmt.Errorf("encode event: empty name: %w", ErrMalformed)
	case len(name) > MaxName:
		return dst, fmt.Errorf("encode event: name of %d bytes, at most %d: %w", len(name), MaxName, ErrTooLarge)
	case len(payload) > MaxPayload:
		return dst, fmt.Errorf("encode event %q: payload of %d bytes, at most %d: %w", name, len(payload), MaxPayload, ErrTooLarge)
	}
	dst = append(dst, byte(len(name)))
	dst = append(dst, name...)
	return append(dst, payload...), nil
}

// SplitBody takes apart what [AppendBody] made: both parts belong to body. A
// signature before them is passed over, and not verified. It never fails on the body
// of a message that a Decoder returned. The payload has not been looked at; see
// [SafePayload].
func SplitBody(body []byte) (name, payload []byte, err error) {
	if f := frame.BodyFault(body); f.Err != nil {
		return nil, nil, fmt.Errorf("split event of %d bytes: %v: %w", len(body), f, f.Err)
	}
	body = signed.Strip(body)
	end := 1 + int(body[0])
	return body[1:end:end], body[end:], nil
}

// IsSigned reports whether there is a signature in a body. Nodes verify it before
// they pass the event on, or hand it to the program.
func IsSigned(body []byte) bool { return signed.Is(body) }

// directFault is frame.BodyFault for an event that goes over one link only: its origin
// is at the other end, so it has no signature.
func directFault(body []byte) frame.Fault {
	if signed.Is(body) {
		return frame.Fault{Field: "event name", Reason: "is empty", Err: ErrMalformed}
	}
	return frame.BodyFault(body)
}
