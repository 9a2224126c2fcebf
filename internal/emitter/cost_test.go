package emitter

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

func TestIdleEmittersHaveNoGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		emitters := make([]*Emitter, 10_000)
		delivered := 0
		for i := range emitters {
			emitters[i] = New(Config{})
			emitters[i].On("a", func(*Event) error { return nil })
			emitters[i].Push(event("a", 1))
		}
		synctest.Wait()
		time.Sleep(time.Hour) // longer than the last check of every timer
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

func TestAnIdleEmitterFreesALargeRing(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		e.Hold()
		for n := range uint64(20_000) {
			e.Push(event("a", n))
			e.Do(func() {})
		}
		e.Release()
		synctest.Wait()
		if len(e.queue.ring) > maxIdleRing || cap(e.queue.hooks) > maxIdleRing {
			t.Errorf("an idle emitter keeps room for %d runs and %d hooks", len(e.queue.ring), cap(e.queue.hooks))
		}
	})
}

func TestAnEventCostsNoAllocation(t *testing.T) {
	for _, one := range []struct {
		what   string
		config Config
		push   func(e *Emitter, r Run)
	}{
		{"one run", Config{}, func(e *Emitter, r Run) { e.Push(r) }},
		{"a batch of runs", Config{}, func(e *Emitter, r Run) {
			batch := [...]Run{r, r, r}
			e.PushBatch(batch[:])
		}},
		{"a crowd, though nobody asks for room", Config{CrowdedEvents: 50}, func(e *Emitter, r Run) { e.Push(r) }},
	} {
		e := New(one.config)
		done := make(chan struct{})
		e.On("last", func(*Event) error { done <- struct{}{}; return nil })
		e.On("a", func(*Event) error { return nil })
		e.On("a", func(*Event) error { return nil })
		e.OnAny(func(*Event) error { return nil })
		var r Run
		for n := range 100 {
			r = r.with([]string{"a", "b", "name that only OnAny hears of, and longer than 32 bytes"}[n%3], "payload")
		}
		last := event("last", 1)
		if n := testing.AllocsPerRun(100, func() {
			one.push(e, r)
			e.Push(last)
			<-done // wait until it ends, so that the handler goroutine starts again each time
		}); n != 0 {
			t.Errorf("%s: %v allocations", one.what, n)
		}
		e.Close()
	}
}

func TestNamesThatComeFromOutsideTakeBoundedMemory(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		heard := make(map[string]bool)
		e.OnAny(func(ev *Event) error { heard[ev.Name] = true; return nil })
		var r Run
		for n := range 3 * maxNames {
			r = r.with(fmt.Sprint("name", n), "")
		}
		e.Push(r)
		synctest.Wait()
		if len(heard) != 3*maxNames || len(e.names) > maxNames {
			t.Errorf("%d names heard, %d kept", len(heard), len(e.names))
		}
	})
}

func TestANameWithoutHandlersTakesNoMemory(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		e.On("a", ignore)
		e.Push(run(1, "a", "b", "c"))
		synctest.Wait()
		if len(e.names) != 0 {
			t.Errorf("kept: %v", e.names)
		}
	})
}

// If hooks are queued as fast as they run, the queue is never empty. Even then, finished
// hooks take no memory.
func TestHooksThatHaveRunTakeNoRoom(t *testing.T) {
	var q queue
	const waiting = 1000
	for range waiting {
		q.do(func() {})
	}
	ran := 0
	for range 1000 {
		b := new(chunk)
		q.fill(b, waiting, 1)
		for _, it := range b.items[:b.count] {
			it.hook()
			q.do(func() { ran++ })
		}
	}
	if q.len() != waiting || ran < 100_000 || len(q.hooks) > 2*maxIdleRing+2*waiting {
		t.Errorf("%d hooks wait, %d have run, %d take room", q.len(), ran, len(q.hooks))
	}
}
