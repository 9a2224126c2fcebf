package codec

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// decodeFunc decodes the next value of d into v.
type decodeFunc func(d *Decoder, v reflect.Value) error

// decodeNode is the decoder of one type; see encodeNode.
type decodeNode struct{ fn decodeFunc }

var decodeNodes sync.Map // reflect.Type → *decodeNode

// decoderOf returns the decoder of a type that has no fault.
func decoderOf(t reflect.Type) *decodeNode {
	if n, ok := decodeNodes.Load(t); ok {
		return n.(*decodeNode)
	}
	made := make(decodeCompiler)
	n := made.node(t)
	for t, n := range made {
		decodeNodes.LoadOrStore(t, n)
	}
	return n
}

// decodeCompiler makes decoders. It holds the decoders that are not finished yet.
type decodeCompiler map[reflect.Type]*decodeNode

func (c decodeCompiler) node(t reflect.Type) *decodeNode {
	if n, ok := c[t]; ok {
		return n
	}
	if n, ok := decodeNodes.Load(t); ok {
		return n.(*decodeNode)
	}
	n := new(decodeNode)
	c[t] = n
	n.fn = c.compile(t)
	return n
}

func (c decodeCompiler) compile(t reflect.Type) decodeFunc {
	if t == timeType {
		return decodeTime
	}
	if kind := ownOf(t).decode; kind != ownNone {
		return decodeOwn(t, kind)
	}
	switch t.Kind() {
	case reflect.Bool:
		return decodeBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return decodeInt
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return decodeUint
	case reflect.Float32, reflect.Float64:
		return decodeFloat
	case reflect.String:
		return decodeString
	case reflect.Interface:
		if t.NumMethod() > 0 {
			return decodeError
		}
		return decodeAny
	case reflect.Pointer:
		return c.pointer(t)
	case reflect.Slice:
		if holdsBytes(t) {
			return decodeBytes
		}
		return c.slice(t)
	case reflect.Array:
		if holdsBytes(t) {
			return decodeByteArray
		}
		return c.array(t)
	case reflect.Map:
		return c.mapping(t)
	case reflect.Struct:
		return c.structure(t)
	}
	return func(*Decoder, reflect.Value) error { return errors.New("it can't be decoded") } // not reached, because inspect has refused the type
}

func decodeBool(d *Decoder, v reflect.Value) error {
	switch d.b[d.at] {
	case 0xc2, 0xc0:
		v.SetBool(false)
	case 0xc3:
		v.SetBool(true)
	default:
		return d.mismatch(v.Type())
	}
	d.at++
	return nil
}

func decodeInt(d *Decoder, v reflect.Value) error {
	n, ok := d.integer()
	switch {
	case !ok && d.isNull():
	case !ok:
		return d.mismatch(v.Type())
	case n.big != 0 || v.OverflowInt(n.n):
		return errOutOfRange(n, v.Type())
	}
	v.SetInt(n.n)
	return nil
}

func decodeUint(d *Decoder, v reflect.Value) error {
	n, ok := d.integer()
	u := n.big
	if u == 0 {
		u = uint64(n.n)
	}
	switch {
	case !ok && d.isNull():
	case !ok:
		return d.mismatch(v.Type())
	case n.n < 0 || v.OverflowUint(u):
		return errOutOfRange(n, v.Type())
	}
	v.SetUint(u)
	return nil
}

func decodeFloat(d *Decoder, v reflect.Value) error {
	f, ok := d.float()
	if !ok {
		n, isInteger := d.integer()
		if !isInteger && !d.isNull() {
			return d.mismatch(v.Type())
		}
		exact := false
		if f, exact = n.float(); !exact || v.Kind() == reflect.Float32 && float64(float32(f)) != f {
			return errOutOfRange(n, v.Type())
		}
	}
	if !math.IsInf(f, 0) && v.OverflowFloat(f) {
		return errOutOfRange(floatText(f), v.Type())
	}
	v.SetFloat(f)
	return nil
}

// floatText formats a float for an error text.
type floatText float64

