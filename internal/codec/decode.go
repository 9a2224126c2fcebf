package codec

import (
	"bytes"
	"encoding"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/smokesignal-go/smokesignal/internal/wire"
)

// Decoder decodes consecutive msgpack values.
type Decoder struct {
	b  []byte
	at int // offset of the next value

	msgpack *msgpack.Decoder // for types that decode themselves with it; nil until the first such type
	reader  bytes.Reader
}

// Reset makes d decode the values in b from an offset on. They must have passed
// wire.CheckPayload, because d does not check lengths again. Decoded values share no memory
// with b.
func (d *Decoder) Reset(b []byte, offset int) { d.b, d.at = b, offset }

// Code returns the first byte of the next value. There must be one.
func (d *Decoder) Code() byte { return d.b[d.at] }

// Decode decodes the next value into v, which is settable and of a type that has no
// [DecodeFault]. The types accept:
//
//	bool                  bool
//	intN, uintN           an integer that fits
//	floatN                a float of the range, or an integer that the type holds exactly
//	string, []byte        string and bytes
//	[N]byte               N bytes
//	[]T, [N]T             an array; for [N]T of N values
//	map[K]V               a map
//	struct                a map; entries that the struct has no field for are ignored
//	*T                    what T accepts
//	time.Time             a timestamp, or a string as of time.RFC3339
//	error                 a string
//	any                   everything: bool, int64, uint64 beyond that, float64, string,
//	                      []byte, time.Time, []any, map[string]any, map[any]any if a
//	                      key is no string, and a list of pairs if a key can't be one
//	                      in Go
//
// Nil becomes the zero value of every type.
//
// After an error, v may be partly filled, and d must be reset.
func (d *Decoder) Decode(v reflect.Value) (err error) {
	defer recovered(&err)
	return decoderOf(v.Type()).fn(d, v)
}

// DecodeFunc returns a function like [Decoder.Decode] for one type. It looks up the
// decoder once instead of at each call. The type must have no [DecodeFault].
func DecodeFunc(t reflect.Type) func(*Decoder, reflect.Value) error {
	n := decoderOf(t)
	return func(d *Decoder, v reflect.Value) (err error) {
		defer recovered(&err)
		return n.fn(d, v)
	}
}

// mismatch is the error of a value of the wrong kind.
type mismatch struct {
	want reflect.Type
	got  byte
}

// Error implements error.
func (e *mismatch) Error() string { return fmt.Sprintf("want %s, got %s", e.want, KindOf(e.got)) }

// IsMismatch reports whether an error of [Decoder.Decode] only means that the whole value
// has the wrong kind for the type.
func IsMismatch(err error) bool { _, ok := err.(*mismatch); return ok }

func (d *Decoder) mismatch(want reflect.Type) error { return &mismatch{want, d.b[d.at]} }

// isNull consumes the next value if it is nil, and reports whether it was.
func (d *Decoder) isNull() bool {
	if d.b[d.at] != 0xc0 {
		return false
	}
	d.at++
	return true
}

// measure returns the size of the value at an offset. For a container it returns the size
// of its head and the number of values in it.
func measure(b []byte, at int) (size, values int) {
	switch c := b[at]; {
	case c < 0x80 || c >= 0xe0:
		return 1, 0
	case c < 0x90:
		return 1, 2 * int(c&0x0f)
	case c < 0xa0:
		return 1, int(c & 0x0f)
	case c < 0xc0:
		return 1 + int(c&0x1f), 0
	default:
		switch c {
		case 0xcc, 0xd0:
			return 2, 0
		case 0xcd, 0xd1:
			return 3, 0
		case 0xca, 0xce, 0xd2:
			return 5, 0
		case 0xcb, 0xcf, 0xd3:
			return 9, 0
		case 0xc4, 0xd9:
			return 2 + int(b[at+1]), 0
		case 0xc5, 0xda:
			return 3 + int(binary.BigEndian.Uint16(b[at+1:])), 0
		case 0xc6, 0xdb:
			return 5 + int(binary.BigEndian.Uint32(b[at+1:])), 0
		case 0xdc:
			return 3, int(binary.BigEndian.Uint16(b[at+1:]))
		case 0xdd:
			return 5, int(binary.BigEndian.Uint32(b[at+1:]))
		case 0xde:
			return 3, 2 * int(binary.BigEndian.Uint16(b[at+1:]))
		case 0xdf:
			return 5, 2 * int(binary.BigEndian.Uint32(b[at+1:]))
		case 0xd6:
			return 6, 0
		case 0xd7:
			return 10, 0
		case 0xc7:
			return 15, 0
		}
		return 1, 0 // nil, false, true
	}
}

