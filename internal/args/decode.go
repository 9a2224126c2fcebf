package args

import (
	"fmt"
	"reflect"
	"sync"

	"github.com/smokesignal-go/smokesignal/internal/codec"
	"github.com/smokesignal-go/smokesignal/internal/wire"
)

// DecodeError reports that the arguments are not those that a receiver wants. The caller adds the
// event to it.
type DecodeError struct {
	Arg  int    // which argument, counted from 1; 0: all of them
	Want string // "2 arguments", or a Go type
	Got  string // "1 argument", or what the event has instead of that type
	Err  error  // what the decoder reported; nil if Want and Got say enough
}

// Error implements error.
func (e *DecodeError) Error() string {
	text := ""
	if e.Arg > 0 {
		text = fmt.Sprintf("argument %d: ", e.Arg)
	}
	text += "want " + e.Want + ", got " + e.Got
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns what the decoder reported.
func (e *DecodeError) Unwrap() error { return e.Err }

// Reader decodes the arguments of one event, one after another.
type Reader struct {
	codec.Decoder
	count int // how many arguments there are
	arg   int // the number of the next argument, from 1
}

var readers = sync.Pool{New: func() any { return new(Reader) }}

// Open checks a payload and returns a Reader of its arguments. The caller must call Close. The errors
// of Open and of all methods are *DecodeErrors.
func Open(payload []byte) (*Reader, error) {
	b, count, offset, err := check(payload)
	if err != nil {
		return nil, err
	}
	r := readers.Get().(*Reader)
	r.Reset(b, offset)
	r.count, r.arg = count, 1
	return r, nil
}

// check checks that the arguments in a payload are safe to decode. It returns the array, the number of
// arguments, and where the first one begins.
func check(payload []byte) (array []byte, count, offset int, err error) {
	_, array, err = wire.SplitHeaders(payload)
	if err == nil {
		err = wire.CheckPayload(array)
	}
	ok := false
	if err == nil {
		count, offset, ok = arrayHeader(array)
	}
	if !ok {
		return nil, 0, 0, &DecodeError{Want: "an array of arguments", Got: "other bytes", Err: err}
	}
	return array, count, offset, nil
}

// Close returns the decoder to its pool. The Reader must not be used afterwards.
func (r *Reader) Close() {
	r.Reset(nil, 0)
	readers.Put(r)
}

// Count returns how many arguments there are.
func (r *Reader) Count() int { return r.count }

// Need fails if there are fewer than n arguments.
func (r *Reader) Need(n int) error {
	if r.count < n {
		return &DecodeError{Want: Plural(n), Got: Plural(r.count)}
	}
	return nil
}

// Fail returns the error for the current argument.
func (r *Reader) Fail(want, got string, err error) error {
	return &DecodeError{Arg: r.arg, Want: want, Got: got, Err: err}
}

// Next decodes the current argument into v, which is settable, and moves to the next
// argument. There must be a current one.
func (r *Reader) Next(v reflect.Value) error {
	if fault := codec.DecodeFault(v.Type()); fault != "" {
		return r.Fail("a type that can be decoded", fault, nil)
	}
	return r.NextBy(v, (*codec.Decoder).Decode)
}

// NextBy is Next with a given decode function, for a type that can be decoded.
func (r *Reader) NextBy(v reflect.Value, decode func(*codec.Decoder, reflect.Value) error) error {
	code := r.Code()
	if err := decode(&r.Decoder, v); err != nil {
		if codec.IsMismatch(err) {
			err = nil // Want and Got say the same
		}
		return r.Fail(v.Type().String(), codec.KindOf(code), err)
	}
	r.arg++
	return nil
}

// OneString returns the first argument, which must be a string or bytes, and the number of
// further arguments. It is the fast path for receivers that take one string and nothing
// else. want is the type for the error. The result is a part of the payload.
func OneString(payload []byte, want string) (s []byte, others int, err error) {
	b, count, offset, err := check(payload)
	if err != nil {
		return nil, 0, err
	}
	if count == 0 {
		return nil, 0, &DecodeError{Want: Plural(1), Got: Plural(0)}
	}
	s, ok := stringAt(b[offset:])
	if !ok {
		return nil, 0, &DecodeError{Arg: 1, Want: want, Got: codec.KindOf(b[offset])}
	}
	return s, count - 1, nil
}
