package codec

import (
	"encoding"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"sync"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/smokesignal-go/smokesignal/internal/wire"
)

// longestChain limits how many interfaces and pointers in a row are followed. A longer
// chain is assumed to lead back to itself.
const longestChain = 128

var (
	errCycle = errors.New("it contains itself, or is a chain of too many pointers")
	errDepth = fmt.Errorf("it is nested more than %d deep, or contains itself", maxDepth)
	errCount = fmt.Errorf("it holds more than %d values, or contains itself", maxElements)

	errRefused = errors.New("every node refuses their encoding")
)

// ArgError says which of several values can't be encoded.
type ArgError struct {
	Arg int // number of the value, from 1; 0: all values together
	Err error
}

// Error implements error.
func (e *ArgError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *ArgError) Unwrap() error { return e.Err }

// Append appends a msgpack array of the values to dst. If Append returns no error, every
// node accepts the result, unless it is too long. If Append fails, it returns an
// *ArgError and dst as it was. Append does not change the values.
func Append(dst []byte, values ...any) ([]byte, error) {
	if len(values) > maxElements {
		return dst, &ArgError{0, fmt.Errorf("%d are more than the %d that a node takes", len(values), maxElements)}
	}
	e := encoders.Get().(*encoder)
	e.out, e.left, e.chain, e.foreign = dst, maxElements-len(values), 0, false
	e.arrayHead(len(values))
	for i, value := range values {
		if err := e.argument(value); err != nil {
			return dst, &ArgError{i + 1, err} // the encoder is not put back into the pool, because its state is unknown
		}
	}
	out, foreign := e.out, e.foreign
	e.out = nil
	encoders.Put(e)
	if foreign {
		if err := wire.CheckPayload(out[len(dst):]); err != nil {
			return dst, &ArgError{0, fmt.Errorf("%w: %w", errRefused, err)}
		}
	}
	return out, nil
}

// encoder holds the bytes and the state of an encoding of several values.
type encoder struct {
	out     []byte
	left    int  // number of values that the containers may still hold
	chain   int  // how many interfaces in a row lead to the current value
	foreign bool // a type has encoded itself, so the whole result must be checked

	msgpack *msgpack.Encoder // for types that encode themselves with it; nil until the first such type
}

var encoders = sync.Pool{New: func() any { return new(encoder) }}

// Write appends b. The msgpack encoder calls it.
func (e *encoder) Write(b []byte) (int, error) {
	e.out = append(e.out, b...)
	return len(b), nil
}

// WriteByte appends one byte. Because of this method, the msgpack encoder allocates no
// buffer.
func (e *encoder) WriteByte(b byte) error {
	e.out = append(e.out, b)
	return nil
}

// argument encodes one of the values.
func (e *encoder) argument(value any) error {
	switch v := value.(type) {
	case nil:
		e.null()
	case string:
		e.text(v)
	case []byte:
		e.bytes(v)
	case bool:
		e.boolean(v)
	case int:
		e.integer(int64(v))
	case int64:
		e.integer(v)
	case uint:
		e.unsigned(uint64(v))
	case uint64:
		e.unsigned(v)
	case float32:
		e.float32(v)
	case float64:
		e.float64(v)
	case time.Duration:
		e.integer(int64(v))
	case time.Time:
		e.time(v)
	default:
		return e.guarded(reflect.ValueOf(value))
	}
	return nil
}

// guarded encodes a value of a type whose code may panic.
func (e *encoder) guarded(v reflect.Value) (err error) {
	defer recovered(&err)
	return e.dynamic(v, 1) // depth 1, because the value is inside the array of all values
}

// dynamic encodes the value in an interface. An error is encoded as its text.
func (e *encoder) dynamic(v reflect.Value, depth int) error {
	t := v.Type()
	n := dynamicOf(t)
	switch {
	case n.isError:
		return e.error(v)
	case n.fault != "":
		return errors.New(n.fault)
	}
	if e.chain++; e.chain > longestChain {
		return errCycle
	}
	err := n.encode(e, v, depth)
	e.chain--
	return err
}

// error encodes an error as its text. A nil pointer is encoded as nil.
func (e *encoder) error(v reflect.Value) error {
	if isNil(v) {
		e.null()
		return nil
	}
	err, ok := v.Interface().(error)
	if !ok {
		err = addressable(v).Addr().Interface().(error)
	}
	e.text(err.Error())
	return nil
}

// dynamicNode holds the properties of a type that was found in an interface.
type dynamicNode struct {
	isError bool
	fault   string
	encode  encodeFunc
}

var dynamics sync.Map // reflect.Type → *dynamicNode

func dynamicOf(t reflect.Type) *dynamicNode {
	if n, ok := dynamics.Load(t); ok {
		return n.(*dynamicNode)
	}
	n := &dynamicNode{isError: IsError(t)}
	if !n.isError {
		if n.fault = inspect(t, toEncode); n.fault == "" {
			n.encode = encoderOf(t).call
		}
	}
	dynamics.Store(t, n)
	return n
}

// open begins a container of n values at the given depth.
func (e *encoder) open(n, depth int) error {
	if n == 0 {
		return nil
	}
	if depth >= maxDepth {
		return errDepth
	}
	if e.left -= n; e.left < 0 {
		return errCount
	}
	return nil
}

func isNil(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Map, reflect.Slice, reflect.Chan, reflect.Func:
		return v.IsNil()
	}
	return false
}

// addressable returns v, or a copy of it that has an address.
func addressable(v reflect.Value) reflect.Value {
	if v.CanAddr() {
		return v
	}
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	return c
}