// skip consumes the next value and returns its bytes.
func (d *Decoder) skip() []byte {
	begin := d.at
	for left := 1; left > 0; left-- {
		size, values := measure(d.b, d.at)
		d.at += size
		left += values
	}
	return d.b[begin:d.at]
}

// bytes consumes a string or bytes. The result is a part of the input.
func (d *Decoder) bytes() (b []byte, ok bool) {
	head := 0
	switch c := d.b[d.at]; {
	case c&0xe0 == 0xa0:
		head = 1
	case c == 0xc4 || c == 0xd9:
		head = 2
	case c == 0xc5 || c == 0xda:
		head = 3
	case c == 0xc6 || c == 0xdb:
		head = 5
	default:
		return nil, false
	}
	size, _ := measure(d.b, d.at)
	b = d.b[d.at+head : d.at+size]
	d.at += size
	return b, true
}

// list consumes the head of an array.
func (d *Decoder) list() (n int, ok bool) {
	if c := d.b[d.at]; c&0xf0 != 0x90 && c != 0xdc && c != 0xdd {
		return 0, false
	}
	size, n := measure(d.b, d.at)
	d.at += size
	return n, true
}

// mapping consumes the head of a map.
func (d *Decoder) mapping() (n int, ok bool) {
	if c := d.b[d.at]; c&0xf0 != 0x80 && c != 0xde && c != 0xdf {
		return 0, false
	}
	size, n := measure(d.b, d.at)
	d.at += size
	return n / 2, true
}

// number is a msgpack integer: n, or big if big is not 0.
type number struct {
	n   int64
	big uint64
}

// String implements fmt.Stringer.
func (n number) String() string {
	if n.big != 0 {
		return strconv.FormatUint(n.big, 10)
	}
	return strconv.FormatInt(n.n, 10)
}

// float returns the number as a float64, and whether the conversion is exact.
func (n number) float() (f float64, exact bool) {
	if n.big != 0 {
		f = float64(n.big)
		return f, f < 1<<64 && uint64(f) == n.big
	}
	f = float64(n.n)
	return f, f < 1<<63 && int64(f) == n.n
}

// integer consumes an integer.
func (d *Decoder) integer() (n number, ok bool) {
	c, b := d.b[d.at], d.b[d.at+1:]
	switch {
	case c < 0x80 || c >= 0xe0:
		n.n = int64(int8(c))
	case c == 0xcc:
		n.n = int64(b[0])
	case c == 0xcd:
		n.n = int64(binary.BigEndian.Uint16(b))
	case c == 0xce:
		n.n = int64(binary.BigEndian.Uint32(b))
	case c == 0xcf:
		if u := binary.BigEndian.Uint64(b); u > math.MaxInt64 {
			n.big = u
		} else {
			n.n = int64(u)
		}
	case c == 0xd0:
		n.n = int64(int8(b[0]))
	case c == 0xd1:
		n.n = int64(int16(binary.BigEndian.Uint16(b)))
	case c == 0xd2:
		n.n = int64(int32(binary.BigEndian.Uint32(b)))
	case c == 0xd3:
		n.n = int64(binary.BigEndian.Uint64(b))
	default:
		return n, false
	}
	size, _ := measure(d.b, d.at)
	d.at += size
	return n, true
}

// float consumes a float of either size.
func (d *Decoder) float() (f float64, ok bool) {
	switch d.b[d.at] {
	case 0xca:
		f = float64(math.Float32frombits(binary.BigEndian.Uint32(d.b[d.at+1:])))
		d.at += 5
	case 0xcb:
		f = math.Float64frombits(binary.BigEndian.Uint64(d.b[d.at+1:]))
		d.at += 9
	default:
		return 0, false
	}
	return f, true
}

