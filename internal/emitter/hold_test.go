package emitter

import (
	"testing"
)

func TestAHeldEmitterQueuesAndDoesNotRun(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		var d diary
		e.Hold()
		if !e.Has("a") {
			t.Error("a held emitter has to take everything: its handlers may be yet to come")
		}
		e.Push(event("a", 1))
		d.want(t)
		e.On("a", d.hand("got"))
		e.Release()
		d.want(t, "got a 1")
		if e.Has("b") {
			t.Error("nobody listens to b")
		}
	})
}

func TestHoldInsideAHandlerStopsBeforeTheNext(t *testing.T) {
	runs(t, Config{}, func(t *testing.T, e *Emitter, push func(names ...string)) {
		var d diary
		e.On("a", d.hand("got"))
		e.Once("a", func(*Event) error { e.Hold(); return nil })
		push("a", "a", "a")
		d.want(t, "got a 1")
		e.Push(event("a", 4))
		if s := e.Stats(); s.Queued != 3 {
			t.Errorf("%d wait, want 3", s.Queued)
		}
		e.Release()
		d.want(t, "got a 1", "got a 2", "got a 3", "got a 4")
	})
}