// encodeOwn returns the encoder of a type that encodes itself.
func encodeOwn(t reflect.Type, kind ownKind) encodeFunc {
	byValue := t.Implements(ownMethods[toEncode][kind].iface)
	return func(e *encoder, v reflect.Value, _ int) error {
		if isNil(v) {
			e.null()
			return nil
		}
		if !byValue {
			v = addressable(v).Addr()
		}
		return e.own(v.Interface(), kind)
	}
}

func (e *encoder) own(value any, kind ownKind) error {
	var b []byte
	var err error
	switch kind {
	case ownBinary:
		if b, err = value.(encoding.BinaryMarshaler).MarshalBinary(); err == nil {
			e.bytes(b)
		}
		return err
	case ownText:
		if b, err = value.(encoding.TextMarshaler).MarshalText(); err == nil {
			e.bytes(b)
		}
		return err
	}
	begin := len(e.out)
	e.foreign = true
	if kind == ownValue {
		b, err = value.(msgpack.Marshaler).MarshalMsgpack()
		e.out = append(e.out, b...)
	} else {
		if e.msgpack == nil {
			e.msgpack = msgpack.NewEncoder(nil)
		}
		e.msgpack.Reset(e)
		e.msgpack.UseCompactInts(true)
		err = value.(msgpack.CustomEncoder).EncodeMsgpack(e.msgpack)
	}
	if err == nil {
		err = wire.CheckPayload(e.out[begin:])
	}
	return err
}

// The functions below write the formats of msgpack, each value in its shortest form.

func (e *encoder) null() { e.out = append(e.out, 0xc0) }

func (e *encoder) boolean(v bool) {
	if v {
		e.out = append(e.out, 0xc3)
	} else {
		e.out = append(e.out, 0xc2)
	}
}

func (e *encoder) integer(n int64) {
	switch {
	case n >= 0:
		e.unsigned(uint64(n))
	case n >= -32:
		e.out = append(e.out, byte(n))
	case n >= math.MinInt8:
		e.out = append(e.out, 0xd0, byte(n))
	case n >= math.MinInt16:
		e.out = binary.BigEndian.AppendUint16(append(e.out, 0xd1), uint16(n))
	case n >= math.MinInt32:
		e.out = binary.BigEndian.AppendUint32(append(e.out, 0xd2), uint32(n))
	default:
		e.out = binary.BigEndian.AppendUint64(append(e.out, 0xd3), uint64(n))
	}
}

func (e *encoder) unsigned(n uint64) {
	switch {
	case n <= math.MaxInt8:
		e.out = append(e.out, byte(n))
	case n <= math.MaxUint8:
		e.out = append(e.out, 0xcc, byte(n))
	case n <= math.MaxUint16:
		e.out = binary.BigEndian.AppendUint16(append(e.out, 0xcd), uint16(n))
	case n <= math.MaxUint32:
		e.out = binary.BigEndian.AppendUint32(append(e.out, 0xce), uint32(n))
	default:
		e.out = binary.BigEndian.AppendUint64(append(e.out, 0xcf), n)
	}
}

func (e *encoder) float32(f float32) {
	e.out = binary.BigEndian.AppendUint32(append(e.out, 0xca), math.Float32bits(f))
}

func (e *encoder) float64(f float64) {
	e.out = binary.BigEndian.AppendUint64(append(e.out, 0xcb), math.Float64bits(f))
}

func (e *encoder) text(s string) { e.out = append(appendTextHead(e.out, len(s)), s...) }

func appendTextHead(out []byte, n int) []byte {
	switch {
	case n < 32:
		return append(out, 0xa0|byte(n))
	case n <= math.MaxUint8:
		return append(out, 0xd9, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(out, 0xda), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(out, 0xdb), uint32(n))
}

// bytes encodes bytes; a nil slice is encoded as nil.
func (e *encoder) bytes(b []byte) {
	if b == nil {
		e.null()
		return
	}
	e.bytesHead(len(b))
	e.out = append(e.out, b...)
}

func (e *encoder) bytesHead(n int) {
	switch {
	case n <= math.MaxUint8:
		e.out = append(e.out, 0xc4, byte(n))
	case n <= math.MaxUint16:
		e.out = binary.BigEndian.AppendUint16(append(e.out, 0xc5), uint16(n))
	default:
		e.out = binary.BigEndian.AppendUint32(append(e.out, 0xc6), uint32(n))
	}
}

func (e *encoder) arrayHead(n int) { e.head(0x90, 0xdc, n) }

func (e *encoder) mapHead(n int) { e.head(0x80, 0xde, n) }

// head encodes the head of a container. The format with a 32-bit count follows the one
// with 16 bits.
func (e *encoder) head(short, format16 byte, n int) {
	switch {
	case n < 16:
		e.out = append(e.out, short|byte(n))
	case n <= math.MaxUint16:
		e.out = binary.BigEndian.AppendUint16(append(e.out, format16), uint16(n))
	default:
		e.out = binary.BigEndian.AppendUint32(append(e.out, format16+1), uint32(n))
	}
}

// time encodes a timestamp: the instant, without the zone.
func (e *encoder) time(t time.Time) {
	seconds, nanoseconds := uint64(t.Unix()), uint64(t.Nanosecond())
	switch {
	case seconds>>34 != 0:
		e.out = binary.BigEndian.AppendUint32(append(e.out, 0xc7, 12, 0xff), uint32(nanoseconds))
		e.out = binary.BigEndian.AppendUint64(e.out, seconds)
	case nanoseconds == 0 && seconds>>32 == 0:
		e.out = binary.BigEndian.AppendUint32(append(e.out, 0xd6, 0xff), uint32(seconds))
	default:
		e.out = binary.BigEndian.AppendUint64(append(e.out, 0xd7, 0xff), nanoseconds<<34|seconds)
	}
}
