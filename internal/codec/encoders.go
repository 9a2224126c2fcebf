package codec

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"sync"
	"time"
)

// encodeFunc encodes a value. depth is the number of containers around it.
type encodeFunc func(e *encoder, v reflect.Value, depth int) error

// encodeNode is the encoder of one type. Its function is set after the types that it
// contains have nodes, because one of these types may be the type itself.
type encodeNode struct{ fn encodeFunc }

func (n *encodeNode) call(e *encoder, v reflect.Value, depth int) error { return n.fn(e, v, depth) }

var encodeNodes sync.Map // reflect.Type → *encodeNode

// encoderOf returns the encoder of a type that has no fault.
func encoderOf(t reflect.Type) *encodeNode {
	if n, ok := encodeNodes.Load(t); ok {
		return n.(*encodeNode)
	}
	made := make(encodeCompiler)
	n := made.node(t)
	for t, n := range made {
		encodeNodes.LoadOrStore(t, n)
	}
	return n
}

// encodeCompiler makes encoders. It holds the encoders that are not finished yet.
type encodeCompiler map[reflect.Type]*encodeNode

func (c encodeCompiler) node(t reflect.Type) *encodeNode {
	if n, ok := c[t]; ok {
		return n
	}
	if n, ok := encodeNodes.Load(t); ok {
		return n.(*encodeNode)
	}
	n := new(encodeNode)
	c[t] = n
	n.fn = c.compile(t)
	return n
}

func (c encodeCompiler) compile(t reflect.Type) encodeFunc {
	if t == timeType {
		return func(e *encoder, v reflect.Value, _ int) error {
			if v.CanAddr() {
				e.time(*v.Addr().Interface().(*time.Time)) // this does not allocate
			} else {
				e.time(v.Interface().(time.Time))
			}
			return nil
		}
	}
	if kind := ownOf(t).encode; kind != ownNone {
		return encodeOwn(t, kind)
	}
	switch t.Kind() {
	case reflect.Bool:
		return func(e *encoder, v reflect.Value, _ int) error { e.boolean(v.Bool()); return nil }
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return func(e *encoder, v reflect.Value, _ int) error { e.integer(v.Int()); return nil }
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return func(e *encoder, v reflect.Value, _ int) error { e.unsigned(v.Uint()); return nil }
	case reflect.Float32:
		return func(e *encoder, v reflect.Value, _ int) error { e.float32(float32(v.Float())); return nil }
	case reflect.Float64:
		return func(e *encoder, v reflect.Value, _ int) error { e.float64(v.Float()); return nil }
	case reflect.String:
		return func(e *encoder, v reflect.Value, _ int) error { e.text(v.String()); return nil }
	case reflect.Interface:
		return encodeInterface(t)
	case reflect.Pointer:
		target := c.node(t.Elem())
		return func(e *encoder, v reflect.Value, depth int) error {
			if v.IsNil() {
				e.null()
				return nil
			}
			return target.fn(e, v.Elem(), depth)
		}
	case reflect.Slice, reflect.Array:
		if holdsBytes(t) {
			return encodeBytes
		}
		return c.list(t)
	case reflect.Map:
		return c.mapping(t)
	case reflect.Struct:
		return c.structure(t)
	}
	return func(*encoder, reflect.Value, int) error { return errors.New("it can't be encoded") } // not reached, because inspect has refused the type
}

func encodeInterface(t reflect.Type) encodeFunc {
	isError := t == errorType
	return func(e *encoder, v reflect.Value, depth int) error {
		switch {
		case v.IsNil():
			e.null()
			return nil
		case isError:
			return e.error(v.Elem())
		}
		return e.dynamic(v.Elem(), depth)
	}
}

// encodeBytes encodes a slice or an array of bytes.
func encodeBytes(e *encoder, v reflect.Value, _ int) error {
	if v.Kind() == reflect.Slice || v.CanAddr() {
		if v.Kind() == reflect.Slice && v.IsNil() {
			e.null()
			return nil
		}
		b := v.Bytes()
		e.bytesHead(len(b))
		e.out = append(e.out, b...)
		return nil
	}
	n := v.Len()
	e.bytesHead(n)
	for i := range n {
		e.out = append(e.out, byte(v.Index(i).Uint()))
	}
	return nil
}

func (c encodeCompiler) list(t reflect.Type) encodeFunc {
	elem := c.node(t.Elem())
	isSlice := t.Kind() == reflect.Slice
	return func(e *encoder, v reflect.Value, depth int) error {
		if isSlice && v.IsNil() {
			e.null()
			return nil
		}
		n := v.Len()
		if err := e.open(n, depth); err != nil {
			return err
		}
		e.arrayHead(n)
		for i := range n {
			if err := elem.fn(e, v.Index(i), depth+1); err != nil {
				return atIndex(i, err)
			}
		}
		return nil
	}
}

var (
	errTwoKeys    = errors.New("two keys of the map have the same encoding: a receiver would get only one of them")
	errPointerKey = errors.New("a key of the map is a pointer, which means nothing in another process")
)

