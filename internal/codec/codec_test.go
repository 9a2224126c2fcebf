package codec

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"math/big"
	"math/rand/v2"
	"net"
	"net/http"
	"net/mail"
	"net/netip"
	"net/url"
	"os"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/smokesignal-go/smokesignal/internal/wire"
)

// sent encodes values, which must be possible, and checks that every node takes them.
func sent(t testing.TB, values ...any) []byte {
	t.Helper()
	b, err := Append(nil, values...)
	if err != nil {
		t.Fatalf("%#v: %v", values, err)
	}
	if err := wire.CheckPayload(b); err != nil {
		t.Fatalf("%#v are encoded to %x: %v", values, b, err)
	}
	return b
}

// into decodes the first of some values into a new value of a type.
func into(b []byte, typ reflect.Type) (any, error) {
	if fault := DecodeFault(typ); fault != "" {
		return nil, errors.New(fault)
	}
	head, _ := measure(b, 0)
	var d Decoder
	d.Reset(b, head)
	v := reflect.New(typ).Elem()
	err := d.Decode(v)
	if err == nil && d.at != head+len((&Decoder{b: b, at: head}).skip()) {
		err = fmt.Errorf("%d bytes were read", d.at-head)
	}
	return v.Interface(), err
}

// Types of every sort.
type (
	level  int
	digest []digit
	digit  byte
	inner  struct{ A, B int }
	Base   struct{ Name string }
	lone   struct{ Base }
	shadow struct {
		Base
		Name string
	}
	twice struct {
		*Base
		Other
	}
	Other  struct{ Name string }
	Nested struct {
		Level level
		Sub   inner
		List  []inner
		By    map[string]*inner
		Ptr   **int
		Any   any
		Err   error
		At    time.Time
		Took  time.Duration
		Raw   []byte
		ID    [16]byte
		Pair  [2]inner
		F32   float32
		F64   float64
		U8    uint8
		None  *Nested
		Tags  map[level]bool
		Empty struct{}
		lost  int
	}
	optional struct {
		A int             `msgpack:"a,omitempty"`
		B any             `msgpack:",omitempty"`
		C []int           `msgpack:",omitempty"`
		D *int            `msgpack:",omitempty"`
		E inner           `msgpack:",omitempty"`
		F [2]int          `msgpack:",omitempty"`
		G map[string]int  `msgpack:"-"`
		H time.Time       `msgpack:",omitempty"`
		I float64         `msgpack:",omitempty"`
		J string          `msgpack:"jay,alias:jot"`
		K func()          `msgpack:"-"`
		L json.RawMessage `msgpack:",omitempty"`
	}
	row struct {
		_msgpack struct{} `msgpack:",as_array"`
		A        int
		B        string
	}
	generic[T any] struct{ Value T }
	Locked         struct {
		sync.Mutex
		N int
	}
	Stamp struct {
		time.Time
		Who string
	}
	BareStamp struct{ time.Time }
	Amount    struct {
		*big.Int
		Unit string
	}
	OwnStamp struct { // it has a method of its own, and does not lend the one of the time
		time.Time
		Who string
	}
	ValueStamp struct {
		Stamp
		More int
	}
)

func (s *OwnStamp) MarshalText() ([]byte, error)    { return []byte(s.Who), nil }
func (s *OwnStamp) UnmarshalText(text []byte) error { s.Who = string(text); return nil }

// Types that encode themselves.
type (
	custom  struct{ n int } // pointer receivers, msgpack's own interface
	binary8 struct{ n int } // pointer receivers
	text    struct{ s string }
	byValue struct{ s string }
	marshal struct{ n int }
)

func (c *custom) EncodeMsgpack(e *msgpack.Encoder) error { return e.EncodeInt(int64(c.n)) }
func (c *custom) DecodeMsgpack(d *msgpack.Decoder) (err error) {
	c.n, err = d.DecodeInt()
	return err
}
func (b *binary8) MarshalBinary() ([]byte, error)    { return []byte{byte(b.n)}, nil }
func (b *binary8) UnmarshalBinary(data []byte) error { b.n = int(data[0]); return nil }
func (x *text) MarshalText() ([]byte, error)         { return []byte(x.s), nil }
func (x *text) UnmarshalText(data []byte) error      { x.s = string(data); return nil }
func (x byValue) MarshalText() ([]byte, error)       { return []byte(x.s), nil }
func (x *byValue) UnmarshalText(data []byte) error   { x.s = string(data); return nil }
func (m *marshal) MarshalMsgpack() ([]byte, error)   { return msgpack.Marshal([]int{m.n}) }
func (m *marshal) UnmarshalMsgpack(b []byte) error {
	var list []int
	err := msgpack.Unmarshal(b, &list)
	m.n = list[0]
	return err
}

func ptr[T any](v T) *T { return &v }

