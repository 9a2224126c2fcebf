package smoke

import (
	"errors"
	"fmt"
	"reflect"
	"sync"

	"github.com/smokesignal-go/smokesignal/internal/codec"
	"github.com/smokesignal-go/smokesignal/internal/emitter"
)

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

// Error gives the sentence.
func (e *ArgumentError) Error() string {
	text := fmt.Sprintf("event %q from %s: ", e.Event, e.Origin.Short())
	if e.Arg > 0 {
		text += fmt.Sprintf("argument %d: ", e.Arg)
	}
	text += "want " + e.Want + ", got " + e.Got
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Is makes every ArgumentError an [ErrArguments].
func (e *ArgumentError) Is(target error) bool { return target == ErrArguments }

// Unwrap gives what the decoder said.
func (e *ArgumentError) Unwrap() error { return e.Err }

// arguments decodes the arguments of one event, one after another.
type arguments struct {
	codec.Decoder
	event  string // its name, and the next its origin: for errors
	origin ID
	count  int // how many there are
	arg    int // the next one, counted from 1
}

var decoders = sync.Pool{New: func() any { return new(arguments) }}

// openArguments checks the arguments of an event and begins to decode them.
// Close what it returns.
func openArguments(e Event) (*arguments, error) {
	b, err := checkedArguments(e.payload)
	count, offset, ok := 0, 0, false
	if err == nil {
		count, offset, ok = arrayHeader(b)
	}
	if !ok {
		return nil, malformed(e, err)
	}
	a := decoders.Get().(*arguments)
	a.Reset(b, offset)
	a.event, a.origin, a.count, a.arg = e.Name, e.Origin, count, 1
	return a, nil
}

func malformed(e Event, err error) error {
	return &ArgumentError{Event: e.Name, Origin: e.Origin, Want: "an array of arguments", Got: "other bytes", Err: err}
}

// close gives the decoder back.
func (a *arguments) close() {
	a.Reset(nil, 0)
	a.event = ""
	decoders.Put(a)
}

// need fails where there are fewer than n arguments.
func (a *arguments) need(n int) error {
	if a.count < n {
		return &ArgumentError{Event: a.event, Origin: a.origin, Want: plural(n), Got: plural(a.count)}
	}
	return nil
}

func plural(n int) string {
	if n == 1 {
		return "1 argument"
	}
	return fmt.Sprintf("%d arguments", n)
}

// fail makes the error for the current argument.
func (a *arguments) fail(want, got string, err error) error {
	return &ArgumentError{Event: a.event, Origin: a.origin, Arg: a.arg, Want: want, Got: got, Err: err}
}

// next decodes the current argument into v, which is settable, and goes on to
// the one after it. There must be one.
func (a *arguments) next(v reflect.Value) error {
	if fault := codec.DecodeFault(v.Type()); fault != "" {
		return a.fail("a type that can be decoded", fault, nil)
	}
	return a.decode(v, (*codec.Decoder).Decode)
}

// decode is next with the function that decodes, for a type that has no fault.
func (a *arguments) decode(v reflect.Value, decode func(*codec.Decoder, reflect.Value) error) error {
	code := a.Code()
	if err := decode(&a.Decoder, v); err != nil {
		if codec.IsMismatch(err) {
			err = nil // the error of the argument says the same
		}
		return a.fail(v.Type().String(), codec.KindOf(code), err)
	}
	a.arg++
	return nil
}

// oneString returns the first argument if it is a string or bytes, and how many there
// are besides. It is the short way for handlers that take nothing else. The result is a
// part of the event.
func oneString(e *emitter.Event, want string) (s []byte, others int, err error) {
	b, err := checkedArguments(e.Payload)
	count, offset, ok := 0, 0, false
	if err == nil {
		count, offset, ok = arrayHeader(b)
	}
	if !ok {
		return nil, 0, malformed(newEvent(e), err)
	}
	if count == 0 {
		return nil, 0, &ArgumentError{Event: e.Name, Origin: e.Origin, Want: plural(1), Got: plural(0)}
	}
	s, ok = stringAt(b[offset:])
	if !ok {
		return nil, 0, &ArgumentError{Event: e.Name, Origin: e.Origin, Arg: 1, Want: want, Got: codec.KindOf(b[offset])}
	}
	return s, count - 1, nil
}
