package smoke

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestTryOnReturnsWhatOnLogs(t *testing.T) {
	a := new(audience)
	for name, fn := range map[string]any{
		"":        func() {},
		"smoke:x": func() {},
		"a":       5,
		"b":       nil,
		"c":       func(chan int) {},
		"d":       func(string, Event) {},
	} {
		off, err := TryOn(a, name, fn)
		var nameErr *NameError
		var handlerErr *HandlerError
		if off != nil || !errors.As(err, &nameErr) && !errors.As(err, &handlerErr) {
			t.Errorf("%q, %T: off is %v, the error %v", name, fn, off != nil, err)
		} else if !strings.Contains(err.Error(), "handler_option_test.go:") {
			t.Errorf("%v does not say where", err)
		}
	}
	if len(a.refused) != 0 || len(a.handlers) != 0 {
		t.Fatalf("%d refusals were reported besides, %d handlers registered", len(a.refused), len(a.handlers))
	}
	for _, fn := range []any{func() {}, func(Event) {}, func(string, int) {}, func(Event, ...string) error { return nil }} {
		off, err := TryOn(a, "chat", fn)
		if err != nil {
			t.Fatalf("%T: %v", fn, err)
		}
		off()
	}
	if len(a.handlers) != 4 || a.offs != 4 {
		t.Errorf("%d handlers registered, %d taken off", len(a.handlers), a.offs)
	}
}

func TestABadNameOnARunningNodeIsAnErrorOfTryOnOnly(t *testing.T) {
	node := CreateNode(Options{Network: t.Name()})
	if _, err := TryOn(node.Broadcast(), "", func() {}); err == nil {
		t.Fatal("no error before Start")
	}
	if err := node.Start(); err != nil {
		t.Fatalf("a refusal that TryOn returned is returned by Start again: %v", err)
	}
	defer node.Shutdown(context.Background())
	if _, err := TryOn(node.Broadcast(), "", func() {}); err == nil {
		t.Fatal("no error on a running node")
	}
}
