package emitter

import (
	"errors"
	"testing"
)

func TestHandlersOfOneEventRunInTheOrderOfRegistration(t *testing.T) {
	runs(t, Config{}, func(t *testing.T, e *Emitter, push func(names ...string)) {
		var d diary
		e.On("a", d.hand("first"))
		e.OnAny(d.hand("second"))
		e.On("a", d.hand("third"))
		e.OnAny(d.hand("fourth"))
		push("a", "b")
		d.want(t, "first a 1", "second a 1", "third a 1", "fourth a 1", "second b 2", "fourth b 2")
	})
}

func TestOnceRunsOnceThoughTwoEventsWait(t *testing.T) {
	runs(t, Config{}, func(t *testing.T, e *Emitter, push func(names ...string)) {
		var d diary
		e.Once("a", d.hand("once"))
		push("a", "a")
		d.want(t, "once a 1")
		if e.Has("a") || e.Stats().Handlers != 0 {
			t.Error("the handler is registered still")
		}
	})
}

func TestOnceIsNotUsedUpByAnEventThatItDoesNotTake(t *testing.T) {
	runs(t, Config{}, func(t *testing.T, e *Emitter, push func(names ...string)) {
		var d diary
		once := func(h Handler) (off func()) { return e.Register("a", h, Settings{Once: true, Fitting: true}) }
		takes := func(seq uint64, name string) Handler {
			return func(ev *Event) error {
				if ev.Seq < seq {
					return errors.New("too early")
				}
				ev.Take()
				d.add("%s %d", name, ev.Seq)
				return errors.New("its own")
			}
		}
		once(takes(3, "third"))
		once(takes(1, "first"))
		off := once(takes(2, "second"))
		once(func(ev *Event) error { ev.Take(); off(); d.add("panics %d", ev.Seq); panic(ev.Seq) })
		e.On("a", func(ev *Event) error { ev.Take(); d.add("on %d", ev.Seq); return nil })
		push("a", "a", "a", "a")
		d.want(t, "first 1", "panics 1", "on 1", "on 2", "third 3", "on 3", "on 4")
		if e.Stats().Handlers != 1 {
			t.Errorf("%d handlers are registered", e.Stats().Handlers)
		}
	})
}

func TestOffInsideAHandlerThatDoesNotTakeItsEvent(t *testing.T) {
	runs(t, Config{}, func(t *testing.T, e *Emitter, push func(names ...string)) {
		var d diary
		var off func()
		off = e.Register("a", func(ev *Event) error { d.add("%d", ev.Seq); off(); return nil }, Settings{Once: true, Fitting: true})
		push("a", "a")
		d.want(t, "1")
		if e.Stats().Handlers != 0 {
			t.Error("the handler is registered still")
		}
	})
}

func TestOffInsideAHandler(t *testing.T) {
	runs(t, Config{}, func(t *testing.T, e *Emitter, push func(names ...string)) {
		var d diary
		var offSelf, offOther func()
		offSelf = e.On("a", func(ev *Event) error { d.add("self %d", ev.Seq); offSelf(); offOther(); offSelf(); return nil })
		offOther = e.On("a", d.hand("other"))
		e.On("a", d.hand("last"))
		push("a", "a")
		d.want(t, "self 1", "last a 1", "last a 2")
	})
}

func TestOnInsideAHandlerCountsFromTheNextEvent(t *testing.T) {
	runs(t, Config{}, func(t *testing.T, e *Emitter, push func(names ...string)) {
		var d diary
		e.Once("a", func(*Event) error { e.On("a", d.hand("late")); return nil })
		push("a", "a")
		d.want(t, "late a 2")
	})
}

func TestOffByNameLeavesTheHandlersOfEveryName(t *testing.T) {
	runs(t, Config{}, func(t *testing.T, e *Emitter, push func(names ...string)) {
		var d diary
		off := e.OnAny(d.hand("any"))
		offNamed := e.On("a", d.hand("named"))
		e.On("a", d.hand("named too"))
		e.On("b", d.hand("b"))
		e.Off("a")
		e.Off("a")
		offNamed()
		push("a", "b")
		d.want(t, "any a 1", "any b 2", "b b 2")
		off()
		if e.Has("a") || !e.Has("b") || e.Stats().Handlers != 1 {
			t.Errorf("a: %v, b: %v, %d handlers", e.Has("a"), e.Has("b"), e.Stats().Handlers)
		}
	})
}