// String implements fmt.Stringer.
func (f floatText) String() string { return strconv.FormatFloat(float64(f), 'g', -1, 64) }

// numberText writes an integer of a map's key for an error text.
func numberText(v reflect.Value) string {
	if v.CanInt() {
		return strconv.FormatInt(v.Int(), 10)
	}
	return strconv.FormatUint(v.Uint(), 10)
}

func decodeString(d *Decoder, v reflect.Value) error {
	b, ok := d.bytes()
	if !ok && !d.isNull() {
		return d.mismatch(v.Type())
	}
	v.SetString(string(b))
	return nil
}

func decodeBytes(d *Decoder, v reflect.Value) error {
	b, ok := d.bytes()
	switch {
	case ok:
		v.SetBytes(append(make([]byte, 0, len(b)), b...))
	case d.isNull():
		v.SetZero()
	default:
		return d.mismatch(v.Type())
	}
	return nil
}

func decodeByteArray(d *Decoder, v reflect.Value) error {
	b, ok := d.bytes()
	switch {
	case ok && len(b) != v.Len():
		return fmt.Errorf("want %s, got %d bytes", v.Type(), len(b))
	case ok:
		copy(v.Slice(0, len(b)).Bytes(), b)
	case d.isNull():
		v.SetZero()
	default:
		return d.mismatch(v.Type())
	}
	return nil
}

func decodeTime(d *Decoder, v reflect.Value) error {
	ptr := v.Addr().Interface().(*time.Time)
	t, ok := d.timestamp()
	if ok || d.isNull() {
		*ptr = t
		return nil
	}
	b, ok := d.bytes()
	if !ok {
		return d.mismatch(timeType)
	}
	t, err := time.Parse(time.RFC3339Nano, string(b))
	if err != nil {
		return fmt.Errorf("want a time as in RFC 3339, got %.32q", b) // the bytes may come from a peer, so they are quoted
	}
	*ptr = t
	return nil
}

// decodeError decodes into an error, or into an interface with the same method.
func decodeError(d *Decoder, v reflect.Value) error {
	b, ok := d.bytes()
	switch {
	case ok:
		v.Set(reflect.ValueOf(errors.New(string(b))))
	case d.isNull():
		v.SetZero()
	default:
		return d.mismatch(v.Type())
	}
	return nil
}

// decodeAny decodes into an interface. If the interface holds a pointer, it decodes into
// the value at the pointer, else into a new value.
func decodeAny(d *Decoder, v reflect.Value) error {
	if !v.IsNil() && v.Elem().Kind() == reflect.Pointer && !v.Elem().IsNil() {
		target := v.Elem().Elem()
		if target.Kind() == reflect.Interface && target.NumMethod() == 0 {
			return setLoose(d, target) // this follows no further pointer, because target may lead back to v
		}
		if fault := inspect(target.Type(), toDecode); fault != "" {
			return errors.New(fault)
		}
		return decoderOf(target.Type()).fn(d, target)
	}
	return setLoose(d, v)
}

// setLoose decodes the next value into an empty interface.
func setLoose(d *Decoder, v reflect.Value) error {
	if value := d.loose(); value != nil {
		v.Set(reflect.ValueOf(value))
	} else {
		v.SetZero()
	}
	return nil
}

func (c decodeCompiler) pointer(t reflect.Type) decodeFunc {
	target := c.node(t.Elem())
	return func(d *Decoder, v reflect.Value) error {
		if d.isNull() {
			v.SetZero()
			return nil
		}
		if v.IsNil() {
			v.Set(reflect.New(t.Elem()))
		}
		return target.fn(d, v.Elem())
	}
}

// firstSlice bounds the bytes of a slice that is allocated before its elements are
// decoded. An encoded element of one byte may take a thousand bytes in memory.
const firstSlice = 1 << 16

