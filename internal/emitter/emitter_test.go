package emitter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/smokesignal-go/smokesignal/internal/ident"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// story runs a test in virtual time, with an emitter that is closed at its end.
func story(t *testing.T, config Config, tell func(t *testing.T, e *Emitter)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		e := New(config)
		defer e.Close()
		tell(t, e)
	})
}

// event makes the n-th event of some origin.
func event(name string, n uint64) Event {
	return Event{Name: name, Origin: ident.ID{1}, Epoch: 1, Seq: n}
}

// diary collects what happened, from any goroutine.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) add(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

// hand is a handler that writes who it is and what it got.
func (d *diary) hand(who string) Handler {
	return func(e Event) error { d.add("%s %s %d", who, e.Name, e.Seq); return nil }
}

// want waits until everything is quiet and compares the diary.
func (d *diary) want(t *testing.T, lines ...string) {
	t.Helper()
	synctest.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	if !slices.Equal(d.lines, lines) {
		t.Errorf("diary:\n  %s\nwant:\n  %s", strings.Join(d.lines, "\n  "), strings.Join(lines, "\n  "))
	}
}

func TestEventsReachHandlersInOrder(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		var got []uint64
		e.On("n", func(ev Event) error { got = append(got, ev.Seq); return nil })
		for n := range uint64(10_000) {
			if n%2 == 0 {
				e.Push(event("n", n))
			} else {
				e.PushBatch([]Event{event("n", n)})
			}
		}
		synctest.Wait()
		if len(got) != 10_000 || !slices.IsSorted(got) {
			t.Errorf("got %d events, sorted: %v", len(got), slices.IsSorted(got))
		}
		if s := e.Stats(); s.Delivered != 10_000 || s.Queued != 0 || s.QueuedBytes != 0 {
			t.Errorf("stats: %+v", s)
		}
	})
}

func TestHandlersOfOneEventRunInTheOrderOfRegistration(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		var d diary
		e.On("a", d.hand("first"))
		e.OnAny(d.hand("second"))
		e.On("a", d.hand("third"))
		e.OnAny(d.hand("fourth"))
		e.PushBatch([]Event{event("a", 1), event("b", 2)})
		d.want(t, "first a 1", "second a 1", "third a 1", "fourth a 1", "second b 2", "fourth b 2")
	})
}

func TestOnceRunsOnceThoughTwoEventsWait(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		var d diary
		e.Once("a", d.hand("once"))
		e.PushBatch([]Event{event("a", 1), event("a", 2)})
		d.want(t, "once a 1")
		if e.Has("a") || e.Stats().Handlers != 0 {
			t.Error("the handler is registered still")
		}
	})
}

func TestOffInsideAHandler(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		var d diary
		var offSelf, offOther func()
		offSelf = e.On("a", func(ev Event) error { d.add("self %d", ev.Seq); offSelf(); offOther(); offSelf(); return nil })
		offOther = e.On("a", d.hand("other"))
		e.On("a", d.hand("last"))
		e.PushBatch([]Event{event("a", 1), event("a", 2)})
		d.want(t, "self 1", "last a 1", "last a 2")
	})
}

func TestOnInsideAHandlerCountsFromTheNextEvent(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		var d diary
		e.Once("a", func(Event) error { e.On("a", d.hand("late")); return nil })
		e.PushBatch([]Event{event("a", 1), event("a", 2)})
		d.want(t, "late a 2")
	})
}

func TestOffByNameLeavesTheHandlersOfEveryName(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		var d diary
		off := e.OnAny(d.hand("any"))
		offNamed := e.On("a", d.hand("named"))
		e.On("a", d.hand("named too"))
		e.On("b", d.hand("b"))
		e.Off("a")
		e.Off("a")
		offNamed()
		e.PushBatch([]Event{event("a", 1), event("b", 2)})
		d.want(t, "any a 1", "any b 2", "b b 2")
		off()
		if e.Has("a") || !e.Has("b") || e.Stats().Handlers != 1 {
			t.Errorf("a: %v, b: %v, %d handlers", e.Has("a"), e.Has("b"), e.Stats().Handlers)
		}
	})
}