func (c encodeCompiler) mapping(t reflect.Type) encodeFunc {
	key, elem := c.node(t.Key()), c.node(t.Elem())
	isVague := !hasDistinctKeys(t.Key())
	return func(e *encoder, v reflect.Value, depth int) error {
		if v.IsNil() {
			e.null()
			return nil
		}
		n := v.Len()
		if err := e.open(2*n, depth); err != nil {
			return err
		}
		e.mapHead(n)
		var keys [][2]int // positions of the encoded keys
		for entries := v.MapRange(); entries.Next(); {
			begin := len(e.out)
			k := entries.Key()
			if isVague && k.Kind() == reflect.Interface && k.Elem().IsValid() && k.Elem().Kind() == reflect.Pointer {
				return errPointerKey
			}
			if err := key.fn(e, k, depth+1); err != nil {
				return at("[key]", err)
			}
			if isVague {
				keys = append(keys, [2]int{begin, len(e.out)})
			}
			if err := elem.fn(e, entries.Value(), depth+1); err != nil {
				return at("["+describe(k)+"]", err)
			}
		}
		return e.wantDistinct(keys)
	}
}

// wantDistinct fails if two keys have the same bytes.
func (e *encoder) wantDistinct(keys [][2]int) error {
	slices.SortFunc(keys, func(a, b [2]int) int { return bytes.Compare(e.out[a[0]:a[1]], e.out[b[0]:b[1]]) })
	for i := 1; i < len(keys); i++ {
		a, b := keys[i-1], keys[i]
		if bytes.Equal(e.out[a[0]:a[1]], e.out[b[0]:b[1]]) {
			return errTwoKeys
		}
	}
	return nil
}

// hasDistinctKeys reports whether two different keys of a type never have the same
// encoding.
func hasDistinctKeys(t reflect.Type) bool {
	if ownOf(t).encode != ownNone {
		return false
	}
	switch t.Kind() {
	case reflect.Interface, reflect.Struct, reflect.Array, reflect.Float32, reflect.Float64:
		return holdsBytes(t)
	}
	return true
}

// describe formats a key for an error text.
func describe(k reflect.Value) string {
	for k.Kind() == reflect.Interface && !k.IsNil() {
		k = k.Elem()
	}
	switch {
	case k.Kind() == reflect.String:
		return fmt.Sprintf("%.32q", k.String()) // the bytes may come from a peer, so they are quoted
	case k.CanInt() || k.CanUint():
		return numberText(k)
	}
	return "value"
}

// encodedField is a field with its encoder.
type encodedField struct {
	field
	name   []byte // the encoded name
	node   *encodeNode
	nested bool // the field is in an embedded struct to which a pointer leads
}

func (c encodeCompiler) structure(t reflect.Type) encodeFunc {
	l := layoutOf(t)
	fields := make([]encodedField, len(l.fields))
	omits := false
	for i, f := range l.fields {
		name := append(appendTextHead(nil, len(f.name)), f.name...)
		fields[i] = encodedField{f, name, c.node(f.typ), isThroughPointer(t, f.index)}
		omits = omits || f.omitEmpty || fields[i].nested
	}
	if l.asArray {
		return encodeAsArray(fields)
	}
	return func(e *encoder, v reflect.Value, depth int) error {
		if !omits {
			if err := e.open(2*len(fields), depth); err != nil {
				return err
			}
			e.mapHead(len(fields))
			for i := range fields {
				if err := fields[i].encode(e, v, depth); err != nil {
					return err
				}
			}
			return nil
		}
		count := 0
		for i := range fields {
			if !fields[i].isLeftOut(v) {
				count++
			}
		}
		if err := e.open(2*count, depth); err != nil {
			return err
		}
		e.mapHead(count)
		for i := range fields {
			if fields[i].isLeftOut(v) {
				continue
			}
			if err := fields[i].encode(e, v, depth); err != nil {
				return err
			}
		}
		return nil
	}
}

// encodeAsArray encodes a struct as an array of its fields, in their order.
func encodeAsArray(fields []encodedField) encodeFunc {
	return func(e *encoder, v reflect.Value, depth int) error {
		if err := e.open(len(fields), depth); err != nil {
			return err
		}
		e.arrayHead(len(fields))
		for i := range fields {
			f := &fields[i]
			value, ok := f.in(v)
			if !ok {
				e.null()
				continue
			}
			if err := f.node.fn(e, value, depth+1); err != nil {
				return at(f.field.name, err)
			}
		}
		return nil
	}
}

func (f *encodedField) encode(e *encoder, v reflect.Value, depth int) error {
	value, _ := f.in(v)
	e.out = append(e.out, f.name...)
	if err := f.node.fn(e, value, depth+1); err != nil {
		return at(f.field.name, err)
	}
	return nil
}

// in returns the field of v. If the field is in an embedded struct behind a nil pointer,
// it returns false.
func (f *encodedField) in(v reflect.Value) (reflect.Value, bool) {
	for i, index := range f.index {
		if i > 0 && v.Kind() == reflect.Pointer {
			if v.IsNil() {
				return v, false
			}
			v = v.Elem()
		}
		v = v.Field(index)
	}
	return v, true
}

// isLeftOut reports whether a field is omitted for this value.
func (f *encodedField) isLeftOut(v reflect.Value) bool {
	if !f.omitEmpty && !f.nested {
		return false
	}
	value, ok := f.in(v)
	return !ok || f.omitEmpty && isEmpty(value)
}

// isEmpty reports whether a field with the option omitempty is omitted. The receiver's
// zero value is then equivalent.
func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		return v.IsNil()
	case reflect.Map, reflect.Slice, reflect.String:
		return v.Len() == 0
	case reflect.Array:
		return v.IsZero()
	case reflect.Float32, reflect.Float64:
		return v.Float() == 0 && !math.Signbit(v.Float())
	}
	if z, ok := v.Interface().(interface{ IsZero() bool }); ok && v.Type() == timeType {
		return z.IsZero()
	}
	return v.IsZero()
}