func (c decodeCompiler) slice(t reflect.Type) decodeFunc {
	elem := c.node(t.Elem())
	atOnce := firstSlice / max(int(t.Elem().Size()), 1)
	return func(d *Decoder, v reflect.Value) error {
		n, ok := d.list()
		if !ok {
			if d.isNull() {
				v.SetZero()
				return nil
			}
			return d.mismatch(t)
		}
		if v.Cap() < n || v.IsNil() {
			v.Set(reflect.MakeSlice(t, 0, min(n, max(atOnce, 1))))
		}
		v.SetLen(0)
		for i := range n {
			if i == v.Cap() {
				v.Grow(min(n-i, max(i, 1)))
			}
			v.SetLen(i + 1)
			e := v.Index(i)
			e.SetZero()
			if err := elem.fn(d, e); err != nil {
				return atIndex(i, err)
			}
		}
		return nil
	}
}

func (c decodeCompiler) array(t reflect.Type) decodeFunc {
	elem := c.node(t.Elem())
	return func(d *Decoder, v reflect.Value) error {
		n, ok := d.list()
		switch {
		case !ok && d.isNull():
			v.SetZero()
			return nil
		case !ok:
			return d.mismatch(t)
		case n != t.Len():
			return fmt.Errorf("want %s, got an array of %d values", t, n)
		}
		for i := range n {
			if err := elem.fn(d, v.Index(i)); err != nil {
				return atIndex(i, err)
			}
		}
		return nil
	}
}

func (c decodeCompiler) mapping(t reflect.Type) decodeFunc {
	key, elem := c.node(t.Key()), c.node(t.Elem())
	isVague := !t.Key().Comparable() || mayHoldInterface(t.Key())
	isAny := t.Key().Kind() == reflect.Interface
	return func(d *Decoder, v reflect.Value) error {
		n, ok := d.mapping()
		if !ok {
			if d.isNull() {
				v.SetZero()
				return nil
			}
			return d.mismatch(t)
		}
		if v.IsNil() {
			v.Set(reflect.MakeMapWithSize(t, n))
		}
		for range n {
			k, e := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
			code := d.b[d.at]
			if err := key.fn(d, k); err != nil {
				return at("[key]", err)
			}
			if isAny && !k.IsNil() {
				if b, ok := k.Interface().([]byte); ok {
					k.Set(reflect.ValueOf(string(b)))
				}
			}
			if isVague && !k.Comparable() {
				return fmt.Errorf("%s can't be a key of %s", KindOf(code), t)
			}
			if err := elem.fn(d, e); err != nil {
				return at("["+describe(k)+"]", err)
			}
			v.SetMapIndex(k, e)
		}
		return nil
	}
}

// mayHoldInterface reports whether a comparable type contains an interface, which may hold
// any value.
func mayHoldInterface(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Interface:
		return true
	case reflect.Array:
		return mayHoldInterface(t.Elem())
	case reflect.Struct:
		for n := range t.NumField() {
			if mayHoldInterface(t.Field(n).Type) {
				return true
			}
		}
	}
	return false
}

// decodedField is a field with its decoder.
type decodedField struct {
	field
	node   *decodeNode
	nested bool // the field is in an embedded struct to which a pointer leads
}

// in returns the field of v. It allocates embedded structs on the way if needed.
func (f *decodedField) in(v reflect.Value) reflect.Value {
	for i, index := range f.index {
		if i > 0 && v.Kind() == reflect.Pointer {
			if v.IsNil() {
				v.Set(reflect.New(v.Type().Elem()))
			}
			v = v.Elem()
		}
		v = v.Field(index)
	}
	return v
}

func (f *decodedField) decode(d *Decoder, v reflect.Value) error {
	if f.nested && d.b[d.at] == 0xc0 {
		// If an embedded pointer is nil, version 1.0 sends nil for its fields.
		if outer := (&encodedField{field: f.field}); !outer.isThere(v) {
			d.at++
			return nil
		}
	}
	if err := f.node.fn(d, f.in(v)); err != nil {
		return at(f.name, err)
	}
	return nil
}

func (f *encodedField) isThere(v reflect.Value) bool { _, ok := f.in(v); return ok }