func TestAPanicIsToldAndTheNextHandlerGoesOn(t *testing.T) {
	var d diary
	config := Config{OnPanic: func(name string, v any, stack []byte) {
		d.add("panic in %q: %v, stack names the handler: %v", name, v, strings.Contains(string(stack), "TestAPanic"))
		panic("in OnPanic too")
	}}
	story(t, config, func(t *testing.T, e *Emitter) {
		e.On("a", func(Event) error { panic("ouch") })
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
	story(t, config, func(t *testing.T, e *Emitter) {
		e.Once("a", func(Event) error { runtime.Goexit(); return nil })
		e.On("a", d.hand("next"))
		e.PushBatch([]Event{event("a", 1), event("a", 2)})
		d.want(t, "a: true", "next a 2")
	})
}

func TestAnErrorOfAHandlerIsTold(t *testing.T) {
	var d diary
	config := Config{OnError: func(name string, err error) { d.add("%s: %v", name, err) }}
	story(t, config, func(t *testing.T, e *Emitter) {
		e.On("a", func(Event) error { return errors.New("does not fit") })
		e.On("a", d.hand("next"))
		e.Push(event("a", 1))
		d.want(t, "a: does not fit", "next a 1")
		if s := e.Stats(); s.Errors != 1 {
			t.Errorf("%d errors counted", s.Errors)
		}
	})
}

func TestASlowHandlerIsNamedWhileItRuns(t *testing.T) {
	var d diary
	config := Config{OnSlow: func(name string, soFar time.Duration) {
		if soFar < time.Second || soFar > 1250*time.Millisecond {
			d.add("told after %v", soFar)
		}
		d.add("%s is slow", name)
	}}
	story(t, config, func(t *testing.T, e *Emitter) {
		gate := make(chan struct{})
		e.On("stuck", func(Event) error { <-gate; return nil })
		e.On("brisk", func(Event) error { time.Sleep(900 * time.Millisecond); return nil })
		e.PushBatch([]Event{event("brisk", 1), event("brisk", 2), event("stuck", 3), event("brisk", 4)})
		time.Sleep(time.Minute)
		d.want(t, "stuck is slow")
		close(gate)
		time.Sleep(time.Minute)
		e.Do(func() { time.Sleep(2 * time.Second) })
		time.Sleep(time.Minute)
		d.want(t, "stuck is slow", " is slow")
		if s := e.Stats(); s.Slow != 2 || s.Delivered != 5 {
			t.Errorf("stats: %+v", s)
		}
	})
}

func TestAFullQueueDropsTheOldestAndTellsItInOrder(t *testing.T) {
	var d diary
	config := Config{QueueEvents: 3, OnDrop: func(l Lost) {
		d.add("lost %s %d-%d: %d events, %d bytes", l.Origin.Short(), l.First, l.Last, l.Events, l.Bytes)
	}}
	story(t, config, func(t *testing.T, e *Emitter) {
		e.On("a", d.hand("got"))
		e.Hold()
		e.Do(func() { d.add("hook before") })
		for n := range uint64(5) {
			e.Push(event("a", n+1))
			if n == 3 {
				e.Do(func() { d.add("hook between") })
			}
		}
		other := event("a", 9)
		other.Origin = ident.ID{2}
		e.Push(other)
		e.Release()
		d.want(t, "lost 01000000 1-3: 3 events, 3 bytes", "hook before",
			"got a 4", "hook between", "got a 5", "got a 9")
		if s := e.Stats(); s.Dropped != 3 {
			t.Errorf("%d dropped", s.Dropped)
		}
	})
}

func TestTheQueueIsBoundedInBytes(t *testing.T) {
	var d diary
	config := Config{QueueBytes: 10, OnDrop: func(l Lost) { d.add("lost %d", l.First) }}
	story(t, config, func(t *testing.T, e *Emitter) {
		e.OnAny(d.hand("got"))
		e.Hold()
		for n, payload := range []string{"1234", "1234", "1234", "longer than all the queue"} {
			ev := event("a", uint64(n+1))
			ev.Payload = []byte(payload)
			e.Push(ev)
			if b := e.Stats().QueuedBytes; b > 10 && n < 3 {
				t.Errorf("%d bytes wait", b)
			}
		}
		e.Release()
		d.want(t, "lost 1", "got a 4")
	})
}

func TestManyOriginsShareOneNoteOfLoss(t *testing.T) {
	var origins, events int
	config := Config{QueueEvents: 1, OnDrop: func(l Lost) { origins++; events += l.Events }}
	story(t, config, func(t *testing.T, e *Emitter) {
		e.Hold()
		for n := range uint64(5001) {
			ev := event("a", 1)
			ev.Epoch = n + 1
			e.Push(ev)
		}
		e.Release()
		synctest.Wait()
		if origins != manyOrigins+1 || events != 5000 {
			t.Errorf("%d events told in %d notes", events, origins)
		}
	})
}

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
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		var d diary
		e.On("a", d.hand("got"))
		e.Once("a", func(Event) error { e.Hold(); return nil })
		e.PushBatch([]Event{event("a", 1), event("a", 2), event("a", 3)})
		d.want(t, "got a 1")
		e.Push(event("a", 4))
		if s := e.Stats(); s.Queued != 3 {
			t.Errorf("%d wait, want 3", s.Queued)
		}
		e.Release()
		d.want(t, "got a 1", "got a 2", "got a 3", "got a 4")
	})
}

