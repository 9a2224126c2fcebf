package smoke

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"sync"

	"github.com/vmihailenco/msgpack/v5"
	"github.com/vmihailenco/msgpack/v5/msgpcode"
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
	msgpack *msgpack.Decoder
	left    bytes.Reader
	event   string // its name, and the next its origin: for errors
	origin  ID
	count   int // how many there are
	arg     int // the next one, counted from 1
	broken  bool
}

var decoders = sync.Pool{New: func() any { return &arguments{msgpack: msgpack.NewDecoder(nil)} }}

// openArguments checks the arguments of an event and begins to decode them.
// Close what it returns.
func openArguments(e Event) (*arguments, error) {
	b, err := safeArguments(e.payload)
	count, offset, ok := 0, 0, false
	if err == nil {
		count, offset, ok = arrayHeader(b)
	}
	if !ok {
		return nil, malformed(e, err)
	}
	a := decoders.Get().(*arguments)
	a.left.Reset(b[offset:])
	a.msgpack.Reset(&a.left)
	a.event, a.origin, a.count, a.arg, a.broken = e.Name, e.Origin, count, 1, false
	return a, nil
}

func malformed(e Event, err error) error {
	return &ArgumentError{Event: e.Name, Origin: e.Origin, Want: "an array of arguments", Got: "other bytes", Err: err}
}

// close lets the decoder go. One that failed is not used again: msgpack may have
// stopped in the middle of something.
func (a *arguments) close() {
	if a.broken {
		return
	}
	a.left.Reset(nil)
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
	info := inspect(v.Type(), toDecode)
	if info.fault != "" {
		return a.fail("a type that can be decoded", info.fault, nil)
	}
	code, err := a.msgpack.PeekCode()
	if err == nil {
		switch {
		case info.own:
			err = a.decode(v)
		case v.CanInt():
			err = a.decodeInt(v, code)
		case v.CanUint():
			err = a.decodeUint(v, code)
		default:
			err = a.decode(v)
		}
	}
	if err != nil {
		a.broken = true
		return a.fail(v.Type().String(), kindOf(code), err)
	}
	a.arg++
	return nil
}

// nextInto is next for a value that is no number, of a type that can be decoded.
func (a *arguments) nextInto(ptr any) error {
	code, err := a.msgpack.PeekCode()
	if err == nil {
		err = a.decodeInto(ptr)
	}
	if err != nil {
		a.broken = true
		return a.fail(reflect.TypeOf(ptr).Elem().String(), kindOf(code), err)
	}
	a.arg++
	return nil
}

// decode leaves it to msgpack. What it checks by panicking, such as an array as
// the key of a map, and panics of types that decode themselves are errors here.
//
// A struct that embeds a pointer to a struct makes msgpack v5.4.1 start one
// goroutine for that type, which stays for the life of the process.
func (a *arguments) decode(v reflect.Value) error { return a.decodeInto(v.Addr().Interface()) }

func (a *arguments) decodeInto(ptr any) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("panic: %v", value)
		}
	}()
	return a.msgpack.Decode(ptr)
}

var errRange = errors.New("the number is out of its range")

// decodeInt decodes an integer and refuses what does not fit, which msgpack
// would cut to size.
func (a *arguments) decodeInt(v reflect.Value, code byte) error {
	if code == msgpcode.Uint64 {
		n, err := a.msgpack.DecodeUint64()
		if err != nil {
			return err
		}
		if int64(n) < 0 || v.OverflowInt(int64(n)) {
			return errRange
		}
		v.SetInt(int64(n))
		return nil
	}
	n, err := a.msgpack.DecodeInt64()
	if err != nil {
		return err
	}
	if v.OverflowInt(n) {
		return errRange
	}
	v.SetInt(n)
	return nil
}

// decodeUint does the same for a number without a sign.
func (a *arguments) decodeUint(v reflect.Value, code byte) error {
	if code == msgpcode.Uint64 {
		n, err := a.msgpack.DecodeUint64()
		if err != nil {
			return err
		}
		if v.OverflowUint(n) {
			return errRange
		}
		v.SetUint(n)
		return nil
	}
	n, err := a.msgpack.DecodeInt64()
	if err != nil {
		return err
	}
	if n < 0 || v.OverflowUint(uint64(n)) {
		return errRange
	}
	v.SetUint(uint64(n))
	return nil
}

// oneString gives the first argument where it is a string or bytes, and is the
// short way for the handlers that want nothing else. The result is a part of
// the event.
func oneString(e Event, want string) ([]byte, error) {
	b, err := safeArguments(e.payload)
	count, offset, ok := 0, 0, false
	if err == nil {
		count, offset, ok = arrayHeader(b)
	}
	if !ok {
		return nil, malformed(e, err)
	}
	if count == 0 {
		return nil, &ArgumentError{Event: e.Name, Origin: e.Origin, Want: plural(1), Got: plural(0)}
	}
	s, ok := stringAt(b[offset:])
	if !ok {
		return nil, &ArgumentError{Event: e.Name, Origin: e.Origin, Arg: 1, Want: want, Got: kindOf(b[offset])}
	}
	return s, nil
}
