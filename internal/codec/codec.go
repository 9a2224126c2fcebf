// Package codec encodes Go values as msgpack and decodes them. It decides once for each
// type how its values are encoded. It refuses a type whose values no receiver could
// decode.
//
// The contract:
//
//   - If [Append] returns no error, [Decoder.Decode] turns the result into an equal value
//     of the same type. docs/events.md lists the exceptions: the zone of a time,
//     unexported fields, and an error, of which only the text remains.
//   - A number that does not fit into the receiver's type is an error, at any depth. No
//     number is cut.
//   - Into an empty interface it decodes only the types of [Decoder.Decode]'s table, so
//     that a program needs no case for int8, for example.
//   - A type may encode itself by msgpack.CustomEncoder, msgpack.Marshaler,
//     encoding.BinaryMarshaler or encoding.TextMarshaler. The first of these that it has
//     is used, with a value or a pointer receiver, at any position of the value. Its
//     panics become errors.
//   - The bytes are those of msgpack v5 with compact integers, so that nodes of version
//     1.0 can read them.
//
// All functions may be called from any goroutine. An Encoder or a Decoder is used by one
// goroutine at a time. The compiled encoder and decoder of a type stay in memory until
// the process ends, so there are at most as many as the program has types.
package codec

import (
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/wire"
)

// direction says whether a type is to be encoded or to be decoded.
type direction int

const (
	toEncode direction = iota
	toDecode
)

var (
	timeType  = reflect.TypeFor[time.Time]()
	errorType = reflect.TypeFor[error]()
	bytesType = reflect.TypeFor[[]byte]()
	textError = reflect.TypeOf(errors.New("")) // the type into which an error is decoded
)

// EncodeFault returns why values of a type can't be encoded, or "" if they can.
func EncodeFault(t reflect.Type) string { return inspect(t, toEncode) }

// DecodeFault returns why a type can't be decoded into, or "" if it can.
func DecodeFault(t reflect.Type) string { return inspect(t, toDecode) }

// IsError reports whether values of a type are errors that are encoded as their text. That
// holds if the type, or a pointer to it, implements error and does not encode itself.
func IsError(t reflect.Type) bool {
	if t.Kind() == reflect.Interface {
		return t.Implements(errorType)
	}
	if !t.Implements(errorType) && (t.Kind() == reflect.Pointer || !reflect.PointerTo(t).Implements(errorType)) {
		return false
	}
	target := pointee(t)
	return target != nil && ownOf(target).encode == ownNone
}

// holdsBytes reports whether a type is a slice or an array of a byte type.
func holdsBytes(t reflect.Type) bool {
	return (t.Kind() == reflect.Slice || t.Kind() == reflect.Array) && t.Elem().Kind() == reflect.Uint8
}

// pointee follows pointers to a type that is not a pointer. It returns nil if the pointers
// form a cycle.
func pointee(t reflect.Type) reflect.Type {
	for seen := map[reflect.Type]bool{}; t.Kind() == reflect.Pointer; t = t.Elem() {
		if seen[t] {
			return nil
		}
		seen[t] = true
	}
	return t
}

// pathError is an error with its location in the value, such as "Seats[3]".
type pathError struct {
	path string
	err  error
}

// Error implements error.
func (e *pathError) Error() string { return e.path + ": " + e.err.Error() }

// Unwrap returns the error without its location.
func (e *pathError) Unwrap() error { return e.err }

// at adds a step to the location of an error.
func at(step string, err error) error {
	var inner *pathError
	if p, ok := err.(*pathError); ok {
		inner = p
	} else {
		return &pathError{step, err}
	}
	if inner.path[0] != '[' {
		step += "."
	}
	inner.path = step + inner.path
	return inner
}

func atIndex(i int, err error) error { return at(fmt.Sprintf("[%d]", i), err) }

// recovered turns a panic in code of the program into an error. Use it with defer.
func recovered(err *error) {
	if value := recover(); value != nil {
		*err = &foreignError{fmt.Errorf("panic: %v", value)}
	}
}

// Every node applies these limits to the arguments of an event.
const (
	maxDepth    = wire.MaxDepth
	maxElements = wire.MaxElements
)
