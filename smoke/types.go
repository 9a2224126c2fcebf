package smoke

import (
	"encoding"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/vmihailenco/msgpack/v5"
)

// This file knows which Go types msgpack can carry, and keeps the others from
// it: some of them make it fail in a way that nothing can recover. A type that
// embeds itself, or is a pointer to itself, overflows its stack as soon as the
// type is looked at, and a value that contains itself does when it is encoded.

// direction says what a type is needed for.
type direction int

const (
	toEncode direction = iota
	toDecode
)

// typeInfo is what is known about a type in one direction.
type typeInfo struct {
	fault string // why msgpack can't carry it; "" when it can
	open  bool   // values of it can be of any depth: the type is recursive or holds an interface
	own   bool   // it brings its own encoding
}

type typeKey struct {
	typ reflect.Type
	dir direction
}

var typeInfos sync.Map // typeKey → typeInfo; as many as a program has types

// inspect tells what is known about a type.
func inspect(t reflect.Type, dir direction) typeInfo {
	key := typeKey{t, dir}
	if info, ok := typeInfos.Load(key); ok {
		return info.(typeInfo)
	}
	i := inspection{dir: dir, inside: make(map[reflect.Type]bool), done: make(map[reflect.Type]bool)}
	i.visit(t, t.String(), nil)
	info := typeInfo{fault: i.fault, open: i.open, own: hasOwnEncoding(t, dir)}
	typeInfos.Store(key, info)
	return info
}

// inspection goes through a type and all that it is made of.
type inspection struct {
	dir    direction
	inside map[reflect.Type]bool // the types that the one being visited is inside of
	done   map[reflect.Type]bool // the types that have been visited
	fault  string                // the first one found
	open   bool
}

func (i *inspection) fail(path, why string) {
	if i.fault == "" {
		i.fault = path + " " + why
	}
}

// visit looks at the type t, found at path. Embedding holds the structs whose
// fields t's fields would be counted to.
func (i *inspection) visit(t reflect.Type, path string, embedding []reflect.Type) {
	if hasOwnEncoding(t, i.dir) {
		return
	}
	if i.inside[t] {
		i.open = true
		return
	}
	if i.done[t] {
		return
	}
	i.inside[t] = true
	defer func() { delete(i.inside, t); i.done[t] = true }()

	switch t.Kind() {
	case reflect.Chan, reflect.Func, reflect.UnsafePointer, reflect.Uintptr, reflect.Complex64, reflect.Complex128:
		i.fail(path, fmt.Sprintf("is a %s, which can't leave the process", t.Kind()))
	case reflect.Interface:
		i.open = true
		if t.NumMethod() > 0 && t != reflect.TypeFor[error]() && i.dir == toDecode {
			i.fail(path, "is an interface with methods, and nothing says which type to decode")
		}
	case reflect.Pointer:
		target := pointee(t)
		if target == nil {
			i.fail(path, "is a pointer to itself")
			return
		}
		i.visit(target, path, embedding)
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() != reflect.Uint8 { // these are bytes, whatever their type is called
			i.visit(t.Elem(), path+"[]", nil)
		}
	case reflect.Map:
		i.visit(t.Key(), "the key of "+path, nil)
		i.visit(t.Elem(), path+"[]", nil)
	case reflect.Struct:
		i.visitFields(t, path, append(embedding, t))
	}
}

func (i *inspection) visitFields(t reflect.Type, path string, embedding []reflect.Type) {
	for f := range encodedFields(t) {
		path := path + "." + f.Name
		if !f.Anonymous {
			i.visit(f.Type, path, nil)
			continue
		}
		if target := pointee(f.Type); slices.Contains(embedding, target) {
			i.fail(path, "embeds a struct in itself")
			return
		}
		i.visit(f.Type, path, embedding)
	}
}

// pointee follows pointers to what is no pointer; it gives nil where there is
// no such end.
func pointee(t reflect.Type) reflect.Type {
	for seen := map[reflect.Type]bool{}; t.Kind() == reflect.Pointer; t = t.Elem() {
		if seen[t] {
			return nil
		}
		seen[t] = true
	}
	return t
}

// encodedFields gives the fields of a struct that msgpack looks at.
func encodedFields(t reflect.Type) iter.Seq[reflect.StructField] {
	return func(yield func(reflect.StructField) bool) {
		for n := range t.NumField() {
			f := t.Field(n)
			name, _, _ := strings.Cut(f.Tag.Get("msgpack"), ",")
			if name == "-" || !f.IsExported() && !f.Anonymous {
				continue
			}
			if !yield(f) {
				return
			}
		}
	}
}

// What msgpack asks a type for before it looks at how it is built.
var ownEncodings = [2][]reflect.Type{
	toEncode: {
		reflect.TypeFor[msgpack.CustomEncoder](), reflect.TypeFor[msgpack.Marshaler](),
		reflect.TypeFor[encoding.BinaryMarshaler](), reflect.TypeFor[encoding.TextMarshaler](),
	},
	toDecode: {
		reflect.TypeFor[msgpack.CustomDecoder](), reflect.TypeFor[msgpack.Unmarshaler](),
		reflect.TypeFor[encoding.BinaryUnmarshaler](), reflect.TypeFor[encoding.TextUnmarshaler](),
	},
}

// hasOwnEncoding reports whether a type, or a pointer to it, encodes or decodes
// itself. What it does then is its own business.
func hasOwnEncoding(t reflect.Type, dir direction) bool {
	for _, own := range ownEncodings[dir] {
		if t.Implements(own) || t.Kind() != reflect.Pointer && reflect.PointerTo(t).Implements(own) {
			return true
		}
	}
	return false
}
