package smoke

import (
	"errors"
	"fmt"
	"reflect"
)

// msgpack follows every pointer and every interface, as deep as they go. Where
// they lead back to where they came from it overflows its stack, and the whole
// process dies. So a value that can be of any depth is walked before.

var (
	errCycle = errors.New("it contains itself, or is a chain of too many pointers")
	errDepth = fmt.Errorf("it is nested more than %d deep, or contains itself", maxDepth)
	errCount = fmt.Errorf("it holds more than %d values, or contains itself", maxElements)
)

// longestChain is how many pointers and interfaces in a row are followed: far
// more than anybody writes on purpose.
const longestChain = 64

// checkValue reports why v can't be encoded: it holds a type that msgpack does
// not carry, or is larger in depth or number than any node takes. It returns
// for every value, those among them that contain themselves.
func checkValue(v reflect.Value) error {
	w := walk{left: maxElements}
	return w.visit(v, 1) // inside the array of the arguments
}

type walk struct {
	left int // values that may still come
}

func (w *walk) visit(v reflect.Value, depth int) error {
	for range longestChain {
		if !v.IsValid() { // nil
			return nil
		}
		info := inspect(v.Type(), toEncode)
		switch {
		case info.fault != "":
			return errors.New(info.fault)
		case info.own || !info.open:
			return nil // its depth is that of its type
		}
		if v.Kind() != reflect.Pointer && v.Kind() != reflect.Interface {
			return w.visitParts(v, depth)
		}
		v = v.Elem()
	}
	return errCycle
}

// visitParts visits what a container holds.
func (w *walk) visitParts(v reflect.Value, depth int) error {
	count := 0
	switch v.Kind() {
	case reflect.Slice, reflect.Array, reflect.Map:
		count = v.Len()
	case reflect.Struct:
		count = v.NumField()
	}
	if count == 0 {
		return nil
	}
	if depth == maxDepth {
		return errDepth
	}
	switch v.Kind() {
	case reflect.Slice, reflect.Array:
		for i := range count {
			if err := w.part(v.Index(i), depth+1); err != nil {
				return err
			}
		}
	case reflect.Map:
		for entries := v.MapRange(); entries.Next(); {
			if err := w.part(entries.Key(), depth+1); err != nil {
				return err
			}
			if err := w.part(entries.Value(), depth+1); err != nil {
				return err
			}
		}
	case reflect.Struct:
		for f := range encodedFields(v.Type()) {
			below := depth + 1
			if f.Anonymous {
				below = depth // its fields are counted to this struct
			}
			if err := w.part(v.FieldByIndex(f.Index), below); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *walk) part(v reflect.Value, depth int) error {
	if w.left--; w.left < 0 {
		return errCount
	}
	return w.visit(v, depth)
}