// timestamp consumes a timestamp.
func (d *Decoder) timestamp() (t time.Time, ok bool) {
	b := d.b[d.at:]
	switch b[0] {
	case 0xd6:
		t = time.Unix(int64(binary.BigEndian.Uint32(b[2:])), 0)
	case 0xd7:
		both := binary.BigEndian.Uint64(b[2:])
		t = time.Unix(int64(both&(1<<34-1)), int64(both>>34))
	case 0xc7:
		t = time.Unix(int64(binary.BigEndian.Uint64(b[7:])), int64(binary.BigEndian.Uint32(b[3:])))
	default:
		return t, false
	}
	size, _ := measure(d.b, d.at)
	d.at += size
	if t.IsZero() {
		t = t.UTC() // the zero value
	}
	return t, true
}

// errOutOfRange returns the error for a number that the receiver's type can't hold.
func errOutOfRange(n fmt.Stringer, t reflect.Type) error {
	return fmt.Errorf("%s does not fit into %s: the number is out of its range", n, t)
}

// KindOf returns the kind of value that begins with the byte c, for error texts.
func KindOf(c byte) string {
	switch {
	case c < 0x80 || c >= 0xe0 || c >= 0xcc && c <= 0xd3:
		return "an integer"
	case c < 0x90 || c == 0xde || c == 0xdf:
		return "a map"
	case c < 0xa0 || c == 0xdc || c == 0xdd:
		return "an array"
	case c < 0xc0 || c >= 0xd9 && c <= 0xdb:
		return "a string"
	case c == 0xc0:
		return "nil"
	case c == 0xc2 || c == 0xc3:
		return "a bool"
	case c >= 0xc4 && c <= 0xc6:
		return "bytes"
	case c == 0xca || c == 0xcb:
		return "a float"
	}
	return "a timestamp"
}

var errOwnBytes = errors.New("it decodes itself from a string or bytes")

// decodeOwn returns the decoder of a type that decodes itself.
func decodeOwn(t reflect.Type, kind ownKind) decodeFunc {
	byValue := t.Implements(ownMethods[toDecode][kind].iface) // the type itself has the methods, such as a map with methods
	return func(d *Decoder, v reflect.Value) error {
		if d.isNull() {
			v.SetZero()
			return nil
		}
		if byValue && t.Kind() == reflect.Map && v.IsNil() {
			v.Set(reflect.MakeMap(t))
		}
		return d.own(v.Addr().Interface(), kind)
	}
}

// longestText bounds the text of an error from the program's code, which may repeat all
// the bytes that a peer has sent.
const longestText = 256 // bytes

// foreignError is an error or panic of a type that decodes itself.
type foreignError struct{ err error }

// Error implements error.
func (e *foreignError) Error() string {
	text := e.err.Error()
	if len(text) > longestText {
		text = strings.ToValidUTF8(text[:longestText], "") + "…"
	}
	return text
}

// Unwrap returns the original error.
func (e *foreignError) Unwrap() error { return e.err }

// own makes a value decode itself.
func (d *Decoder) own(ptr any, kind ownKind) error {
	if err := d.callOwn(ptr, kind); err != nil {
		return &foreignError{err}
	}
	return nil
}

// callOwn calls the decoder of a value with a copy of the bytes.
func (d *Decoder) callOwn(ptr any, kind ownKind) error {
	if kind.isBytes() {
		b, ok := d.bytes()
		switch {
		case !ok:
			return fmt.Errorf("got %s: %w", KindOf(d.b[d.at]), errOwnBytes)
		case kind == ownBinary:
			return ptr.(encoding.BinaryUnmarshaler).UnmarshalBinary(bytes.Clone(b))
		}
		return ptr.(encoding.TextUnmarshaler).UnmarshalText(bytes.Clone(b))
	}
	// msgpack's decoder mistakes some timestamps for maps.
	b, err := wire.SafePayload(bytes.Clone(d.skip()))
	if err != nil {
		return err
	}
	if kind == ownValue {
		return ptr.(msgpack.Unmarshaler).UnmarshalMsgpack(b)
	}
	if d.msgpack == nil {
		d.msgpack = msgpack.NewDecoder(nil)
	}
	m := d.msgpack
	d.msgpack = nil // if this call fails, the decoder is not used again
	d.reader.Reset(b)
	m.Reset(&d.reader)
	if err := ptr.(msgpack.CustomDecoder).DecodeMsgpack(m); err != nil {
		return err
	}
	d.msgpack = m
	d.reader.Reset(nil)
	return nil
}
