package emitter

import (
	"bytes"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// goroutine returns the name of the calling goroutine.
func goroutine() string {
	buf := make([]byte, 64)
	name, _, _ := bytes.Cut(buf[:runtime.Stack(buf, false)], []byte(" ["))
	return string(name)
}

// runners counts the handler goroutines of all emitters.
func runners() int {
	stacks := make([]byte, 1<<20)
	return bytes.Count(stacks[:runtime.Stack(stacks, true)], []byte("emitter.(*Emitter).run("))
}

func TestTheHandlerGoroutineStaysWhileEventsComeNowAndThen(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		ran := make(map[string]int)
		e.On("a", func(*Event) error { ran[goroutine()]++; return nil })
		for n := range uint64(50) {
			e.Push(event("a", n))
			synctest.Wait()
			if n := runners(); n != 1 {
				t.Fatalf("%d handler goroutines a moment after an event", n)
			}
			time.Sleep(DefaultSlowAfter / 10)
		}
		if len(ran) != 1 {
			t.Errorf("50 events ran on %d goroutines: %v", len(ran), ran)
		}
		time.Sleep(DefaultSlowAfter)
		synctest.Wait()
		if n := runners(); n != 0 {
			t.Errorf("%d handler goroutines a second after the last event", n)
		}
		e.Push(event("a", 50))
		synctest.Wait()
		if len(ran) != 2 {
			t.Errorf("an event after the rest ran on no new goroutine: %v", ran)
		}
	})
}

func TestAnEventThatArrivesAsTheHandlerGoroutineIsDismissed(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		var d diary
		e.On("a", d.hand("got"))
		e.Push(event("a", 1))
		synctest.Wait()
		for n := uint64(2); n < 5; n++ {
			e.mu.Lock() // so that the runner can't wake before the check
			e.armed = false
			e.dismiss()
			e.push(event("a", n))
			e.start()
			e.mu.Unlock()
			synctest.Wait()
			if n := runners(); n != 1 {
				t.Fatalf("%d handler goroutines", n)
			}
		}
		d.want(t, "got a 1", "got a 2", "got a 3", "got a 4")
	})
}

func TestCloseEndsTheHandlerGoroutine(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		e.On("a", ignore)
		e.Push(event("a", 1))
		synctest.Wait()
		e.Close()
		synctest.Wait()
		if n := runners(); n != 0 {
			t.Errorf("%d handler goroutines of a closed emitter", n)
		}
		e.Reopen()
		e.Push(event("a", 2))
		synctest.Wait()
		if s := e.Stats(); s.Delivered != 2 {
			t.Errorf("stats: %+v", s)
		}
	})
}
