package smoke

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
	"time"

	"github.com/vmihailenco/msgpack/v5"
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
	errRawArray = errors.New("Raw is to hold a msgpack array, one value for each argument")
	errRefused  = errors.New("no node takes what they encode to")
)

// encodeArgs appends the msgpack array of the arguments to dst. What it returns
// without an error every node takes, unless it is too long, which the caller
// checks. After an error, an *EncodeError, dst is as it was. It may be called
// from any goroutine; args are only read.
func encodeArgs(dst []byte, args ...any) ([]byte, error) {
	if len(args) == 0 {
		return append(dst, emptyArray), nil
	}
	if raw, ok := args[0].(Raw); ok && len(args) == 1 {
		return appendRaw(dst, raw)
	}
	e := encoders.Get().(*argEncoder)
	e.out = dst
	simple, err := e.encodeAll(args)
	out := e.out
	e.out = nil
	if err != nil {
		return dst, err // and not the encoder back: who knows what state it is in
	}
	encoders.Put(e)
	if !simple {
		if err := checkPayload(out[len(dst):]); err != nil {
			return dst, &EncodeError{Err: fmt.Errorf("%w: %w", errRefused, err)}
		}
	}
	return out, nil
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

// argEncoder is a msgpack encoder and the slice that it appends to.
type argEncoder struct {
	msgpack *msgpack.Encoder
	out     []byte
}

var encoders = sync.Pool{New: func() any { return &argEncoder{msgpack: msgpack.NewEncoder(nil)} }}

// Write appends; it is what the msgpack encoder calls.
func (e *argEncoder) Write(b []byte) (int, error) {
	e.out = append(e.out, b...)
	return len(b), nil
}

// WriteByte appends; with it the msgpack encoder needs no buffer of its own.
func (e *argEncoder) WriteByte(b byte) error {
	e.out = append(e.out, b)
	return nil
}

// encodeAll encodes the array. Simple reports that no argument was of a kind
// whose encoding could be refused by others.
func (e *argEncoder) encodeAll(args []any) (simple bool, err error) {
	e.msgpack.Reset(e)
	e.msgpack.UseCompactInts(true)
	if len(args) > maxElements {
		return false, &EncodeError{Err: fmt.Errorf("%d are more than the %d that a node takes", len(args), maxElements)}
	}
	if err := e.msgpack.EncodeArrayLen(len(args)); err != nil {
		return false, &EncodeError{Err: err}
	}
	simple = true
	for i, arg := range args {
		if !isSimple(arg) {
			simple = false
			err = checkArg(arg)
		}
		if err == nil {
			err = e.encode(arg)
		}
		if err != nil {
			return false, &EncodeError{Arg: i + 1, Type: fmt.Sprintf("%T", arg), Err: err}
		}
	}
	return simple, nil
}

// encode encodes one argument. Types that encode themselves may panic.
func (e *argEncoder) encode(arg any) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return e.msgpack.Encode(arg)
}

// checkArg reports why an argument can't be encoded.
func checkArg(arg any) error {
	if _, ok := arg.(Raw); ok {
		return errRawMixed
	}
	return checkValue(reflect.ValueOf(arg))
}

// isSimple reports whether an argument is of a type that msgpack encodes without
// looking further.
func isSimple(arg any) bool {
	switch arg.(type) {
	case nil, string, []byte, bool, int, int64, uint, uint64, float32, float64, time.Duration, time.Time:
		return true
	}
	return false
}
