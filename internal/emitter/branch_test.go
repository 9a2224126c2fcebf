package emitter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

func TestAHandlerWithAQueueDelaysNoOther(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		var slow, quick diary
		e.Register("a", func(ev *Event) error {
			time.Sleep(time.Second)
			slow.add("%d %v", ev.Seq, ev.Payload)
			return nil
		}, Settings{Queue: 100})
		e.OnAny(func(ev *Event) error { quick.add("%d", ev.Seq); return nil })
		e.Push(Run{Seq: 1}.with("a", "x").with("b", "").with("a", "y"))
		synctest.Wait()
		quick.want(t, "1", "2", "3")
		slow.want(t)
		time.Sleep(3 * time.Second)
		slow.want(t, "1 [120]", "3 [121]")
	})
}

// All fields of an event arrive in the branch unchanged.
func TestAQueueKeepsAllOfAnEvent(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		var direct, aside, taken []Event
		e.RegisterAny(func(ev *Event) error { direct = append(direct, *ev); return nil }, Settings{Echo: true})
		e.RegisterAny(func(ev *Event) error { aside = append(aside, *ev); return nil }, Settings{Echo: true, Queue: 10})
		m := e.Subscribe("a", Settings{Echo: true, Queue: 10})
		via := ident.ID{9}
		r := Run{Origin: ident.ID{1}, Epoch: 5, Seq: 7, Own: true, Born: 12}.with("a", "text").with("a", string(make([]byte, 2*sharedFrom)))
		r.Via = &via
		e.Push(r)
		synctest.Wait()
		for range 2 {
			if ev, ok := m.Next(t.Context()); ok {
				taken = append(taken, ev)
			}
		}
		if len(direct) != 2 || fmt.Sprint(direct) != fmt.Sprint(aside) || fmt.Sprint(direct) != fmt.Sprint(taken) {
			t.Errorf("direct: %.200v\naside: %.200v\ntaken: %.200v", direct, aside, taken)
		}
		if &direct[0].Payload[0] == &aside[0].Payload[0] {
			t.Error("a small event keeps its run in memory")
		}
	})
}

// If a queue is full, the oldest events are dropped. OnDrop reports them on the handler
// goroutine. All others are handled in order.
func TestEventsDroppedInAQueueAreReported(t *testing.T) {
	for _, mailbox := range []bool{false, true} {
		var e *Emitter
		var lost []Lost
		onShared := true
		story(t, Config{OnDrop: func(l Lost) { lost = append(lost, l); onShared = onShared && InsideShared() }}, func(t *testing.T, own *Emitter) {
			e = own
			var heard []uint64
			var m *Mailbox
			gate := make(chan struct{})
			if mailbox {
				m = e.Subscribe("a", Settings{Queue: 10})
			} else {
				e.Register("a", func(ev *Event) error {
					<-gate
					heard = append(heard, ev.Seq)
					return nil
				}, Settings{Queue: 10})
			}
			for n := range uint64(100) {
				e.Push(event("a", n+1))
				e.Push(event("b", 1000))
				synctest.Wait()
			}
			close(gate)
			synctest.Wait()
			for mailbox && m.left() > 0 {
				ev, _ := m.Next(t.Context())
				heard = append(heard, ev.Seq)
			}
			seen := make(map[uint64]bool)
			for i, n := range heard {
				if seen[n] = true; i > 0 && n <= heard[i-1] {
					t.Errorf("heard %v", heard)
				}
			}
			reported := 0
			for _, l := range lost {
				if reported += l.Events; !l.Aside || l.Name != "a" || l.Origin != (ident.ID{1}) {
					t.Errorf("reported %+v", l)
				}
				for n := l.First; n <= l.Last; n++ {
					if seen[n] {
						t.Errorf("event %d was handled, and reported as lost", n)
					}
					seen[n] = true
				}
			}
			if len(seen) != 100 || len(heard)+reported != 100 || len(heard) > 12 || heard[len(heard)-1] != 100 {
				t.Errorf("heard %v, %d reported as lost", heard, reported)
			}
			if e.Stats().Dropped != uint64(reported) || !onShared {
				t.Errorf("%d counted, %d reported; on the goroutine of the handlers: %v", e.Stats().Dropped, reported, onShared)
			}
		})
	}
}

