package codec

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

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
