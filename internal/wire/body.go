package wire

import (
	"fmt"

	"github.com/smokesignal-go/smokesignal/internal/frame"
	"github.com/smokesignal-go/smokesignal/internal/signed"
)

// AppendBody appends the body of an event: the length of the name in one byte, the name,
// and the payload. The payload is msgpack, after [Headers] if there are any. An empty
// name, a name longer than MaxName, or a payload longer than MaxPayload is an error that
// wraps ErrMalformed or ErrTooLarge. AppendBody then returns dst unchanged.
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

// SplitBody splits a body that [AppendBody] made. Both results are parts of body. A
// signature before them is skipped and not verified. SplitBody never fails on the body
// of a message that a Decoder returned. The payload is not checked; see [SafePayload].
func SplitBody(body []byte) (name, payload []byte, err error) {
	if f := frame.BodyFault(body); f.Err != nil {
		return nil, nil, fmt.Errorf("split event of %d bytes: %v: %w", len(body), f, f.Err)
	}
	body = signed.Strip(body)
	end := 1 + int(body[0])
	return body[1:end:end], body[end:], nil
}

// IsSigned reports whether a body has a signature. Nodes verify it before they forward
// the event or deliver it to the program.
func IsSigned(body []byte) bool { return signed.Is(body) }

// directFault is frame.BodyFault for an event that is sent over one link only. Such an
// event has no signature, because its origin is the other end of the link.
func directFault(body []byte) frame.Fault {
	if signed.Is(body) {
		return frame.Fault{Field: "event name", Reason: "is empty", Err: ErrMalformed}
	}
	return frame.BodyFault(body)
}
