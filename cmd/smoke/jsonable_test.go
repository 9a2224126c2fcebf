package main

import (
	"encoding/json"
	"math"
	"testing"
)

func TestArgumentsThatJSONDoesNotHave(t *testing.T) {
	text, err := json.Marshal(jsonable([]any{
		map[any]any{int64(1): "a", true: []any{math.NaN()}}, map[string]any{"x": math.Inf(-1)}, 1.5, nil, []byte("a"), int64(7),
	}))
	if want := `[{"1":"a","true":["NaN"]},{"x":"-Inf"},1.5,null,"YQ==",7]`; err != nil || string(text) != want {
		t.Errorf("%s, %v; want %s", text, err, want)
	}
}
