package codec

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// optionsField is the name of a field whose tag holds options for the whole struct.
const optionsField = "_msgpack"

// field is one field of a struct, as it is encoded.
type field struct {
	name  string // name of the field on the wire
	index []int  // indices for nested calls of reflect.Value.Field; more than one if the field is in an embedded struct
	typ   reflect.Type

	omitEmpty bool
}

// layout is how a struct is encoded: as a map with an entry for each field, or as an array.
type layout struct {
	fields  []field
	names   map[string]int // aliases, which are also read; the values are indices into fields
	whole   []field        // embedded structs that are inlined, and also read as one value
	asArray bool
	fault   string // why a struct can't be encoded, or ""
}

// tag holds the content of a field's msgpack tag.
type tag struct {
	name    string
	options map[string]string
}

func (t tag) has(option string) bool { _, ok := t.options[option]; return ok }

func parseTag(f reflect.StructField) tag {
	name, rest, more := strings.Cut(f.Tag.Get("msgpack"), ",")
	t := tag{name: strings.TrimSpace(name), options: make(map[string]string)}
	if key, value, ok := strings.Cut(t.name, ":"); ok { // the tag has an option in place of the name
		t.name, t.options[strings.TrimSpace(key)] = "", strings.TrimSpace(value)
	}
	for more {
		var option string
		option, rest, more = strings.Cut(rest, ",")
		key, value, _ := strings.Cut(option, ":")
		t.options[strings.TrimSpace(key)] = strings.Trim(strings.TrimSpace(value), "'")
	}
	return t
}

// layoutOf decides the layout of a struct like msgpack v5, with one exception: if an
// embedded struct has a field whose name is taken, the fields of that struct are never
// inlined.
func layoutOf(t reflect.Type) layout { return layoutIn(t, nil) }

// layoutIn is layoutOf for a struct that is embedded in the structs within.
func layoutIn(t reflect.Type, within []reflect.Type) layout {
	var l layout
	if slices.Contains(within, t) {
		return layout{fault: "embeds a struct in itself"}
	}
	within = append(slices.Clip(within), t)
	allOmitEmpty := false
	direct := make(map[string]string) // wire name → Go name, of the fields that are certainly not inlined
	for n := range t.NumField() {
		f := t.Field(n)
		tag := parseTag(f)
		if f.Name == optionsField {
			l.asArray = tag.has("as_array") || tag.has("asArray")
			allOmitEmpty = tag.has("omitempty")
		}
		if travels(f, tag) && !(f.Anonymous && inlines(f, tag)) {
			direct[wireName(f, tag)] = f.Name
		}
	}
	taken := make(map[string]string)
	add := func(fd field, goName string) {
		if other, ok := taken[fd.name]; ok && l.fault == "" {
			l.fault = fmt.Sprintf("has two fields with the name %q: %s and %s", fd.name, other, goName)
		}
		taken[fd.name] = goName
		l.fields = append(l.fields, fd)
	}
	for n := range t.NumField() {
		f := t.Field(n)
		tag := parseTag(f)
		if !travels(f, tag) {
			continue
		}
		fd := field{name: wireName(f, tag), index: f.Index, typ: f.Type, omitEmpty: allOmitEmpty || tag.has("omitempty")}
		if !f.Anonymous || !inlines(f, tag) {
			if !f.IsExported() {
				continue // an unexported embedded type that is no struct is ignored, like any unexported field
			}
			add(fd, f.Name)
			if alias := tag.options["alias"]; alias != "" {
				l.alias(alias, len(l.fields)-1)
			}
			continue
		}
		inner := layoutIn(pointee(f.Type), within)
		if l.fault == "" {
			l.fault = inner.fault
		}
		conflict := func(in field) bool {
			_, before := taken[in.name]
			_, anywhere := direct[in.name]
			return before || anywhere
		}
		if !tag.has("inline") && slices.ContainsFunc(inner.fields, conflict) {
			if !f.IsExported() && l.fault == "" {
				l.fault = fmt.Sprintf("embeds the unexported %s, of which a field has the name of another one", f.Name)
			}
			add(fd, f.Name)
			continue
		}
		for _, in := range inner.fields {
			if conflict(in) {
				continue // a field shadows it, and the option "inline" requests it
			}
			in.index = slices.Concat(f.Index, in.index)
			add(in, f.Name+"."+in.name)
		}
		if f.IsExported() {
			l.whole = append(l.whole, fd)
		}
	}
	return l
}

func (l *layout) alias(name string, index int) {
	if l.names == nil {
		l.names = make(map[string]int)
	}
	l.names[name] = index
}

// travels reports whether a field is encoded.
func travels(f reflect.StructField, tag tag) bool {
	return tag.name != "-" && (f.IsExported() || f.Anonymous) && f.Name != "_"
}

func wireName(f reflect.StructField, tag tag) string {
	if tag.name != "" {
		return tag.name
	}
	return f.Name
}

// inlines reports whether the fields of an embedded struct are encoded as fields of the
// outer struct.
func inlines(f reflect.StructField, tag tag) bool {
	if tag.has("noinline") {
		return false
	}
	t := pointee(f.Type)
	if t == nil || t.Kind() != reflect.Struct || t == timeType {
		return false
	}
	return tag.has("inline") || ownOf(t) == own{}
}

// isThroughPointer reports whether the path to a field contains an embedded pointer.
func isThroughPointer(t reflect.Type, index []int) bool {
	for _, i := range index[:len(index)-1] {
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if t = t.Field(i).Type; t.Kind() == reflect.Pointer {
			return true
		}
	}
	return false
}

// IgnoredTag returns the first field of a struct, or of its fields, whose json tag has
// another name than the one on the wire: "Sent.UserID". It returns "" if there is none.
func IgnoredTag(t reflect.Type) string {
	return ignoredTag(t, make(map[reflect.Type]bool))
}

func ignoredTag(t reflect.Type, seen map[reflect.Type]bool) string {
	if seen[t] || ownOf(t) != (own{}) || t == timeType {
		return ""
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return ignoredTag(t.Elem(), seen)
	case reflect.Map:
		if found := ignoredTag(t.Key(), seen); found != "" {
			return found
		}
		return ignoredTag(t.Elem(), seen)
	case reflect.Struct:
		for n := range t.NumField() {
			f := t.Field(n)
			tag := parseTag(f)
			if !travels(f, tag) {
				continue
			}
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if _, has := f.Tag.Lookup("msgpack"); !has && name != "" && name != f.Name {
				return t.String() + "." + f.Name
			}
			if found := ignoredTag(f.Type, seen); found != "" {
				return found
			}
		}
	}
	return ""
}