// structDecoder decodes structs of one type.
type structDecoder struct {
	typ     reflect.Type
	fields  []decodedField
	names   map[string]int // index into fields
	count   int            // number of fields in the array form, as its sender counts them
	always  bool           // a sender of the same type always sends at least one field
	ignored string         // a field whose json tag has no effect; see IgnoredTag

	// If the struct inherits its encoding from an embedded field, these are the field and
	// the encoding. Version 1.0 sends only this field. If the struct inherits no
	// encoding, the second is ownNone.
	lender  int
	lending ownKind
}

func (c decodeCompiler) structure(t reflect.Type) decodeFunc {
	l := layoutOf(t)
	s := &structDecoder{typ: t, names: make(map[string]int), count: len(l.fields), ignored: IgnoredTag(t)}
	for name, i := range l.names {
		s.names[name] = i
	}
	for i, f := range slices.Concat(l.fields, l.whole) {
		s.fields = append(s.fields, decodedField{f, c.node(f.typ), isThroughPointer(t, f.index)})
		if _, isTaken := s.names[f.name]; i < len(l.fields) || !isTaken {
			s.names[f.name] = i
		}
	}
	s.always = slices.ContainsFunc(s.fields[:s.count], func(f decodedField) bool { return !f.omitEmpty && !f.nested })
	for _, kind := range []ownKind{ownText, ownBinary} {
		m := ownMethods[toDecode][kind]
		for n := range t.NumField() {
			f := t.Field(n)
			if f.Anonymous && f.IsExported() && f.Type.Kind() != reflect.Interface && implements(t, m.iface) && implements(f.Type, m.iface) {
				s.lender, s.lending = n, kind
			}
		}
	}
	return s.decode
}

func (s *structDecoder) decode(d *Decoder, v reflect.Value) error {
	n, ok := d.mapping()
	if !ok {
		return s.decodeOther(d, v)
	}
	matched := false
	first := ""
	for range n {
		name, ok := d.bytes()
		if !ok && !d.isNull() {
			return fmt.Errorf("the name of a field of %s is %s", s.typ, KindOf(d.b[d.at]))
		}
		i, ok := s.names[string(name)]
		if !ok {
			if first == "" {
				first = string(name)
			}
			d.skip()
			continue
		}
		matched = true
		if err := s.fields[i].decode(d, v); err != nil {
			return err
		}
	}
	if n > 0 && !matched && s.always {
		return s.strange(first)
	}
	return nil
}

// strange returns the error for a map without an entry for any field, if a sender of the
// same type would send one. The map has another type, or its fields have other names.
func (s *structDecoder) strange(came string) error {
	var has []string
	for _, f := range s.fields[:min(s.count, 3)] {
		has = append(has, f.name)
	}
	text := fmt.Sprintf("%s has %s, and none of its fields came, but %.64q", s.typ, strings.Join(has, ", "), came)
	if s.ignored != "" {
		text += "; json tags do not count here: name the fields with msgpack tags"
	}
	return errors.New(text)
}

// decodeOther decodes a struct from a value that is not a map: an array of its fields, or
// the form in which version 1.0 sends a struct that embeds a type with its own encoding.
func (s *structDecoder) decodeOther(d *Decoder, v reflect.Value) error {
	code := d.b[d.at]
	if d.isNull() {
		v.SetZero()
		return nil
	}
	n, ok := d.list()
	switch {
	case ok && n == 0:
		v.SetZero()
		return nil
	case ok && n != s.count:
		return fmt.Errorf("want %s of %d fields, got an array of %d", s.typ, s.count, n)
	case ok:
		for i := range n {
			if err := s.fields[i].decode(d, v); err != nil {
				return err
			}
		}
		return nil
	case s.lending != ownNone && (KindOf(code) == "bytes" || KindOf(code) == "a string"):
		f := v.Field(s.lender)
		if f.Kind() != reflect.Pointer {
			return d.own(f.Addr().Interface(), s.lending)
		}
		if f.IsNil() {
			f.Set(reflect.New(f.Type().Elem()))
		}
		return d.own(f.Interface(), s.lending)
	}
	return d.mismatch(s.typ)
}
