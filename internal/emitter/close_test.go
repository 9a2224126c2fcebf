package emitter

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestDrainWaitsForTheLastHandler(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		ran := 0
		e.On("a", func(*Event) error { time.Sleep(time.Second); ran++; return nil })
		for range 300 { // so that they take more than one chunk
			e.Push(event("a", 1))
		}
		if err := e.Drain(t.Context()); err != nil || ran != 300 {
			t.Errorf("%d ran, %v", ran, err)
		}
	})
}

func TestDrainSaysWhatIsLeft(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		e.On("a", func(*Event) error { time.Sleep(time.Second); return nil })
		for range 300 {
			e.Push(event("a", 1))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 9500*time.Millisecond)
		defer cancel()
		err := e.Drain(ctx)
		var drain *DrainError
		if !errors.As(err, &drain) || drain.Left != 291 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want 291 left", err)
		}
	})
}

func TestCloseDiscardsTheRestAndNothingRunsAfterIt(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		running, ended := make(chan struct{}), false
		e.On("a", func(*Event) error {
			close(running)
			time.Sleep(time.Second)
			ended = true
			return nil
		})
		for range 200 {
			e.Push(event("a", 1))
		}
		<-running
		e.Close()
		if !ended {
			t.Error("Close returned before the handler")
		}
		if s := e.Stats(); s.Discarded != 199 || s.Queued != 0 || s.Delivered != 1 {
			t.Errorf("stats: %+v", s)
		}
		if e.Push(event("a", 1)) || e.PushBatch([]Run{event("a", 1)}) || e.Do(func() {}) {
			t.Error("a closed emitter took something")
		}
		e.Close()
	})
}

func TestCloseContextLeavesAHandlerThatDoesNotReturn(t *testing.T) {
	runs(t, Config{}, func(t *testing.T, e *Emitter, push func(names ...string)) {
		var d diary
		leave := make(chan struct{})
		e.On("stuck", func(*Event) error { <-leave; d.add("returned"); return nil })
		e.On("next", d.hand("next"))
		push("stuck", "next")
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := e.CloseContext(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("close: %v", err)
		}
		if got := e.Running(); !slices.Equal(got, []string{`a handler of "stuck"`}) {
			t.Errorf("running: %v", got)
		}
		close(leave)
		if err := e.CloseContext(t.Context()); err != nil {
			t.Errorf("close when it has returned: %v", err)
		}
		if got := e.Running(); got != nil {
			t.Errorf("running after the end: %v", got)
		}
		d.want(t, "returned")
	})
}

func TestRunningTellsHooksFromHandlers(t *testing.T) {
	stuck := make(chan struct{})
	config := Config{QueueEvents: 1, OnDrop: func(Lost) { <-stuck }}
	runs(t, config, func(t *testing.T, e *Emitter, push func(names ...string)) {
		stuck = make(chan struct{})
		e.On("a", func(*Event) error { <-stuck; return nil })
		want := func(what string) {
			t.Helper()
			synctest.Wait()
			if got := e.Running(); len(got) != 1 || got[0] != what {
				t.Errorf("running: %v, want %s", got, what)
			}
			stuck <- struct{}{}
		}
		push("a")
		synctest.Wait()
		push("a")
		push("a") // drops the second event
		want(`a handler of "a"`)
		want("a hook") // OnDrop reports the loss
		want(`a handler of "a"`)
		e.Do(func() { <-stuck })
		want("a hook")
	})
}

func TestCloseOfAHeldEmitterFindsWhatWaits(t *testing.T) {
	runs(t, Config{}, func(t *testing.T, e *Emitter, push func(names ...string)) {
		e.Once("a", func(*Event) error { e.Hold(); return nil })
		push("a", "a", "a")
		synctest.Wait()
		e.Push(event("a", 4))
		e.Close()
		if s := e.Stats(); s.Discarded != 3 || s.Queued != 0 {
			t.Errorf("stats: %+v", s)
		}
	})
}

func TestCloseFromInsideAHandlerDoesNotWait(t *testing.T) {
	runs(t, Config{}, func(t *testing.T, e *Emitter, push func(names ...string)) {
		var d diary
		e.On("a", func(*Event) error {
			if err := e.Drain(context.Background()); !errors.Is(err, ErrInside) {
				d.add("drain: %v", err)
			}
			e.Close()
			if err := e.Wait(context.Background()); !errors.Is(err, ErrInside) {
				d.add("wait: %v", err)
			}
			d.add("closed")
			time.Sleep(time.Second)
			d.add("ended")
			return nil
		})
		e.On("a", d.hand("next of the same event"))
		push("a", "a")
		d.want(t, "closed")
		if err := e.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		d.want(t, "closed", "ended")
	})
}

func TestTwoHandlersThatCloseEachOther(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		other := New(Config{})
		defer other.Close()
		var both sync.WaitGroup
		both.Add(2)
		meet := func(victim *Emitter) func() {
			return func() { both.Done(); both.Wait(); victim.Close() }
		}
		e.Do(meet(other))
		other.Do(meet(e))
		if err := e.Wait(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestAReopenedEmitterHasItsHandlersAndNothingElse(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		var d diary
		e.On("a", d.hand("got"))
		e.Reopen() // this call has no effect on an open emitter
		e.Hold()
		e.Push(event("a", 1))
		e.Close()
		e.Reopen()
		e.Push(event("a", 2))
		d.want(t)
		e.Release()
		d.want(t, "got a 2")
	})
}

func TestReopenWhileTheHandlerThatClosedStillRuns(t *testing.T) {
	var d diary
	config := Config{OnSlow: func(name string, _ time.Duration) { d.add("%s is slow", name) }}
	runs(t, config, func(t *testing.T, e *Emitter, push func(names ...string)) {
		d.lines = nil
		e.Once("a", func(*Event) error {
			e.Close()
			time.Sleep(time.Minute)
			d.add("ended")
			return nil
		})
		e.On("a", d.hand("got"))
		push("a", "a")
		synctest.Wait()
		var waiters sync.WaitGroup
		for range 2 { // two calls of Close that wait for the handler; Reopen ends the wait
			waiters.Go(e.Close)
		}
		synctest.Wait()
		e.Reopen()
		waiters.Wait()
		e.Push(event("a", 3))
		e.On("b", func(*Event) error { time.Sleep(2 * time.Second); return nil })
		e.Push(event("b", 4))
		d.want(t)
		time.Sleep(time.Hour)
		d.want(t, "a is slow", "ended", "got a 3", "b is slow")
		if s := e.Stats(); s.Discarded != 1 || s.Delivered != 3 || s.Queued != 0 {
			t.Errorf("stats: %+v", s)
		}
	})
}

func TestCloseFromOnSlow(t *testing.T) {
	var e *Emitter
	config := Config{OnSlow: func(string, time.Duration) { e.Close() }}
	story(t, config, func(t *testing.T, made *Emitter) {
		e = made
		e.Do(func() { time.Sleep(time.Minute) })
		if err := e.Wait(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