// samples are values that arrive equal in their own type.
func samples() []any {
	at := time.Unix(1770000000, 935329792)
	address, _ := url.Parse("https://ann@example.org:1/a?b=c#d")
	full := Nested{
		Level: 3, Sub: inner{1, -2}, List: []inner{{1, 2}, {}}, By: map[string]*inner{"x": {3, 4}, "nil": nil},
		Ptr: ptr(ptr(7)), Any: map[string]any{"k": []any{int64(1), "a", 1.5, nil, true, []byte{1}}}, At: at,
		Took: time.Minute, Raw: []byte{}, ID: [16]byte{1}, Pair: [2]inner{{1, 1}, {2, 2}}, F32: 0.1, F64: math.Inf(1),
		U8: 255, None: &Nested{}, Tags: map[level]bool{1: true, -1: false},
	}
	return []any{
		true, false, 1, -1, int8(-128), int16(math.MinInt16), int32(math.MinInt32), int64(math.MinInt64), int64(math.MaxInt64),
		uint(1), uint8(255), uint16(65535), uint32(math.MaxUint32), uint64(math.MaxUint64), float32(0.1), 1.5, math.MaxFloat64,
		"", "text", strings.Repeat("x", 70_000), "invalid \xff", []byte{}, []byte(nil), []byte{1}, bytes.Repeat([]byte{1}, 70_000),
		'r', level(4), digest{1, 2}, [16]byte{1}, [3]digit{1}, [0]int{}, [2]string{"a"}, []string(nil), []string{}, []int{1, 300, -70_000},
		at, time.Unix(1<<33, 1), time.Unix(1<<40, 5), time.Unix(-5, 3), time.Time{}, time.Second, time.March,
		map[string]int{"a": 1}, map[int]string{1: "a", -300: "b"}, map[level]bool{1: true}, map[[2]int]string{{1, 2}: "x"},
		map[inner]int{{1, 2}: 3}, map[[16]byte]int{{1}: 2}, map[float64]int{1.5: 1}, map[string]int(nil), map[string]int{},
		map[bool][]int{true: nil}, map[any]any{int64(1): "a", "b": 2.5}, map[netip.Addr]string{netip.MustParseAddr("::1"): "x"},
		full, &full, inner{}, struct{}{}, []struct{}{{}, {}}, generic[inner]{inner{1, 2}}, generic[*int]{ptr(3)}, []any{nil, int64(1)},
		lone{Base{"a"}}, shadow{Base{"a"}, "b"}, twice{&Base{"a"}, Other{"b"}}, twice{nil, Other{"b"}},
		optional{}, optional{A: 1, B: int64(0), C: []int{0}, D: ptr(0), E: inner{0, 1}, F: [2]int{0, 1}, H: at, I: math.Copysign(0, -1), J: "j"},
		row{A: 1, B: "b"}, []row{{A: 1}, {B: "x"}}, ptr(ptr(ptr("deep"))), (*int)(nil), []*int{nil, ptr(1)},
		custom{1}, &custom{2}, []custom{{3}}, map[string]custom{"a": {4}}, generic[custom]{custom{5}}, [1]custom{{6}},
		binary8{1}, &binary8{2}, map[int]binary8{1: {3}}, text{"a"}, map[string]text{"k": {"v"}}, map[text]int{{"key"}: 1},
		byValue{"a"}, []byValue{{"b"}}, map[byValue]int{{"a"}: 1}, marshal{1}, []marshal{{2}}, map[string]marshal{"x": {3}},
		*big.NewInt(12), big.NewInt(-1 << 62), *address, address, []url.URL{*address}, net.IPv4(1, 2, 3, 4).To16(), net.IP(nil),
		netip.MustParseAddr("10.0.0.1"), netip.MustParseAddrPort("[::1]:7"), netip.MustParsePrefix("10.0.0.0/8"),
		json.RawMessage(`{}`), json.Number("1"), msgpack.RawMessage{0x01}, net.HardwareAddr{1, 2},
		Stamp{at, "ann"}, []Stamp{{at, "a"}, {time.Time{}, "b"}}, map[string]Stamp{"x": {at, "y"}}, Amount{big.NewInt(5), "EUR"}, Amount{nil, "EUR"},
		OwnStamp{Who: "only this"}, ValueStamp{Stamp{at, "ann"}, 3}, BareStamp{time.Unix(5, 0).UTC()},
		http.Header{"A": {"b", "c"}}, http.Cookie{Name: "a", MaxAge: -1}, slog.LevelWarn, fs.FileMode(0o755), sql.NullString{String: "a", Valid: true},
		sql.Null[int64]{V: 5, Valid: true}, sql.NullTime{Time: at, Valid: true}, net.IPNet{IP: net.IPv4(10, 0, 0, 0).To16(), Mask: net.CIDRMask(8, 32)}, net.TCPAddr{IP: net.IPv6loopback, Port: 5},
		*new(big.Float).SetPrec(64).SetFloat64(1.5), *big.NewRat(1, 3), mail.Address{Name: "Ann", Address: "ann@example.org"}, [3][4]byte{{1}}, [][]byte{{1}, nil, {}}, []rune("é"),
		[]map[string][]*int{{"a": {ptr(1), nil}}}, map[string]map[string]int{"a": nil, "b": {}}, map[time.Month]int{1: 2}, map[float32]bool{0.1: true},
		struct{ time.Duration }{5}, struct{ Base }{Base{"x"}}, struct{ *Base }{&Base{"x"}}, struct{ *Base }{}, struct{ Locked *Base }{}, generic[generic[map[string]any]]{},
	}
}

