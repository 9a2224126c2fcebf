package codec

import (
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/wire"
)

// fill sets v to a random value.
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
			return // an error would be decoded as a value of another type
		}
		of := []reflect.Type{reflect.TypeFor[bool](), reflect.TypeFor[int64](), reflect.TypeFor[float64](), reflect.TypeFor[string](), bytesType, reflect.TypeFor[[]any](), reflect.TypeFor[map[string]any]()}
		e := reflect.New(of[r.IntN(len(of))]).Elem()
		if fill(r, e, depth-1); !isNil(e) {
			v.Set(e)
		}
	}
}

// fuzzed lists the types of the generated values.
var fuzzed = []reflect.Type{
	reflect.TypeFor[Nested](), reflect.TypeFor[*Nested](), reflect.TypeFor[optional](), reflect.TypeFor[shadow](), reflect.TypeFor[twice](), reflect.TypeFor[Stamp](),
	reflect.TypeFor[[]row](), reflect.TypeFor[map[any]any](), reflect.TypeFor[any](), reflect.TypeFor[map[inner][]float32](), reflect.TypeFor[[3]generic[**uint16]](),
	reflect.TypeFor[map[[4]byte]digest](), reflect.TypeFor[map[float32]*time.Time](),
}

// FuzzWhatIsEmittedArrives: every value of these types that can be encoded arrives equal,
// and decodes into an any without an error.
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

// hasNaNKey reports whether a value contains a map with a NaN as a key, which does not
// equal itself.
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

// FuzzDecode passes arbitrary bytes to every kind of decoder. If a decoded value is
// encoded and decoded again, the result must be the same.
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
