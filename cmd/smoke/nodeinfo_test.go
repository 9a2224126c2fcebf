package main

import (
	"reflect"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/census"
	"github.com/smokesignal-go/smokesignal/smoke"
)

// Each field of a digest arrives in the NodeInfo. The test fails if a new field of
// NodeInfo or LinkInfo is not converted.
func TestSimulatedDigestBecomesNodeInfo(t *testing.T) {
	g := census.Digest{Links: []census.Link{{}}, Left: []smoke.ID{{1}}}
	fill(reflect.ValueOf(&g).Elem())
	fill(reflect.ValueOf(&g.Links[0]).Elem())
	n := simulatedInfo(g)
	for _, v := range []reflect.Value{reflect.ValueOf(n), reflect.ValueOf(n.Links[0])} {
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Errorf("%s.%s is empty", v.Type(), v.Type().Field(i).Name)
			}
		}
	}
	if n.Uptime.Duration() != time.Second {
		t.Errorf("an uptime of one second became %v", n.Uptime.Duration())
	}
	if none := simulatedInfo(census.Digest{}); none.Links == nil || none.Left == nil {
		t.Error("a list is nil, and null in JSON")
	}
}

// fill sets the fields of a struct that are empty. Durations become one second.
func fill(v reflect.Value) {
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.Bool:
			f.SetBool(true)
		case reflect.String:
			f.SetString("text")
		case reflect.Int64:
			f.SetInt(int64(time.Second))
		case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
			f.SetUint(7)
		case reflect.Array:
			f.Index(0).SetUint(7)
		case reflect.Struct:
			fill(f)
		}
	}
}