// TestWhatIsEmittedArrives: without an error of the sender there is none of a receiver of
// the same type, and it has the same value.
func TestWhatIsEmittedArrives(t *testing.T) {
	for _, value := range samples() {
		b := sent(t, value)
		got, err := into(b, reflect.TypeOf(value))
		if err != nil || !equal(reflect.ValueOf(got), reflect.ValueOf(value)) {
			t.Errorf("%T: sent %#v as %.200x, got %#v, %v", value, value, b, got, err)
		}
		if _, err := into(b, reflect.TypeFor[any]()); err != nil {
			t.Errorf("%T into any: %v", value, err)
		}
	}
	if got, err := into(sent(t, &Locked{N: 3}), reflect.TypeFor[*Locked]()); err != nil || got.(*Locked).N != 3 {
		t.Errorf("a struct with a lock: %v, %v", got, err)
	}
}

// equal is reflect.DeepEqual, but that times are equal if they are the same instant, and
// NaN if both are.
func equal(a, b reflect.Value) bool {
	if a.IsValid() != b.IsValid() {
		return false
	}
	if !a.IsValid() {
		return true
	}
	if a.Type() != b.Type() {
		return false
	}
	if at, ok := a.Interface().(time.Time); ok {
		return at.Equal(b.Interface().(time.Time))
	}
	switch a.Kind() {
	case reflect.Float32, reflect.Float64:
		return math.Float64bits(a.Float()) == math.Float64bits(b.Float()) || math.IsNaN(a.Float()) && math.IsNaN(b.Float())
	case reflect.Pointer, reflect.Interface:
		if a.Kind() == reflect.Pointer && (isNothing(a) || isNothing(b)) {
			return isNothing(a) == isNothing(b)
		}
		if a.IsNil() || b.IsNil() {
			return a.IsNil() == b.IsNil()
		}
		return equal(a.Elem(), b.Elem())
	case reflect.Slice, reflect.Array:
		if a.Kind() == reflect.Slice && a.IsNil() != b.IsNil() || a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !equal(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	case reflect.Map:
		if a.IsNil() != b.IsNil() || a.Len() != b.Len() {
			return false
		}
		for entries := a.MapRange(); entries.Next(); {
			if !equal(entries.Value(), b.MapIndex(entries.Key())) {
				return false
			}
		}
		return true
	case reflect.Struct:
		for n := range a.NumField() {
			f := a.Type().Field(n)
			if !f.IsExported() || f.Tag.Get("msgpack") == "-" {
				continue
			}
			if strings.Contains(f.Tag.Get("msgpack"), "omitempty") && isEmpty(a.Field(n)) && isEmpty(b.Field(n)) {
				continue // an empty slice is as good as none
			}
			if !equal(a.Field(n), b.Field(n)) {
				return false
			}
		}
		if ownOf(a.Type()) != (own{}) {
			return reflect.DeepEqual(a.Interface(), b.Interface())
		}
		return true
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}

// TestTheBytesAreThoseOfVersion1: nodes of version 1.0 encode with msgpack v5. What they
// can encode has the same bytes here, and they read what comes from here.
func TestTheBytesAreThoseOfVersion1(t *testing.T) {
	// What changed, for values that arrived as something else or were refused.
	differs := map[reflect.Type]bool{
		reflect.TypeFor[shadow](): true, reflect.TypeFor[twice](): true, reflect.TypeFor[optional](): true,
		reflect.TypeFor[Stamp](): true, reflect.TypeFor[[]Stamp](): true, reflect.TypeFor[map[string]Stamp](): true, reflect.TypeFor[Amount](): true,
		reflect.TypeFor[OwnStamp](): true, reflect.TypeFor[ValueStamp](): true, reflect.TypeFor[struct{ *Base }](): true,
	}
	same := 0
	for _, value := range samples() {
		old, err := version1(value)
		if err != nil || differs[reflect.TypeOf(value)] {
			continue
		}
		b := sent(t, value)[1:]
		same++
		if mapSize(value) < 2 && !bytes.Equal(b, old) {
			t.Errorf("%T: %x, and msgpack says %x", value, b, old)
		}
		back := reflect.New(reflect.TypeOf(value))
		if err := msgpack.Unmarshal(b, back.Interface()); err != nil || !reflect.DeepEqual(back.Elem().Interface(), value) && !isLossy(value) {
			t.Errorf("%T: version 1.0 reads %#v, %v", value, back.Elem().Interface(), err)
		}
	}
	if same < 60 {
		t.Errorf("compared only %d", same)
	}
}

// isNothing reports whether pointers lead to nil: that is what travels of them.
func isNothing(v reflect.Value) bool {
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	return isNil(v)
}

// version1 encodes like version 1.0, which panics for some values.
func version1(value any) (b []byte, err error) {
	defer recovered(&err)
	var buffer bytes.Buffer
	e := msgpack.NewEncoder(&buffer)
	e.UseCompactInts(true)
	err = e.Encode(value)
	return buffer.Bytes(), err
}

// mapSize is how many entries a map has whose order in the encoding is chance.
func mapSize(v any) int {
	switch v.(type) {
	case Nested, *Nested:
		return 2
	}
	if r := reflect.ValueOf(v); r.Kind() == reflect.Map {
		return r.Len()
	}
	return 0
}

// isLossy reports what msgpack v5 itself reads differently: types in an any, nil slices
// of a typed reader, zones.
func isLossy(v any) bool {
	switch v.(type) {
	case Nested, *Nested, []any, map[any]any, time.Time, []string:
		return true
	}
	return false
}

// TestANumberThatDoesNotFitIsNeverCut: at any depth, in every kind of container.
func TestANumberThatDoesNotFitIsNeverCut(t *testing.T) {
	type tiny int8
	for _, c := range []struct {
		value any
		into  any // of the type to decode into
	}{
		{300, int8(0)}, {-1, uint(0)}, {70000, uint16(0)}, {uint64(math.MaxUint64), int64(0)}, {uint64(1 << 63), int64(0)},
		{300, tiny(0)}, {math.MinInt64, uint64(0)}, {-129, int8(0)}, {256, uint8(0)}, {1 << 31, rune(0)},
		{uint64(math.MaxUint64), time.Duration(0)}, {uint64(math.MaxUint64), time.Month(0)},
		{[]int{1, 300}, []int8(nil)}, {[]int{300}, [1]int8{}}, {map[string]int{"a": 300}, map[string]uint8(nil)},
		{map[int]string{300: "a"}, map[int8]string(nil)}, {map[int]string{-1: "a"}, map[uint]string(nil)},
		{300, (*int8)(nil)}, {ptr(ptr(300)), (**int8)(nil)}, {[]any{300}, []int8(nil)}, {[][]int{{300}}, [][]int8(nil)},
		{inner{300, 0}, struct{ A int8 }{}}, {struct{ Sub inner }{inner{300, 0}}, struct{ Sub struct{ A uint8 } }{}},
		{map[string]inner{"x": {-1, 0}}, map[string]struct{ A uint16 }(nil)}, {[]inner{{300, 0}}, []*struct{ A int8 }(nil)},
		{struct{ Name, N int }{1, 300}, struct {
			Base struct{} `msgpack:"-"`
			N    int8
		}{}},
		{row{A: 300, B: "x"}, struct {
			A int8
			B string
		}{}},
		{1e300, float32(0)}, {-1e39, float32(0)}, {[]float64{1e300}, []float32(nil)}, {1<<53 + 1, float64(0)}, {1<<24 + 1, float32(0)},
		{uint64(math.MaxUint64), float64(0)}, {1.5, 0}, {2.0, 0}, {float32(2), uint8(0)}, {[]float64{1}, []int(nil)},
		{[]int{1, 2}, [3]int{}}, {[]int{1, 2}, [1]int{}}, {[]byte{1}, [2]byte{}}, {"abc", [2]byte{}},
	} {
		got, err := into(sent(t, c.value), reflect.TypeOf(c.into))
		if err == nil {
			t.Errorf("%T(%v) into %T became %v", c.value, c.value, c.into, got)
		}
	}
	for _, c := range []struct{ value, want any }{
		{127, int8(127)}, {-128, int8(-128)}, {uint64(1 << 62), int64(1 << 62)}, {300, uint64(300)}, {1 << 53, float64(1 << 53)}, {3, float32(3)},
		{0.1, float32(0.1)}, {float32(0.5), 0.5}, {math.Inf(-1), float32(math.Inf(-1))}, {uint64(1 << 63), float64(1 << 63)}, {nil, 0}, {nil, 0.0}, {nil, ""},
		{nil, false}, {nil, inner{}}, {nil, [2]int{}}, {nil, time.Time{}}, {[]int{1, 2}, [2]int{1, 2}}, {"ab", []byte("ab")}, {[]byte("ab"), "ab"},
		{map[string]int{"A": 1, "B": 2}, inner{1, 2}}, {inner{1, 2}, map[string]int{"A": 1, "B": 2}}, {[]int{3, 4}, inner{3, 4}},
		{map[string]any{"jot": "x"}, optional{J: "x"}}, {"2026-02-03T04:05:06Z", time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)},
	} {
		got, err := into(sent(t, c.value), reflect.TypeOf(c.want))
		if err != nil || !equal(reflect.ValueOf(got), reflect.ValueOf(c.want)) {
			t.Errorf("%T(%v) into %T: %v, %v", c.value, c.value, c.want, got, err)
		}
	}
}

func TestAnErrorNamesThePlace(t *testing.T) {
	value := map[string]any{"Rows": []any{map[string]any{"Seats": 1}, map[string]any{"Seats": 300}}}
	type seats struct{ Seats int8 }
	_, err := into(sent(t, value), reflect.TypeFor[struct{ Rows []seats }]())
	if err == nil || err.Error() != "Rows[1].Seats: 300 does not fit into int8: the number is out of its range" {
		t.Error(err)
	}
}

// Error types of every sort.
type (
	codeError struct{ Code int }
	ptrError  struct{ msg string }
	nilError  struct{ msg string }
	ownError  struct{ Code int }
	dataError struct {
		error
		Code int
	}
)

func (e codeError) Error() string                   { return fmt.Sprint("code ", e.Code) }
func (e *ptrError) Error() string                   { return e.msg }
func (e *nilError) Error() string                   { return e.msg } // panics for nil
func (e ownError) Error() string                    { return "own" }
func (e ownError) MarshalMsgpack() ([]byte, error)  { return msgpack.Marshal(e.Code) }
func (e *ownError) UnmarshalMsgpack(b []byte) error { return msgpack.Unmarshal(b, &e.Code) }

func TestAnErrorTravelsAsItsText(t *testing.T) {
	_, open := os.Open("/nowhere/at/all")
	for _, err := range []error{
		errors.New("disk full"), fmt.Errorf("job 7: %w", context.Canceled), errors.Join(errors.New("a"), errors.New("b")), open, fs.ErrExist,
		codeError{7}, &codeError{8}, &ptrError{"by pointer"}, dataError{errors.New("inside"), 1}, &json.SyntaxError{}, os.ErrDeadlineExceeded,
	} {
		for _, value := range []any{err, []any{err}, map[string]any{"err": err}, struct{ Err error }{err}, struct{ Err any }{err}, []error{err}, &struct{ E *any }{ptr[any](err)}} {
			b := sent(t, value)
			got, decodeErr := into(b, reflect.TypeFor[any]())
			if decodeErr != nil || !strings.Contains(fmt.Sprint(got), err.Error()) {
				t.Errorf("%#v: got %v, %v", value, got, decodeErr)
			}
		}
		got, decodeErr := into(sent(t, err), errorType)
		if decodeErr != nil || got.(error).Error() != err.Error() {
			t.Errorf("%T: got %v, %v", err, got, decodeErr)
		}
	}
	for _, none := range []any{(*nilError)(nil), nil, (error)(nil)} {
		if got, err := into(sent(t, none), errorType); got != nil || err != nil {
			t.Errorf("nil: %v, %v", got, err)
		}
	}
	if got, err := into(sent(t, ptrError{"by value"}), errorType); err != nil || got.(error).Error() != "by value" {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := into(sent(t, ownError{5}), reflect.TypeFor[ownError]()); err != nil || got != (ownError{5}) {
		t.Errorf("an error that encodes itself: %v, %v", got, err)
	}
	// Where the type stands in the struct there is nothing to guess.
	if got, err := into(sent(t, struct{ E codeError }{codeError{7}}), reflect.TypeFor[struct{ E codeError }]()); err != nil || fmt.Sprint(got) != "{code 7}" {
		t.Errorf("%v, %v", got, err)
	}
	for _, other := range []any{1, inner{}, []int{}, true} {
		if got, err := into(sent(t, other), errorType); err == nil {
			t.Errorf("%v became the error %v", other, got)
		}
	}
}

func TestWhatArrivesInAnAny(t *testing.T) {
	at := time.Unix(5, 0)
	for _, c := range []struct{ value, want any }{
		{nil, nil}, {true, true}, {int8(1), int64(1)}, {uint8(200), int64(200)}, {uint16(60000), int64(60000)}, {-1, int64(-1)}, {time.Second, int64(time.Second)},
		{uint64(math.MaxInt64), int64(math.MaxInt64)}, {uint64(math.MaxUint64), uint64(math.MaxUint64)}, {float32(0.5), 0.5}, {1.5, 1.5},
		{"a", "a"}, {[]byte("a"), []byte("a")}, {[2]byte{1, 2}, []byte{1, 2}}, {[]byte{}, []byte{}}, {level(3), int64(3)}, {at, at},
		{[]int{1}, []any{int64(1)}}, {[]string{}, []any{}}, {[2]bool{true}, []any{true, false}}, {[]int(nil), nil}, {ptr(5), int64(5)},
		{inner{1, 2}, map[string]any{"A": int64(1), "B": int64(2)}}, {map[string]int{}, map[string]any{}}, {map[int]bool{}, map[string]any{}},
		{map[int]string{1: "a"}, map[any]any{int64(1): "a"}}, {map[any]any{"a": 1, 2: "b"}, map[any]any{"a": int64(1), int64(2): "b"}},
		{map[bool]int{true: 1}, map[any]any{true: int64(1)}}, {map[float64]int{1.5: 1}, map[any]any{1.5: int64(1)}}, {map[any]int{nil: 1}, map[any]any{nil: int64(1)}},
		{map[[2]byte]int{{'a', 'b'}: 1}, map[string]any{"ab": int64(1)}}, {map[text]int{{"k"}: 1}, map[string]any{"k": int64(1)}},
		{map[[2]int]string{{1, 2}: "x"}, []any{[]any{[]any{int64(1), int64(2)}, "x"}}},
		{map[inner]string{{1, 2}: "x"}, []any{[]any{map[string]any{"A": int64(1), "B": int64(2)}, "x"}}},
		{map[string]map[int]int{"a": {1: 2}}, map[string]any{"a": map[any]any{int64(1): int64(2)}}}, {row{A: 1, B: "b"}, []any{int64(1), "b"}},
		{struct{}{}, map[string]any{}}, {text{"a"}, []byte("a")}, {custom{4}, int64(4)}, {errors.New("e"), "e"},
	} {
		b := sent(t, c.value)
		got, err := into(b, reflect.TypeFor[any]())
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%T(%v): got %#v, %v; want %#v", c.value, c.value, got, err, c.want)
		}
		if got, err = into(sent(t, []any{c.value}), reflect.TypeFor[[]any]()); err != nil || !reflect.DeepEqual(got, []any{c.want}) {
			t.Errorf("%T(%v) in a list: got %#v, %v", c.value, c.value, got, err)
		}
		// What has arrived can be passed on, and arrives the same.
		if again, err := into(sent(t, got), reflect.TypeFor[any]()); err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("%T(%v) passed on: got %#v, %v", c.value, c.value, again, err)
		}
	}
	for n := range 3 { // a map that changes its type in the middle keeps what came before
		b := []byte{0x83}
		for i := range 3 {
			if i == n {
				b = append(b, 0x91, 0x01, 0xc0)
			} else {
				b = append(b, byte(i), 0xc0)
			}
		}
		got, err := into(append([]byte{0x91}, b...), reflect.TypeFor[any]())
		if pairs, ok := got.([]any); err != nil || !ok || len(pairs) != 3 {
			t.Errorf("%x: %#v, %v", b, got, err)
		}
	}
}

