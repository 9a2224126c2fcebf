// Package args turns the arguments of an event into one msgpack array and back. The package
// knows neither the event nor the node. Its errors name the argument only, and the caller
// adds the event.
//
// A payload is what an event carries: headers, if there are any, and the array. Open,
// OneString and Count take payloads from other nodes, and check them before they decode.
//
// All functions may be called from any goroutine. A Reader belongs to one goroutine at a
// time.
package args

import (
	"errors"
	"fmt"

	"github.com/smokesignal-go/smokesignal/internal/codec"
	"github.com/smokesignal-go/smokesignal/internal/wire"
)

// EncodeError reports that an argument can't be sent.
type EncodeError struct {
	Arg  int    // which argument, counted from 1; 0: all of them together
	Type string // the Go type of the argument
	Err  error  // why
}

// Error implements error.
func (e *EncodeError) Error() string {
	if e.Arg == 0 {
		return fmt.Sprintf("encode the arguments: %v", e.Err)
	}
	return fmt.Sprintf("encode argument %d, a %s: %v", e.Arg, e.Type, e.Err)
}

// Unwrap returns the reason.
func (e *EncodeError) Unwrap() error { return e.Err }

// Append appends the array of the arguments to dst. Every node accepts the result, unless it is too
// long, which the caller checks. An error is an *EncodeError, and dst is returned unchanged. Append
// does not change the values.
func Append(dst []byte, values ...any) ([]byte, error) {
	out, err := codec.Append(dst, values...)
	if err == nil {
		return out, nil
	}
	argument := err.(*codec.ArgError) // codec.Append returns no other error
	failed := &EncodeError{Arg: argument.Arg, Err: argument.Err}
	if argument.Arg > 0 {
		failed.Type = fmt.Sprintf("%T", values[argument.Arg-1])
	}
	return dst, failed
}

var errNoArray = errors.New("a Raw must hold a msgpack array, one value for each argument")

// CheckArray reports why bytes can't be sent as the array of all arguments.
func CheckArray(b []byte) error {
	if _, _, ok := arrayHeader(b); !ok {
		return errNoArray
	}
	return wire.CheckPayload(b)
}

// Count returns how many arguments an array has, by its own header. It returns 0 if the bytes are not
// an array.
func Count(array []byte) int {
	n, _, _ := arrayHeader(array)
	return n
}

// Plural returns "1 argument", or n with the plural.
func Plural(n int) string {
	if n == 1 {
		return "1 argument"
	}
	return fmt.Sprintf("%d arguments", n)
}
