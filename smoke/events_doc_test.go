package smoke

import (
	"errors"
	"math"
	"math/big"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/codec"
)

// typeRow is one row of the table of types in docs/events.md, with values that prove it.
type typeRow struct {
	emitted, wire, same, loose, fits string // the cells

	values []arrival
}

// arrival is a value that is emitted, and what arrives.
type arrival struct {
	value any
	same  any   // in the same type; nil: the value itself
	loose any   // in an any
	into  []any // further types into which the value fits according to the row
	not   []any // types into which it does not fit
}

type (
	docPoint  struct{ X, Y int }
	docMore   struct{ X, Y, Z int }
	docHidden struct {
		Name string
		seen bool
	}
	docTagged struct {
		ID   int    `msgpack:"id"`
		Note string `msgpack:",omitempty"`
		Skip string `msgpack:"-"`
	}
	docArray struct {
		_msgpack struct{} `msgpack:",as_array"`
		X, Y     int
	}
	DocBase  struct{ ID int }
	docOuter struct {
		DocBase
		Name string
	}
	docClash struct {
		DocBase
		ID string
	}
	docStamp struct {
		time.Time
		Who string
	}
	docLevel int
	docCode  struct{ code int }
)

func (c *docCode) MarshalMsgpack() ([]byte, error) { return []byte{0x92, 0x01, byte(c.code)}, nil }
func (c *docCode) UnmarshalMsgpack(b []byte) error { c.code = int(b[2]); return nil }

