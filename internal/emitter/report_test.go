package emitter

import (
	"errors"
	"runtime"
	"strings"
	"testing"
)

func TestAPanicIsReportedAndTheNextHandlerRuns(t *testing.T) {
	var d diary
	config := Config{OnPanic: func(name string, v any, stack []byte) {
		d.add("panic in %q: %v, stack names the handler: %v", name, v, strings.Contains(string(stack), "TestAPanic"))
		panic("in OnPanic too")
	}}
	story(t, config, func(t *testing.T, e *Emitter) {
		e.On("a", func(*Event) error { panic("ouch") })
		e.On("a", d.hand("next"))
		e.Push(event("a", 1))
		e.Do(func() { panic("hook") })
		e.Push(event("a", 2))
		d.want(t,
			`panic in "a": ouch, stack names the handler: true`, "next a 1",
			`panic in "": hook, stack names the handler: true`,
			`panic in "a": ouch, stack names the handler: true`, "next a 2")
		if s := e.Stats(); s.Panics != 6 {
			t.Errorf("%d panics counted, want 3 and 3 in OnPanic", s.Panics)
		}
	})
}

func TestAHandlerThatEndsItsGoroutineDoesNotEndTheEmitter(t *testing.T) {
	var d diary
	config := Config{OnPanic: func(name string, v any, _ []byte) { d.add("%s: %v", name, v == ErrGoexit) }}
	runs(t, config, func(t *testing.T, e *Emitter, push func(names ...string)) {
		d.lines = nil
		e.Once("a", func(*Event) error { runtime.Goexit(); return nil })
		e.On("a", d.hand("next"))
		push("a", "a")
		d.want(t, "a: true", "next a 2")
	})
}

func TestAnErrorOfAHandlerIsReported(t *testing.T) {
	var d diary
	config := Config{OnError: func(name string, err error) { d.add("%s: %v", name, err) }}
	story(t, config, func(t *testing.T, e *Emitter) {
		e.On("a", func(*Event) error { return errors.New("does not fit") })
		e.On("a", d.hand("next"))
		e.Push(event("a", 1))
		d.want(t, "a: does not fit", "next a 1")
		if s := e.Stats(); s.Errors != 1 {
			t.Errorf("%d errors counted", s.Errors)
		}
	})
}