func TestHooksKeepTheirPlaceAmongTheEvents(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		var d diary
		e.On("a", d.hand("got"))
		for n := range uint64(3) {
			e.Push(event("a", n))
			e.Do(func() { d.add("hook %d", n) })
		}
		d.want(t, "got a 0", "hook 0", "got a 1", "hook 1", "got a 2", "hook 2")
	})
}

func TestDrainWaitsForTheLastHandler(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		ran := 0
		e.On("a", func(Event) error { time.Sleep(time.Second); ran++; return nil })
		for range 300 { // more than one batch
			e.Push(event("a", 1))
		}
		if err := e.Drain(t.Context()); err != nil || ran != 300 {
			t.Errorf("%d ran, %v", ran, err)
		}
	})
}

func TestDrainSaysWhatIsLeft(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		e.On("a", func(Event) error { time.Sleep(time.Second); return nil })
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
		e.On("a", func(Event) error {
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
		if e.Push(event("a", 1)) || e.PushBatch([]Event{event("a", 1)}) || e.Do(func() {}) {
			t.Error("a closed emitter took something")
		}
		e.Close()
	})
}

func TestCloseContextLeavesAHandlerThatDoesNotReturn(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		var d diary
		leave := make(chan struct{})
		e.On("stuck", func(Event) error { <-leave; d.add("returned"); return nil })
		e.On("next", d.hand("next"))
		e.PushBatch([]Event{event("stuck", 1), event("next", 2)})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := e.CloseContext(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("close: %v", err)
		}
		close(leave)
		if err := e.CloseContext(t.Context()); err != nil {
			t.Errorf("close when it has returned: %v", err)
		}
		d.want(t, "returned")
	})
}

func TestCloseOfAHeldEmitterFindsWhatWaits(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		e.Once("a", func(Event) error { e.Hold(); return nil })
		e.PushBatch([]Event{event("a", 1), event("a", 2), event("a", 3)})
		synctest.Wait()
		e.Push(event("a", 4))
		e.Close()
		if s := e.Stats(); s.Discarded != 3 || s.Queued != 0 {
			t.Errorf("stats: %+v", s)
		}
	})
}