// Types that are refused when they are seen.
type (
	point     struct{ x, y int }
	hiddenPtr struct {
		*inner
		N int
	}
	sameName struct {
		A int `msgpack:"x"`
		B int `msgpack:"x"`
	}
	onlyText   struct{ N int }
	onlyUntext struct{ N int }
	counter    struct{ N atomic.Int64 }
	LoopA      struct {
		F LoopB
		LoopB
	}
	LoopB struct{ *LoopA }
)

func (onlyText) MarshalText() ([]byte, error)    { return []byte("n"), nil }
func (*onlyUntext) UnmarshalText(b []byte) error { return nil }

func TestTypesThatAreRefused(t *testing.T) {
	for _, c := range []struct {
		typ            reflect.Type
		encode, decode string // parts of the reasons; "" where it is allowed
	}{
		{reflect.TypeFor[point](), "no exported fields", "no exported fields"},
		{reflect.TypeFor[[]map[string]*point](), "no exported fields", "no exported fields"},
		{reflect.TypeFor[*sync.Map](), "sync.Map has no exported fields", "no exported fields"},
		{reflect.TypeFor[counter](), "counter.N has no exported fields", "no exported fields"},
		{reflect.TypeFor[hiddenPtr](), "embedded pointer to an unexported struct", "embedded pointer"},
		{reflect.TypeFor[sameName](), `two fields with the name "x"`, "two fields"},
		{reflect.TypeFor[map[*int]int](), "the key of map[*int]int is a pointer", "is a pointer"},
		{reflect.TypeFor[onlyText](), "", "has no UnmarshalText"},
		{reflect.TypeFor[onlyUntext](), "has no MarshalText", ""},
		{reflect.TypeFor[LoopA](), "embeds a struct in itself", "embeds a struct in itself"},
		{reflect.TypeFor[LoopB](), "embeds a struct in itself", "embeds a struct in itself"},
		{reflect.TypeFor[struct{ Ctx context.Context }](), "", "interface with methods"},
		{reflect.TypeFor[chan int](), "is a chan", "is a chan"},
		{reflect.TypeFor[struct{ C complex64 }](), "is a complex64", "is a complex64"},
		{reflect.TypeFor[struct{}](), "", ""}, {reflect.TypeFor[*Locked](), "", ""}, {reflect.TypeFor[Nested](), "", ""}, {errorType, "", ""},
	} {
		for _, got := range []struct{ text, want string }{{EncodeFault(c.typ), c.encode}, {DecodeFault(c.typ), c.decode}} {
			if (got.text == "") != (got.want == "") || !strings.Contains(got.text, got.want) {
				t.Errorf("%s: %q; want %q", c.typ, got.text, got.want)
			}
		}
	}
}

func TestValuesThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		value any
		want  string
	}{
		"keys that are the same":   {map[any]int{1: 1, int8(1): 2}, "two keys"},
		"NaN twice":                {map[float64]int{math.NaN(): 1, math.NaN(): 2}, "two keys"},
		"own keys that are same":   {map[folded]int{{"a"}: 1, {"A"}: 2}, "two keys"},
		"a pointer as a key":       {map[any]int{ptr(1): 1}, "is a pointer"},
		"an instant in two zones":  {map[time.Time]int{time.Unix(5, 0).UTC(): 1, time.Unix(5, 0).In(time.FixedZone("x", 60)): 2}, "two keys"},
		"a point in an any":        {[]any{map[string]any{"p": point{}}}, `[0]["p"]: codec.point has no exported fields`},
		"RawMessage of nothing":    {[]any{msgpack.RawMessage{}, 1}, "value is missing"},
		"RawMessage of two values": {[]any{msgpack.RawMessage{1, 2}}, "bytes after"},
		"an extension":             {msgpack.RawMessage{0xd4, 1, 2}, "extension"},
		"an error that panics":     {[]any{panicError{}}, "panic: no text"},
		"a depth of own encodings": {msgpack.RawMessage(append(bytes.Repeat([]byte{0x91}, 40), 1)), "nested too deep"},
	} {
		if b, err := Append([]byte("kept"), c.value); err == nil || !strings.Contains(err.Error(), c.want) || string(b) != "kept" {
			t.Errorf("%s: %q, %v; want %q", name, b, err, c.want)
		}
	}
}

