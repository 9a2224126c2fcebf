package codec

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

// TestTheBytesAreThoseOfVersion1: nodes of version 1.0 encode with msgpack v5. If they
// can encode a value, it must have the same bytes here, so that they can decode it.
func TestTheBytesAreThoseOfVersion1(t *testing.T) {
	// The bytes of these types differ, because version 1.0 refused their values or
	// decoded them as other values.
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

// isNothing reports whether the value is nil or a chain of pointers that ends in nil.
// Such a value is encoded as nil.
func isNothing(v reflect.Value) bool {
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	return isNil(v)
}

// version1 encodes a value as version 1.0 does, which panics for some values.
func version1(value any) (b []byte, err error) {
	defer recovered(&err)
	var buffer bytes.Buffer
	e := msgpack.NewEncoder(&buffer)
	e.UseCompactInts(true)
	err = e.Encode(value)
	return buffer.Bytes(), err
}

// mapSize returns the number of entries of a map whose encoding has a random order.
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

// isLossy reports whether msgpack v5 itself decodes a value to another one: types in an
// any, nil slices of a typed reader, zones.
func isLossy(v any) bool {
	switch v.(type) {
	case Nested, *Nested, []any, map[any]any, time.Time, []string:
		return true
	}
	return false
}
