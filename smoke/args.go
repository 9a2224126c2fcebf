package smoke

import (
	"errors"
	"fmt"

	"github.com/smokesignal-go/smokesignal/internal/args"
)

// Raw is the arguments of an event, encoded already: one msgpack array. Emitted
// as the only argument it is sent as it is. [Event.Raw] gives it.
type Raw []byte

// EncodeError says that an argument can't be sent.
type EncodeError struct {
	Arg  int    // which one, counted from 1; 0: all of them together
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
	errRawMixed = errors.New("Raw stands for all the arguments: pass it alone, or pass a []byte")
	errEvent    = errors.New("an event as an argument would travel without its arguments: pass what its method Raw returns, or the fields that are of use")
)

// encodeArgs appends the msgpack array of the arguments to dst; see args.Append. Raw is
// such an array already.
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

// ErrArguments is what every *[ArgumentError] is.
var ErrArguments = errors.New("the arguments do not fit")

// ArgumentError says that the arguments of an event are not what a handler, or
// a call of Bind, wants. It is the origin's doing, or two versions of a program
// that do not agree.
type ArgumentError struct {
	Event  string // the name
	Origin ID
	Arg    int    // which argument, counted from 1; 0: all of them
	Want   string // "2 arguments", or a Go type
	Got    string // "1 argument", or what came instead of that type
	Err    error  // what the decoder said; nil where Want and Got say it all
}

// Error implements error.
func (e *ArgumentError) Error() string {
	why := args.DecodeError{Arg: e.Arg, Want: e.Want, Got: e.Got, Err: e.Err}
	return fmt.Sprintf("event %q from %s: %v", e.Event, e.Origin.Short(), &why)
}

// Is makes every ArgumentError an [ErrArguments].
func (e *ArgumentError) Is(target error) bool { return target == ErrArguments }

// Unwrap returns what the decoder said.
func (e *ArgumentError) Unwrap() error { return e.Err }

// argumentError adds the event to an error of package args.
func argumentError(name string, origin ID, err error) error {
	why := err.(*args.DecodeError) // package args returns no other when it decodes
	return &ArgumentError{Event: name, Origin: origin, Arg: why.Arg, Want: why.Want, Got: why.Got, Err: why.Err}
}