func TestAQueueIsBoundedInBytesToo(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		m := e.Subscribe("a", Settings{Queue: MostQueue})
		r := Run{}.with("a", string(make([]byte, 1<<20)))
		for range 2 * branchBytes >> 20 {
			e.Push(r)
			synctest.Wait()
		}
		if m.queue.bytes > branchBytes || m.left() < branchBytes>>20-1 {
			t.Errorf("%d events with %d bytes wait", m.left(), m.queue.bytes)
		}
	})
}

func TestDrainWaitsForTheQueuesToo(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		var d diary
		e.Register("a", func(ev *Event) error {
			time.Sleep(time.Second)
			d.add("%d", ev.Seq)
			if ev.Seq == 1 {
				e.Push(event("a", 10)) // reaches the queue through the trunk
			}
			return nil
		}, Settings{Queue: 10})
		e.Push(run(1, "a", "a", "a"))
		synctest.Wait()
		short, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		var drain *DrainError
		if err := e.Drain(short); !errors.As(err, &drain) || drain.Left != 3 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after half a second: %v", err)
		}
		if n := e.Stats().Aside; n != 2 {
			t.Errorf("%d events wait aside", n)
		}
		if err := e.Drain(t.Context()); err != nil {
			t.Error(err)
		}
		d.want(t, "1", "2", "3", "10")
	})
}

func TestCloseEndsTheQueues(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		var d diary
		e.Register("a", func(ev *Event) error {
			time.Sleep(time.Second)
			d.add("%d", ev.Seq)
			return nil
		}, Settings{Queue: 10})
		e.Push(run(1, "a", "a", "a"))
		synctest.Wait()
		e.Close()
		d.want(t, "1")
		if s := e.Stats(); s.Discarded != 2 || s.Handlers != 1 {
			t.Errorf("%+v", s)
		}
		e.Reopen()
		e.Push(event("a", 4))
		time.Sleep(2 * time.Second)
		d.want(t, "1", "4")
	})
}

func TestCloseInsideAHandlerWithAQueue(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		var d diary
		e.Register("a", func(ev *Event) error {
			d.add("%d", ev.Seq)
			e.Close()
			var drain *DrainError
			if err := e.Drain(t.Context()); !errors.As(err, &drain) || !errors.Is(err, ErrInside) {
				t.Errorf("drain: %v", err)
			}
			return nil
		}, Settings{Queue: 10})
		e.Push(run(1, "a", "a", "a"))
		synctest.Wait()
		d.want(t, "1")
		if err := e.Wait(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestAHandlerWithAQueueIsRemovedAtOnce(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		for way, off := range []func(first func()){
			func(first func()) { first() },
			func(func()) { e.Off("a") },
		} {
			var d diary
			first := e.Register("a", func(ev *Event) error {
				time.Sleep(time.Second)
				d.add("%d", ev.Seq)
				return nil
			}, Settings{Queue: 10})
			e.Push(run(1, "a", "a", "a"))
			synctest.Wait()
			off(first)
			first()
			time.Sleep(time.Minute)
			d.want(t, "1")
			if e.Has("a") || e.Stats().Handlers != 0 || len(e.branches) != 0 {
				t.Errorf("way %d: something is left", way)
			}
		}
	})
}

func TestOnceWithAQueue(t *testing.T) {
	story(t, Config{OnDrop: func(l Lost) { panic(fmt.Sprint(l)) }}, func(t *testing.T, e *Emitter) {
		var d diary
		e.Register("a", func(ev *Event) error {
			time.Sleep(time.Second)
			d.add("%d", ev.Seq)
			return nil
		}, Settings{Queue: 1, Once: true})
		e.Push(event("a", 1))
		synctest.Wait()
		e.Push(run(2, "a", "a", "a"))
		synctest.Wait()
		if err := e.Drain(t.Context()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		d.want(t, "1")
		if s := e.Stats(); s.Handlers != 0 || s.Panics != 0 || len(e.branches) != 0 {
			t.Errorf("%+v, %d branches", s, len(e.branches))
		}
	})
}

func TestAPanicInAHandlerWithAQueue(t *testing.T) {
	panics := 0
	story(t, Config{OnPanic: func(string, any, []byte) { panics++ }}, func(t *testing.T, e *Emitter) {
		var d diary
		e.Register("a", func(ev *Event) error {
			switch d.add("%d", ev.Seq); ev.Seq {
			case 1:
				panic("oh")
			case 2:
				runtime.Goexit()
			}
			return errors.New("no")
		}, Settings{Queue: 10})
		e.Push(run(1, "a", "a", "a"))
		synctest.Wait()
		d.want(t, "1", "2", "3")
		if s := e.Stats(); s.Panics != 2 || s.Errors != 1 || panics != 2 {
			t.Errorf("%+v, %d reported", s, panics)
		}
	})
}

func TestAHeldEmitterHoldsItsQueues(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		var d diary
		e.Hold()
		e.Register("a", d.hand("queue"), Settings{Queue: 10})
		e.Push(event("a", 1))
		synctest.Wait()
		d.want(t)
		e.Release()
		synctest.Wait()
		d.want(t, "queue a 1")
	})
}