func TestCloseFromInsideAHandlerDoesNotWait(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		var d diary
		e.On("a", func(Event) error {
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
		e.PushBatch([]Event{event("a", 1), event("a", 2)})
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
		e.Reopen() // does nothing to an open one
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
	story(t, config, func(t *testing.T, e *Emitter) {
		e.Once("a", func(Event) error {
			e.Close()
			time.Sleep(time.Minute)
			d.add("ended")
			return nil
		})
		e.On("a", d.hand("got"))
		e.PushBatch([]Event{event("a", 1), event("a", 2)})
		synctest.Wait()
		var waiters sync.WaitGroup
		for range 2 { // wait for the end of a life, which Reopen is too
			waiters.Go(e.Close)
		}
		synctest.Wait()
		e.Reopen()
		waiters.Wait()
		e.Push(event("a", 3))
		e.On("b", func(Event) error { time.Sleep(2 * time.Second); return nil })
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

func TestIdleEmittersHaveNoGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		emitters := make([]*Emitter, 10_000)
		delivered := 0
		for i := range emitters {
			emitters[i] = New(Config{})
			emitters[i].On("a", func(Event) error { return nil })
			emitters[i].Push(event("a", 1))
		}
		synctest.Wait()
		time.Sleep(time.Hour) // past the last look of every timer
		synctest.Wait()
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		if n := bytes.Count(stacks, []byte("emitter.(*Emitter)")); n != 0 {
			t.Errorf("%d goroutines for %d idle emitters", n, len(emitters))
		}
		for _, e := range emitters {
			delivered += int(e.Stats().Delivered)
			if e.armed {
				t.Fatal("an idle emitter has a timer")
			}
		}
		if delivered != len(emitters) {
			t.Errorf("%d events delivered", delivered)
		}
	})
}

func TestManyPushersAndRegistrations(t *testing.T) {
	e := New(Config{QueueEvents: 64})
	defer e.Close()
	var all sync.WaitGroup
	for i := range uint64(4) {
		all.Go(func() {
			for n := range uint64(2000) {
				name := fmt.Sprint("name", n%3)
				off := e.On(name, func(Event) error { return nil })
				e.Once(name, func(Event) error { e.Has(name); return nil })
				e.Push(Event{Name: name, Origin: ident.ID{byte(i)}, Seq: n})
				off()
				e.Stats()
			}
		})
	}
	all.Wait()
	if err := e.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := e.Stats(); s.Delivered+s.Dropped != 8000 || s.Panics != 0 {
		t.Errorf("stats: %+v", s)
	}
}

func TestAnIdleEmitterLetsALargeRingGo(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		e.Hold()
		for n := range uint64(20_000) {
			e.Push(event("a", n))
			e.Do(func() {})
		}
		e.Release()
		synctest.Wait()
		if len(e.queue.ring) > keptRing || cap(e.queue.hooks) > keptRing {
			t.Errorf("an idle emitter keeps room for %d events and %d hooks", len(e.queue.ring), cap(e.queue.hooks))
		}
	})
}

func TestAnEventCostsNoAllocation(t *testing.T) {
	e := New(Config{})
	defer e.Close()
	done := make(chan struct{})
	e.On("last", func(Event) error { done <- struct{}{}; return nil })
	e.On("a", func(Event) error { return nil })
	e.OnAny(func(Event) error { return nil })
	a, last := event("a", 1), event("last", 2)
	if n := testing.AllocsPerRun(200, func() {
		for range 100 {
			e.Push(a)
		}
		e.Push(last)
		<-done // so that each run starts the handler goroutine anew
	}); n != 0 {
		t.Errorf("%v allocations for 101 events", n)
	}
}

func BenchmarkPush(b *testing.B) {
	for _, batch := range []int{1, 64} {
		b.Run(fmt.Sprint("batch=", batch), func(b *testing.B) {
			e := New(Config{QueueEvents: 1 << 30})
			defer e.Close()
			e.On("a", func(Event) error { return nil })
			events := make([]Event, batch)
			for i := range events {
				events[i] = Event{Name: "a", Seq: 1, Payload: make([]byte, 128)}
			}
			b.ReportAllocs()
			for n := 0; n < b.N; n += batch {
				e.PushBatch(events)
				if n%4096 == 0 { // keeps the queue short, as a reader's bounded batch does
					if err := e.Drain(context.Background()); err != nil {
						b.Fatal(err)
					}
				}
			}
			if err := e.Drain(context.Background()); err != nil {
				b.Fatal(err)
			}
		})
	}
}