type folded struct{ s string }

func (f folded) MarshalText() ([]byte, error)  { return []byte(strings.ToLower(f.s)), nil }
func (f *folded) UnmarshalText(b []byte) error { f.s = string(b); return nil }

type panicError struct{}

func (panicError) Error() string { panic("no text") }

// TestAStructThatHasNoneOfTheFields: a struct of which not one field comes is another one.
func TestAStructThatHasNoneOfTheFields(t *testing.T) {
	type got struct {
		User int `json:"user_id"`
	}
	_, err := into(sent(t, struct{ UserID int }{7}), reflect.TypeFor[got]())
	if err == nil || !strings.Contains(err.Error(), "codec.got has User") || !strings.Contains(err.Error(), `"UserID"`) || !strings.Contains(err.Error(), "json tags") {
		t.Error(err)
	}
	type old struct {
		A int `msgpack:",omitempty"`
	}
	for value, typ := range map[any]reflect.Type{
		struct{ New int }{1}:       reflect.TypeFor[old](),      // its sender may leave A out
		struct{}{}:                 reflect.TypeFor[inner](),    // nothing was there to be misread
		struct{ A, C int }{1, 2}:   reflect.TypeFor[inner](),    // a version with another field
		struct{ Whatever int }{12}: reflect.TypeFor[struct{}](), // it takes none
	} {
		if _, err := into(sent(t, value), typ); err != nil {
			t.Errorf("%#v into %s: %v", value, typ, err)
		}
	}
	if name := IgnoredTag(reflect.TypeFor[[]map[string]*got]()); name != "codec.got.User" {
		t.Errorf("the tag of %q is said to be ignored", name)
	}
	for _, typ := range []reflect.Type{reflect.TypeFor[inner](), reflect.TypeFor[optional](), reflect.TypeFor[struct {
		A int `json:"a" msgpack:"A"`
		B int `json:",omitempty"`
		C int `json:"C"`
	}]()} {
		if name := IgnoredTag(typ); name != "" {
			t.Errorf("the tag of %q is said to be ignored", name)
		}
	}
}