var (
	docTime = time.Unix(1770000000, 5)
	docIP   = netip.MustParseAddr("10.0.0.1")

	typeTable = []typeRow{
		{"`nil`", "nil", "the zero value", "`nil`", "every type", []arrival{
			{value: nil, loose: nil, into: []any{0, "", 0.0, false, docPoint{}, (*int)(nil), []int(nil), map[string]int(nil), [2]int{}, time.Time{}, []byte(nil)}},
		}},
		{"`bool`", "bool", "the value", "`bool`", "", []arrival{
			{value: true, loose: true, not: []any{0, ""}},
		}},
		{"`int`, `int8` … `int64`, `time.Duration`, types made of them", "integer", "the value", "`int64`", "every integer type that holds the number; a float type that holds it exactly", []arrival{
			{value: 300, loose: int64(300), into: []any{int16(300), uint16(300), 300.0, float32(300), docLevel(300)}, not: []any{int8(0), uint8(0), "", false}},
			{value: -1, loose: int64(-1), into: []any{int8(-1), -1.0}, not: []any{uint64(0), uint8(0)}},
			{value: int64(math.MaxInt64), loose: int64(math.MaxInt64), into: []any{uint64(math.MaxInt64)}, not: []any{0.0, float32(0), int32(0)}},
			{value: time.Second, loose: int64(time.Second), into: []any{int64(time.Second)}},
			{value: docLevel(3), loose: int64(3)},
		}},
		{"`uint`, `uint8` … `uint64`", "integer", "the value", "`int64`; `uint64` above its range", "as above", []arrival{
			{value: uint8(200), loose: int64(200), into: []any{200}, not: []any{int8(0)}},
			{value: uint64(math.MaxUint64), loose: uint64(math.MaxUint64), not: []any{int64(0), 0, uint32(0), 0.0, time.Duration(0)}},
		}},
		{"`float32`, `float64`", "float", "the value", "`float64`", "both, rounded; not `float32` if beyond its range; no integer type", []arrival{
			{value: 1.5, loose: 1.5, into: []any{float32(1.5)}, not: []any{0, uint8(0)}},
			{value: 0.1, loose: 0.1, into: []any{float32(0.1)}},
			{value: 2.0, loose: 2.0, not: []any{0}},
			{value: float32(0.5), loose: 0.5, into: []any{0.5}},
			{value: 1e300, loose: 1e300, not: []any{float32(0)}},
			{value: math.Inf(1), loose: math.Inf(1), into: []any{float32(math.Inf(1))}},
		}},
		{"`string`, types made of it", "string", "the value, also if it is no UTF-8", "`string`", "`[]byte`; `error`; `[N]byte` of that length; `time.Time` as in RFC 3339; types that decode themselves from text", []arrival{
			{value: "é\xff", loose: "é\xff", into: []any{[]byte("é\xff"), [3]byte{0xc3, 0xa9, 0xff}}, not: []any{0, [2]byte{}, []string(nil)}},
			{value: "10.0.0.1", loose: "10.0.0.1", not: []any{docIP}},
			{value: named("a"), loose: "a"},
			{value: "12", loose: "12", into: []any{*big.NewInt(12)}},
			{value: "2026-02-03T04:05:06Z", loose: "2026-02-03T04:05:06Z", into: []any{time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)}},
		}},
		{"`[]byte`, other slices of bytes", "bytes", "the value; `nil` stays `nil`", "`[]byte`", "`string`; `[N]byte` of that length; `error`", []arrival{
			{value: []byte("ab"), loose: []byte("ab"), into: []any{"ab", [2]byte{'a', 'b'}}, not: []any{[3]byte{}, []int(nil)}},
			{value: []byte{}, loose: []byte{}, into: []any{""}},
			{value: []byte(nil), loose: nil, into: []any{""}},
		}},
		{"`[N]byte`", "bytes", "the value", "`[]byte`", "`[]byte`, `string`; no array of another length", []arrival{
			{value: [2]byte{'a', 'b'}, loose: []byte("ab"), into: []any{[]byte("ab"), "ab"}, not: []any{[3]byte{}, [1]byte{}}},
		}},
		{"`time.Time`", "timestamp", "the instant, in the local zone, without the monotonic clock", "`time.Time`", "", []arrival{
			{value: docTime, loose: docTime, not: []any{0, "", int64(0)}},
			{value: time.Time{}, loose: time.Time{}},
		}},
		{"`[]T`", "array", "the value; `nil` stays `nil`, empty stays empty", "`[]any`", "slices whose elements fit; `[N]T` if it has N", []arrival{
			{value: []int{1, 300}, loose: []any{int64(1), int64(300)}, into: []any{[]int16{1, 300}, [2]int{1, 300}, []any{int64(1), int64(300)}}, not: []any{[]int8(nil), [3]int{}, [1]int{}, []string(nil)}},
			{value: []string{}, loose: []any{}}, {value: []string(nil), loose: nil},
		}},
		{"`[N]T`", "array", "the value", "`[]any`", "as above; no array of another length", []arrival{
			{value: [2]int{1, 2}, loose: []any{int64(1), int64(2)}, into: []any{[]int{1, 2}}, not: []any{[3]int{}, [1]int{}}},
		}},
		{"`map[K]V` with keys that are strings, `[N]byte` or encode themselves as text", "map", "the value; `nil` stays `nil`", "`map[string]any`", "maps whose keys and values fit; structs", []arrival{
			{value: map[string]int{"X": 1, "Y": 2}, loose: map[string]any{"X": int64(1), "Y": int64(2)}, into: []any{map[named]int16{"X": 1, "Y": 2}, docPoint{1, 2}}, not: []any{map[string]string(nil), map[int]int(nil)}},
			{value: map[[2]byte]int{{'a', 'b'}: 1}, loose: map[string]any{"ab": int64(1)}},
			{value: map[string]int(nil), loose: nil}, {value: map[string]int{}, loose: map[string]any{}},
		}},
		{"`map[K]V` with other keys: numbers, `bool`, times, `any`", "map", "the value", "`map[any]any` with keys as in this column; `map[string]any` if all keys are strings", "maps whose keys and values fit", []arrival{
			{value: map[int]string{300: "a"}, loose: map[any]any{int64(300): "a"}, into: []any{map[int16]string{300: "a"}}, not: []any{map[int8]string(nil), map[string]string(nil)}},
			{value: map[any]any{"a": 1, 2: "b"}, same: map[any]any{"a": int64(1), int64(2): "b"}, loose: map[any]any{"a": int64(1), int64(2): "b"}},
		}},
		{"`map[K]V` with keys that are structs or arrays", "map", "the value", "`[]any` of pairs `[]any{key, value}`, since Go has no map for them", "maps whose keys and values fit", []arrival{
			{value: map[[2]int]string{{1, 2}: "a"}, loose: []any{[]any{[]any{int64(1), int64(2)}, "a"}}},
			{value: map[docPoint]int{{1, 2}: 3}, loose: []any{[]any{map[string]any{"X": int64(1), "Y": int64(2)}, int64(3)}}},
		}},
		{"struct", "map of the names of its exported fields, or those in tags: `msgpack:\"name\"`", "the exported fields", "`map[string]any`", "structs that share a field; maps. Fields that the receiver does not have are ignored; its other fields keep their value", []arrival{
			{value: docPoint{1, 2}, loose: map[string]any{"X": int64(1), "Y": int64(2)}, into: []any{map[string]int{"X": 1, "Y": 2}, docMore{1, 2, 0}, struct{ Y int }{2}, &docPoint{1, 2}}, not: []any{struct{ A int }{}, []int(nil)}},
			{value: docHidden{"a", true}, same: docHidden{Name: "a"}, loose: map[string]any{"Name": "a"}},
			{value: docTagged{1, "", "x"}, same: docTagged{ID: 1}, loose: map[string]any{"id": int64(1)}, into: []any{map[string]int{"id": 1}}},
			{value: struct{}{}, loose: map[string]any{}},
		}},
		{"struct with a field `_msgpack struct{} \\`msgpack:\",as_array\"\\``", "array of its fields", "the exported fields", "`[]any`", "structs with as many fields; slices", []arrival{
			{value: docArray{_msgpack: struct{}{}, X: 1, Y: 2}, loose: []any{int64(1), int64(2)}, into: []any{docPoint{1, 2}, []int{1, 2}}, not: []any{docMore{}}},
		}},
		{"struct with an embedded struct", "its fields among the others; if a name is there twice, the embedded struct as one field", "the exported fields", "`map[string]any`", "as for structs", []arrival{
			{value: docOuter{DocBase{1}, "a"}, loose: map[string]any{"ID": int64(1), "Name": "a"}},
			{value: docClash{DocBase{1}, "a"}, loose: map[string]any{"DocBase": map[string]any{"ID": int64(1)}, "ID": "a"}},
		}},
		{"struct with other fields next to an embedded type that encodes itself, such as `time.Time`", "map; the embedded value is one of its fields", "the exported fields", "`map[string]any`", "as for structs", []arrival{
			{value: docStamp{docTime, "ann"}, loose: map[string]any{"Time": docTime, "Who": "ann"}},
		}},
		{"`*T`", "as `T`, or nil", "a pointer to a new `T`, or `nil`", "as `T`", "as `T`", []arrival{
			{value: &docPoint{1, 2}, loose: map[string]any{"X": int64(1), "Y": int64(2)}, into: []any{docPoint{1, 2}}},
			{value: (*int)(nil), loose: nil, into: []any{0}},
		}},
		{"`any`, other interfaces", "as the value in it", "as in the next column", "as the value in it", "as the value in it", []arrival{
			{value: []any{int8(1), "a", nil}, same: []any{int64(1), "a", nil}, loose: []any{int64(1), "a", nil}},
		}},
		{"`error`: as an argument, in an `any` or in a field of type `error`", "string: its text", "an `error` with that text; `nil` stays `nil`", "`string`", "`string`, `[]byte`; no type of an error", []arrival{
			{value: errors.New("disk full"), same: errors.New("disk full"), loose: "disk full", into: []any{"disk full"}, not: []any{codeFail{}}},
			{value: codeFail{7}, same: "code", loose: "code", into: []any{errors.New("code")}, not: []any{codeFail{}}},
			{value: []error{errors.New("a"), nil}, loose: []any{"a", nil}, into: []any{[]string{"a", ""}}},
		}},
		{"a type with `MarshalBinary` or `MarshalText`, on the type or its pointer", "bytes", "what its method makes of them", "`[]byte`", "`[]byte`, `string`", []arrival{
			{value: docIP, loose: []byte{10, 0, 0, 1}, into: []any{[]byte{10, 0, 0, 1}}, not: []any{0, docPoint{}}},
		}},
		{"a type with `EncodeMsgpack` or `MarshalMsgpack`, on the type or its pointer", "what its method says", "what its method makes of it", "as the bytes say", "as the bytes say", []arrival{
			{value: docCode{5}, loose: []any{int64(1), int64(5)}, into: []any{[]int{1, 5}}},
			{value: map[string]docCode{"a": {5}}, loose: map[string]any{"a": []any{int64(1), int64(5)}}},
		}},
	}
)

