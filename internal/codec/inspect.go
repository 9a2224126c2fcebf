package codec

import (
	"fmt"
	"reflect"
	"slices"
	"sync"
)

// This file decides which Go types can't be encoded or decoded. Such types are refused
// when they are first used: by Emit, or when a handler is registered.

type typeKey struct {
	typ reflect.Type
	dir direction
}

var faults sync.Map // typeKey → string; one entry per type of the program

// inspect returns why a type can't be used in one direction, or "" if it can.
func inspect(t reflect.Type, dir direction) string {
	key := typeKey{t, dir}
	if fault, ok := faults.Load(key); ok {
		return fault.(string)
	}
	i := inspection{dir: dir, seen: make(map[reflect.Type]bool)}
	i.visit(t, t.String(), nil)
	faults.Store(key, i.fault)
	return i.fault
}

// inspection walks a type and everything that it contains.
type inspection struct {
	dir   direction
	seen  map[reflect.Type]bool
	fault string // the first fault found
}

func (i *inspection) fail(path, why string) {
	if i.fault == "" {
		i.fault = path + " " + why
	}
}

// visit inspects the type t, found at path. embedding lists the structs into which t's
// fields would be inlined.
func (i *inspection) visit(t reflect.Type, path string, embedding []reflect.Type) {
	if t.Kind() != reflect.Pointer {
		if i.visitOwn(t, path) || t == timeType {
			return
		}
	}
	if i.seen[t] {
		return
	}
	i.seen[t] = true
	switch t.Kind() {
	case reflect.Chan, reflect.Func, reflect.UnsafePointer, reflect.Uintptr, reflect.Complex64, reflect.Complex128:
		i.fail(path, fmt.Sprintf("is a %s, which can't leave the process", t.Kind()))
	case reflect.Interface:
		if t.NumMethod() > 0 && !textError.Implements(t) && i.dir == toDecode {
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
		if !holdsBytes(t) {
			i.visit(t.Elem(), path+"[]", nil)
		}
	case reflect.Map:
		if t.Key().Kind() == reflect.Pointer {
			i.fail("the key of "+path, "is a pointer, which means nothing in another process")
			return
		}
		i.visit(t.Key(), "the key of "+path, nil)
		i.visit(t.Elem(), path+"[]", nil)
	case reflect.Struct:
		i.visitStruct(t, path, append(slices.Clip(embedding), t))
	}
}

// visitOwn reports whether a type has its own encoding for this direction. If it has, its
// encoding for the other direction must match.
func (i *inspection) visitOwn(t reflect.Type, path string) bool {
	o := ownOf(t)
	readsBytes := t.Kind() == reflect.String || holdsBytes(t)
	switch {
	case i.dir == toDecode && o.decode == ownNone && o.encode.isBytes() && !readsBytes:
		encode := ownMethods[toEncode][o.encode].name
		i.fail(path, fmt.Sprintf("encodes itself with %s and has no %s to decode it", encode, ownMethods[toDecode][o.encode].name))
	case i.dir == toEncode && o.encode == ownNone && o.decode.isBytes() && !readsBytes:
		decode := ownMethods[toDecode][o.decode].name
		i.fail(path, fmt.Sprintf("decodes itself with %s and has no %s to encode it", decode, ownMethods[toEncode][o.decode].name))
	}
	if i.dir == toEncode {
		return o.encode != ownNone
	}
	return o.decode != ownNone
}

func (i *inspection) visitStruct(t reflect.Type, path string, embedding []reflect.Type) {
	travelling, hidden := 0, 0
	for n := range t.NumField() {
		f := t.Field(n)
		tag := parseTag(f)
		if !travels(f, tag) {
			if tag.name != "-" && f.Name != "_" && f.Name != optionsField {
				hidden++
			}
			continue
		}
		path := path + "." + f.Name
		if !f.Anonymous {
			travelling++
			i.visit(f.Type, path, nil)
			continue
		}
		target := pointee(f.Type)
		switch {
		case target != nil && target.Kind() == reflect.Struct && slices.Contains(embedding, target):
			i.fail(path, "embeds a struct in itself")
			return
		case !inlines(f, tag) && !f.IsExported():
			hidden++
			continue
		case !f.IsExported() && f.Type.Kind() == reflect.Pointer:
			i.fail(path, "is an embedded pointer to an unexported struct, which a receiver can't fill: embed the struct, or give the field a name")
			return
		}
		if !isSync(f.Type) {
			travelling++
		}
		i.visit(f.Type, path, embedding)
	}
	if travelling == 0 && hidden > 0 && !isSync(t) {
		i.fail(path, "has no exported fields: nothing of it would be sent")
	}
	if i.fault == "" {
		if fault := layoutOf(t).fault; fault != "" {
			i.fail(path, fault)
		}
	}
}