// TestWhatVersion1SendsIsRead: its forms of what has another one now.
func TestWhatVersion1SendsIsRead(t *testing.T) {
	at := time.Unix(1770000000, 5)
	old, err := msgpack.Marshal(Stamp{at, "ann"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := into(append([]byte{0x91}, old...), reflect.TypeFor[Stamp]())
	if err != nil || !got.(Stamp).Equal(at) {
		t.Errorf("a struct that embeds a time: %v, %v", got, err)
	}
	old, err = msgpack.Marshal(twice{nil, Other{"b"}})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := into(append([]byte{0x91}, old...), reflect.TypeFor[twice]()); err != nil || got.(twice).Base != nil || got.(twice).Other.Name != "b" {
		t.Errorf("a struct that embeds a nil pointer: %+v, %v", got, err)
	}
}

func TestDecodingIntoWhatIsThere(t *testing.T) {
	decode := func(value any, ptr any) error {
		b := sent(t, value)
		var d Decoder
		d.Reset(b, 1)
		return d.Decode(reflect.ValueOf(ptr).Elem())
	}
	list := []inner{{1, 2}, {3, 4}, {5, 6}}
	if err := decode([]map[string]int{{"A": 9}}, &list); err != nil || len(list) != 1 || list[0] != (inner{9, 0}) {
		t.Error(list, err)
	}
	var held any = &inner{B: 7}
	if err := decode(map[string]int{"A": 1}, &held); err != nil || *held.(*inner) != (inner{1, 7}) {
		t.Error(held, err)
	}
	held = 5
	if err := decode("x", &held); err != nil || held != "x" {
		t.Error(held, err)
	}
	held = &held // leads back to itself
	if err := decode("x", &held); err != nil || held != "x" {
		t.Error(held, err)
	}
	m := map[string]int{"old": 1}
	if err := decode(map[string]int{"new": 2}, &m); err != nil || len(m) != 2 {
		t.Error(m, err)
	}
}

// TestAListOfLargeElementsIsNotMadeAtOnce: one byte of a peer may stand for a large
// element. Those that have not been seen take no memory.
func TestAListOfLargeElementsIsNotMadeAtOnce(t *testing.T) {
	type large struct{ Room [1 << 20]int32 }
	b := append([]byte{0x91, 0xdc, 0xff, 0xff}, bytes.Repeat([]byte{0x01}, 0xffff)...)
	if allocated := testing.AllocsPerRun(1, func() {
		if _, err := into(b, reflect.TypeFor[[]large]()); err == nil {
			t.Fatal("an integer is no struct")
		}
	}); allocated > 100 {
		t.Errorf("%v allocations", allocated)
	}
}

func TestASimpleTypeCostsNoAllocation(t *testing.T) {
	buffer := make([]byte, 0, 1024)
	value := &Nested{At: time.Unix(1, 5), List: make([]inner, 3)}
	args := []any{"some text", 42, value}
	if n := testing.AllocsPerRun(1000, func() {
		if _, err := Append(buffer, args...); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations to encode", n)
	}
	b := sent(t, inner{1, 300})
	var d Decoder
	var in inner
	target, decode := reflect.ValueOf(&in).Elem(), DecodeFunc(reflect.TypeFor[inner]())
	if n := testing.AllocsPerRun(1000, func() {
		d.Reset(b, 1)
		if err := decode(&d, target); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations to decode", n)
	}
}

// fill sets v to something that the random source chooses.
func fill(r *rand.Rand, v reflect.Value, depth int) {
	if v.Type() == timeType {
		v.Set(reflect.ValueOf(time.Unix(r.Int64N(1<<36)-1<<33, r.Int64N(1e9))))
		return
	}
	n := r.IntN(4)
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(n < 2)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(r.Uint64()) >> r.IntN(64))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(r.Uint64() >> r.IntN(64))
	case reflect.Float32:
		v.SetFloat(float64(math.Float32frombits(r.Uint32())))
	case reflect.Float64:
		v.SetFloat(math.Float64frombits(r.Uint64()))
	case reflect.String:
		v.SetString(strings.Repeat("é\xff", r.IntN(40)))
	case reflect.Pointer:
		if n > 0 && depth > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(r, v.Elem(), depth-1)
		}
	case reflect.Slice:
		if n > 0 && depth > 0 {
			v.Set(reflect.MakeSlice(v.Type(), n-1, n))
			for i := range n - 1 {
				fill(r, v.Index(i), depth-1)
			}
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(r, v.Index(i), depth-1)
		}
	case reflect.Map:
		if n > 0 && depth > 0 {
			v.Set(reflect.MakeMap(v.Type()))
			for range n - 1 {
				k, e := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
				fill(r, k, depth-1)
				fill(r, e, depth-1)
				if k.Comparable() {
					v.SetMapIndex(k, e)
				}
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Tag.Get("msgpack") != "-" {
				fill(r, v.Field(i), depth)
			}
		}
	case reflect.Interface:
		if v.NumMethod() > 0 {
			return // what an error becomes is another type
		}
		of := []reflect.Type{reflect.TypeFor[bool](), reflect.TypeFor[int64](), reflect.TypeFor[float64](), reflect.TypeFor[string](), bytesType, reflect.TypeFor[[]any](), reflect.TypeFor[map[string]any]()}
		e := reflect.New(of[r.IntN(len(of))]).Elem()
		if fill(r, e, depth-1); !isNil(e) {
			v.Set(e)
		}
	}
}

// fuzzed are the types of which values are made.
var fuzzed = []reflect.Type{
	reflect.TypeFor[Nested](), reflect.TypeFor[*Nested](), reflect.TypeFor[optional](), reflect.TypeFor[shadow](), reflect.TypeFor[twice](), reflect.TypeFor[Stamp](),
	reflect.TypeFor[[]row](), reflect.TypeFor[map[any]any](), reflect.TypeFor[any](), reflect.TypeFor[map[inner][]float32](), reflect.TypeFor[[3]generic[**uint16]](),
	reflect.TypeFor[map[[4]byte]digest](), reflect.TypeFor[map[float32]*time.Time](),
}

// FuzzWhatIsEmittedArrives: for every value of these types, if it can be encoded, it
// arrives equal, and in an any without an error.
func FuzzWhatIsEmittedArrives(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed, uint8(seed))
	}
	f.Fuzz(func(t *testing.T, seed uint64, n uint8) {
		typ := fuzzed[int(n)%len(fuzzed)]
		v := reflect.New(typ).Elem()
		fill(rand.New(rand.NewPCG(seed, 1)), v, 6)
		b, err := Append(nil, v.Interface())
		if err != nil {
			if !errors.Is(err, errTwoKeys) {
				t.Fatalf("%#v: %v", v.Interface(), err)
			}
			return
		}
		if err := wire.CheckPayload(b); err != nil {
			t.Fatalf("%x: %v", b, err)
		}
		got, err := into(b, typ)
		if err != nil {
			t.Fatalf("%x: %v", b, err)
		}
		if want := v.Interface(); !equal(reflect.ValueOf(got), reflect.ValueOf(want)) && !hasNaNKey(v) {
			t.Fatalf("sent %#v\ngot %#v", want, got)
		}
		if _, err := into(b, reflect.TypeFor[any]()); err != nil {
			t.Fatalf("into any: %x: %v", b, err)
		}
	})
}