// TestTheTableOfTypesIsTrue emits the values of each row and checks the values that arrive.
func TestTheTableOfTypesIsTrue(t *testing.T) {
	for _, row := range typeTable {
		if len(row.values) == 0 {
			t.Errorf("%s: no value proves it", row.emitted)
		}
		for _, a := range row.values {
			e := emitted(t, a.value)
			bind := func(typ reflect.Type) (any, error) {
				ptr := reflect.New(typ)
				err := e.Bind(ptr.Interface())
				return ptr.Elem().Interface(), err
			}
			same := a.same
			if same == nil {
				same = a.value
			}
			for _, want := range append([]any{same}, a.into...) {
				typ := reflect.TypeOf(want)
				if typ == nil {
					continue
				}
				if _, isError := want.(error); isError {
					typ = reflect.TypeFor[error]()
				}
				if got, err := bind(typ); err != nil || !alike(got, want) {
					t.Errorf("%s: %T(%v) into %s: got %#v, %v", row.emitted, a.value, a.value, typ, got, err)
				}
			}
			if got, err := bind(reflect.TypeFor[any]()); err != nil || !alike(got, a.loose) {
				t.Errorf("%s: %T(%v) into any: got %#v, %v; want %#v", row.emitted, a.value, a.value, got, err, a.loose)
			}
			for _, no := range a.not {
				if got, err := bind(reflect.TypeOf(no)); !errors.Is(err, ErrArguments) {
					t.Errorf("%s: %T(%v) into %T: got %#v, %v", row.emitted, a.value, a.value, no, got, err)
				}
			}
		}
	}
}

