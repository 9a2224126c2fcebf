package frame

import "errors"

// The kinds of faults of a frame, for errors.Is. Package wire wraps these errors.
var (
	// ErrTooLarge: a frame, a list, a text or a payload is over its limit.
	ErrTooLarge = errors.New("too large")

	// ErrMalformed: the bytes do not have the layout of their kind.
	ErrMalformed = errors.New("malformed")

	// ErrUnknownMessage: no protocol has registered a frame for the message.
	ErrUnknownMessage = errors.New("no such message")
)

// Fault says what is wrong with a field. The zero Fault means that nothing is wrong. Its
// texts are constants, so that a search for faults allocates nothing.
type Fault struct {
	Field, Reason string
	Err           error // ErrTooLarge, ErrMalformed or ErrUnknownMessage
}

// String returns the field and the reason.
func (f Fault) String() string { return f.Field + " " + f.Reason }
