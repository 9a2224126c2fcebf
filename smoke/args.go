package smoke

import (
	"errors"
	"fmt"

	"github.com/smokesignal-go/smokesignal/internal/codec"
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

// Error gives the sentence.
func (e *EncodeError) Error() string {
	if e.Arg == 0 {
		return fmt.Sprintf("encode the arguments: %v", e.Err)
	}
	return fmt.Sprintf("encode argument %d, a %s: %v", e.Arg, e.Type, e.Err)
}

// Unwrap gives the reason.
func (e *EncodeError) Unwrap() error { return e.Err }

var (
	errRawMixed = errors.New("Raw stands for all the arguments: pass it alone, or pass a []byte")
	errEvent    = errors.New("an event as an argument would travel without its arguments: pass what its method Raw returns, or the fields that are of use")
	errRawArray = errors.New("Raw is to hold a msgpack array, one value for each argument")
)

// encodeArgs appends the msgpack array of the arguments to dst. Every node takes what it
// returns without an error, unless it is too long, which the caller checks. After an
// error, an *EncodeError, dst is as it was. It may be called from any goroutine; args are
// only read.
func encodeArgs(dst []byte, args ...any) ([]byte, error) {
	for i, arg := range args {
		switch arg := arg.(type) {
		case Raw:
			if len(args) == 1 {
				return appendRaw(dst, arg)
			}
			return dst, &EncodeError{Arg: i + 1, Type: "smoke.Raw", Err: errRawMixed}
		case Event, *Event:
			return dst, &EncodeError{Arg: i + 1, Type: fmt.Sprintf("%T", arg), Err: errEvent}
		}
	}
	out, err := codec.Append(dst, args...)
	if err == nil {
		return out, nil
	}
	argument := err.(*codec.ArgError) // Append returns no other
	failed := &EncodeError{Arg: argument.Arg, Err: argument.Err}
	if argument.Arg > 0 {
		failed.Type = fmt.Sprintf("%T", args[argument.Arg-1])
	}
	return dst, failed
}

func appendRaw(dst []byte, raw Raw) ([]byte, error) {
	if _, _, ok := arrayHeader(raw); !ok {
		return dst, &EncodeError{Arg: 1, Type: "smoke.Raw", Err: errRawArray}
	}
	if err := checkPayload(raw); err != nil {
		return dst, &EncodeError{Arg: 1, Type: "smoke.Raw", Err: err}
	}
	return append(dst, raw...), nil
}