func TestAnIdleQueueHasNoGoroutine(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		for range 100 {
			e.Register("a", ignore, Settings{Queue: 10})
		}
		e.Push(event("a", 1))
		synctest.Wait()
		time.Sleep(time.Hour)
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		if n := bytes.Count(stacks, []byte("runBranch")); n != 0 {
			t.Errorf("%d goroutines", n)
		}
	})
}

func TestAMailboxEnds(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		ended, end := context.WithCancel(t.Context())
		for _, c := range []struct {
			how   string
			ctx   context.Context
			end   func(m *Mailbox)
			taken int // how many of three events the handler has got
		}{
			{"by its context", ended, func(*Mailbox) { end() }, 0},
			{"by Close", t.Context(), (*Mailbox).Close, 0},
			{"by Off", t.Context(), func(*Mailbox) { e.Off("a") }, 0},
			{"by Finish", t.Context(), func(*Mailbox) { e.Finish() }, 3},
			{"by the end of the emitter", t.Context(), func(*Mailbox) { e.Close() }, 0},
		} {
			m := e.Subscribe("a", Settings{Queue: 10})
			e.Push(run(1, "a", "a", "a"))
			synctest.Wait()
			c.end(m)
			taken := 0
			for {
				if _, ok := m.Next(c.ctx); !ok {
					break
				}
				taken++
			}
			m.Close()
			if taken != c.taken || len(e.branches) != 0 || e.Has("a") {
				t.Errorf("%s: %d taken, %d branches left", c.how, taken, len(e.branches))
			}
		}
	})
}

func TestNextWaits(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		m := e.Subscribe("a", Settings{Queue: 10})
		var d diary
		done := make(chan struct{})
		// Owner: the test. The goroutine ends with Close, and the test waits for it at
		// done.
		go func() {
			defer close(done)
			for {
				ev, ok := m.Next(t.Context())
				if !ok {
					return
				}
				d.add("%s %d", ev.Name, ev.Seq)
				time.Sleep(time.Second)
			}
		}()
		for n := range uint64(3) {
			e.Push(run(n, "a", "b"))
			time.Sleep(time.Duration(n) * time.Second)
		}
		if err := e.Drain(t.Context()); err != nil {
			t.Error(err)
		}
		e.Close()
		<-done
		d.want(t, "a 0", "a 1", "a 2")
	})
}

// Handlers are registered, called and removed at the same time: no call hangs and no data
// race occurs.
func TestManyQueuesAtOnce(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		done := make(chan struct{})
		for worker := range uint64(8) {
			// Owner: the test. The goroutine ends by itself, and the test waits for it at
			// done.
			go func() {
				rnd := rand.New(rand.NewPCG(1, worker))
				for range 200 {
					name := fmt.Sprint("name", rnd.IntN(3))
					switch rnd.IntN(6) {
					case 0:
						off := e.Register(name, ignore, Settings{Queue: 1 + rnd.IntN(3), Once: rnd.IntN(2) == 0})
						e.Push(run(1, name, name, name))
						off()
					case 1:
						m := e.Subscribe(name, Settings{Queue: 1})
						e.Push(run(1, name, name, name))
						m.Next(t.Context())
						m.Close()
					case 2:
						e.Off(name)
					case 3:
						e.Register(name, ignore, Settings{Queue: 2, Once: true})
					default:
						e.Push(run(1, name, name))
						e.Stats()
					}
				}
				done <- struct{}{}
			}()
		}
		// The goroutine that waits for an event may be the last one.
		for left := 8; left > 0; {
			select {
			case <-done:
				left--
			case <-time.After(time.Second):
				for n := range 3 {
					e.Push(event(fmt.Sprint("name", n), 1))
				}
			}
		}
		if err := e.Drain(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
