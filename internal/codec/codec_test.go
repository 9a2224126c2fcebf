package codec

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/big"
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

// sent encodes values, which must succeed, and checks that every node accepts the result.
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

// into decodes the first value in b into a new value of a type.
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

// TestWhatIsEmittedArrives: if encoding succeeds, decoding into the same type succeeds and
// returns an equal value.
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

// equal is reflect.DeepEqual, except that times are equal if they are the same instant, and
// NaN equals NaN.
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
				continue // an empty slice equals a nil one
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

// TestANumberThatDoesNotFitIsNeverCut: this holds at any depth and in every kind of
// container.
func TestANumberThatDoesNotFitIsNeverCut(t *testing.T) {
	type tiny int8
	for _, c := range []struct {
		value any
		into  any // a value of the type to decode into
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
		{row{_msgpack: struct{}{}, A: 300, B: "x"}, struct {
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

// Error types that the tests encode and decode.
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
func (e *nilError) Error() string                   { return e.msg } // panics if the pointer is nil
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
	// In a struct, the type of the field is known.
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
		// A decoded value can be encoded again and arrives the same.
		if again, err := into(sent(t, got), reflect.TypeFor[any]()); err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("%T(%v) passed on: got %#v, %v", c.value, c.value, again, err)
		}
	}
	for n := range 3 { // the type of the map changes in the middle; earlier entries stay
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

// These types are refused before any of their values is encoded or decoded.
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
		encode, decode string // parts of the expected reasons; "": the type is permitted
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
		"a point in an any":        {[]any{map[string]any{"p": point{x: 1, y: 2}}}, `[0]["p"]: codec.point has no exported fields`},
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

// TestAStructThatHasNoneOfTheFields: if a map has no field of the receiver, decoding
// fails, because the sender's type is another one.
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
		struct{ New int }{1}:       reflect.TypeFor[old](),      // its sender may omit A
		struct{}{}:                 reflect.TypeFor[inner](),    // an empty map has no field that could be misread
		struct{ A, C int }{1, 2}:   reflect.TypeFor[inner](),    // another version with another field
		struct{ Whatever int }{12}: reflect.TypeFor[struct{}](), // the receiver has no fields
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

// TestWhatVersion1SendsIsRead covers the forms whose encoding has changed since version
// 1.0.
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
	held = &held // an interface that points to itself
	if err := decode("x", &held); err != nil || held != "x" {
		t.Error(held, err)
	}
	m := map[string]int{"old": 1}
	if err := decode(map[string]int{"new": 2}, &m); err != nil || len(m) != 2 {
		t.Error(m, err)
	}
}

// TestAListOfLargeElementsIsNotMadeAtOnce: one byte from a peer may stand for a large
// element. Elements that have not been decoded must take no memory.
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

// A peer must not be able to fill the text of an error, even if a type that decodes itself
// repeats its input in an error or a panic.
func TestErrorsOfOwnTypesAreBounded(t *testing.T) {
	b := sent(t, strings.Repeat("9", 1<<16)+"x")
	for _, typ := range []reflect.Type{reflect.TypeFor[big.Int](), reflect.TypeFor[repeater](), reflect.TypeFor[panicker]()} {
		_, err := into(b, typ)
		if err == nil || len(err.Error()) > 2*longestText {
			t.Errorf("%v: an error of %d bytes", typ, len(fmt.Sprint(err)))
		}
	}
	if _, err := into(b, reflect.TypeFor[repeater]()); !errors.Is(err, errRepeated) {
		t.Errorf("the error of the type is lost: %v", err)
	}
}

// repeater and panicker decode themselves. They fail with an error or a panic that
// contains their input.
type (
	repeater struct{}
	panicker struct{}
)

var errRepeated = errors.New("not this")

func (*repeater) UnmarshalText(b []byte) error { return fmt.Errorf("%w: %q", errRepeated, b) }
func (repeater) MarshalText() ([]byte, error)  { return nil, nil }
func (*panicker) UnmarshalText(b []byte) error { panic(string(b)) }
func (panicker) MarshalText() ([]byte, error)  { return nil, nil }