// hasNaNKey reports whether a value holds a map of which a key is not equal to itself.
func hasNaNKey(v reflect.Value) bool {
	if v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	if v.Kind() != reflect.Map {
		return false
	}
	for entries := v.MapRange(); entries.Next(); {
		if !v.MapIndex(entries.Key()).IsValid() {
			return true
		}
		if e := entries.Value(); (e.Kind() == reflect.Interface || e.Kind() == reflect.Map) && hasNaNKey(e) {
			return true
		}
	}
	return false
}

// FuzzDecode hands what a peer may send to every sort of decoder. What a type takes, it
// gives back when it is passed on.
func FuzzDecode(f *testing.F) {
	for _, value := range samples() {
		if b, err := Append(nil, value); err == nil && len(b) < 1000 {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if wire.CheckPayload(b) != nil || b[0]&0xf0 != 0x90 || b[0] == 0x90 {
			return
		}
		for _, typ := range append(fuzzed, errorType, timeType, reflect.TypeFor[int8](), reflect.TypeFor[float32](), reflect.TypeFor[custom](), reflect.TypeFor[Amount](), reflect.TypeFor[map[text]any]()) {
			got, err := into(b, typ)
			if err != nil {
				continue
			}
			again, err := Append(nil, got)
			if err != nil {
				if !errors.Is(err, errTwoKeys) {
					t.Fatalf("%x into %s is %#v, which can't be passed on: %v", b, typ, got, err)
				}
				continue
			}
			if _, err := into(again, typ); err != nil {
				t.Fatalf("%x into %s is %#v, passed on as %x: %v", b, typ, got, again, err)
			}
		}
	})
}
