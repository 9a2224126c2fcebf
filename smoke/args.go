package smoke

import (
	"errors"
	"fmt"

	"github.com/smokesignal-go/smokesignal/internal/args"
)

// Raw is the encoded arguments of an event: one msgpack array. If it is the only argument
// of an Emit, it is sent unchanged. [Event.Raw] returns it.
type Raw []byte

// EncodeError reports an argument that can't be sent.
type EncodeError struct {
	Arg  int    // number of the argument, from 1; 0 if all of them together are too much
	Type string // its Go type
	Err  error  // why
}

// Error implements error.
func (e *EncodeError) Error() string {
	if e.Arg == 0 {
		return fmt.Sprintf("encode the arguments: %v", e.Err)
	}
	return fmt.Sprintf("encode argument %d, a %s: %v", e.Arg, e.Type, e.Err)
}

// Unwrap returns Err.
func (e *EncodeError) Unwrap() error { return e.Err }

var (
	errRawMixed = errors.New("a Raw holds all arguments: pass it alone, or pass a []byte")
	errEvent    = errors.New("an event as an argument would travel without its arguments: pass the result of its method Raw, or single fields")
)

// encodeArgs appends the arguments to dst as a msgpack array; see args.Append. A Raw is
// such an array already, and is copied after a check.
func encodeArgs(dst []byte, values ...any) ([]byte, error) {
	for i, value := range values {
		switch value := value.(type) {
		case Raw:
			err := errRawMixed
			if len(values) == 1 {
				if err = args.CheckArray(value); err == nil {
					return append(dst, value...), nil
				}
			}
			return dst, &EncodeError{Arg: i + 1, Type: "smoke.Raw", Err: err}
		case Event, *Event:
			return dst, &EncodeError{Arg: i + 1, Type: fmt.Sprintf("%T", value), Err: errEvent}
		}
	}
	out, err := args.Append(dst, values...)
	if err != nil {
		return dst, (*EncodeError)(err.(*args.EncodeError)) // Append returns no other
	}
	return out, nil
}

// ErrArguments is matched by every *[ArgumentError], with errors.Is.
var ErrArguments = errors.New("the arguments do not fit")

// ArgumentError reports that the arguments of an event do not fit the parameters of a
// handler, or the pointers in a call of Bind. Often two versions of a program disagree,
// or the origin has sent invalid bytes.
type ArgumentError struct {
	Event  string // the name
	Origin ID
	Arg    int    // number of the argument, from 1; 0: all of them
	Want   string // "2 arguments", or a Go type
	Got    string // "1 argument", or what arrived instead
	Err    error  // from the decoder; nil if Want and Got say everything
}

// Error implements error.
func (e *ArgumentError) Error() string {
	why := args.DecodeError{Arg: e.Arg, Want: e.Want, Got: e.Got, Err: e.Err}
	return fmt.Sprintf("event %q from %s: %v", e.Event, e.Origin.Short(), &why)
}

// Is reports whether target is [ErrArguments].
func (e *ArgumentError) Is(target error) bool { return target == ErrArguments }

// Unwrap returns Err.
func (e *ArgumentError) Unwrap() error { return e.Err }

// argumentError adds the event to an error of package args.
func argumentError(name string, origin ID, err error) error {
	why := err.(*args.DecodeError) // package args returns no other when it decodes
	return &ArgumentError{Event: name, Origin: origin, Arg: why.Arg, Want: why.Want, Got: why.Got, Err: why.Err}
}