// alike is reflect.DeepEqual, except that it ignores the zones of times and compares
// errors by their text.
func alike(a, b any) bool {
	switch b := b.(type) {
	case time.Time:
		at, ok := a.(time.Time)
		return ok && at.Equal(b)
	case docStamp:
		s, ok := a.(docStamp)
		return ok && s.Equal(b.Time) && s.Who == b.Who
	case error:
		err, ok := a.(error)
		return ok && err.Error() == b.Error()
	case []error:
		list, ok := a.([]error)
		return ok && slices.EqualFunc(list, b, func(x, y error) bool { return x == nil && y == nil || x != nil && y != nil && alike(x, y) })
	}
	return reflect.DeepEqual(a, b)
}

// refusedRow is one row of the table of refused values.
type refusedRow struct {
	what, why string
	value     any
	text      string // a part of the error
}

var refusedTable = []refusedRow{
	{"channels, functions, complex numbers, `uintptr`, `unsafe.Pointer`, at any depth", "They mean nothing in another process.", struct{ Done chan int }{}, "is a chan"},
	{"a struct without exported fields", "It would be sent empty. Export fields, or give it `MarshalText` and `UnmarshalText`.", struct{ x, y int }{}, "no exported fields"},
	{"a struct that embeds a pointer to an unexported struct", "A receiver can't fill it. Embed the struct, or give the field a name.", struct{ *docPoint }{}, "embedded pointer"},
	{"a struct with two fields of the same tag name", "One of them would be lost.", struct {
		A int `msgpack:"x"`
		B int `msgpack:"x"`
	}{}, "two fields"},
	{"a map whose keys are pointers", "A pointer means nothing in another process.", map[*int]int{}, "is a pointer"},
	{"a map with two keys of the same encoding, such as `int8(1)` and `1` in a `map[any]V`", "A receiver would get only one of them.", map[any]int{int8(1): 1, 1: 2}, "two keys"},
	{"a type that decodes itself from text or bytes and does not encode itself", "It could not decode what is sent.", onlyReads{}, "no MarshalText"},
	{"a value that contains itself, is nested more than 32 deep (the list of the arguments is the first level) or holds more than 65,536 values", "Every node refuses it.", cyclic(), "contains itself"},
}

type onlyReads struct{ N int }

func (*onlyReads) UnmarshalText([]byte) error { return nil }

func cyclic() any {
	m := map[string]any{}
	m["self"] = m
	return m
}

// TestWhatTheTableRefusesIsRefused checks that Emit refuses each value, with its reason.
func TestWhatTheTableRefusesIsRefused(t *testing.T) {
	for _, row := range refusedTable {
		if _, err := encodeArgs(nil, row.value); err == nil || !strings.Contains(err.Error(), row.text) {
			t.Errorf("%s: %v", row.what, err)
		}
	}
}

// TestThePageHasTheTableOfTypes checks that docs/events.md has the rows of the tables
// above, and no others.
func TestThePageHasTheTableOfTypes(t *testing.T) {
	text, err := os.ReadFile("../docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	page := strings.Split(string(text), "\n")
	rows := map[string]bool{}
	for _, r := range typeTable {
		rows[strings.ReplaceAll("| "+strings.Join([]string{r.emitted, r.wire, r.same, r.loose, r.fits}, " | ")+" |", "|  |", "| |")] = true
	}
	for _, r := range refusedTable {
		rows["| "+r.what+" | "+r.why+" |"] = true
	}
	for row := range rows {
		if !slices.Contains(page, row) {
			t.Errorf("docs/events.md does not have the row\n%s", row)
		}
	}
	for _, line := range page {
		if strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, "| emitted") && !strings.HasPrefix(line, "| refused") && !rows[line] {
			t.Errorf("no test shows the row\n%s", line)
		}
	}
	if fault := codec.DecodeFault(reflect.TypeFor[docClash]()); fault != "" {
		t.Error(fault)
	}
}
