package emitter

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// aged returns a run of one event that is too old for most handlers.
func aged(name string, seq uint64, before time.Duration) Run {
	r := event(name, seq)
	r.Before = before
	return r
}

func TestOldEventsReachThoseThatRewindSoFar(t *testing.T) {
	runs(t, Config{}, func(t *testing.T, e *Emitter, _ func(names ...string)) {
		var d diary
		e.On("a", d.hand("none"))
		e.Register("a", d.hand("minute"), Settings{Rewind: time.Minute})
		e.RegisterAny(d.hand("second"), Settings{Rewind: time.Second})
		e.Register("a", d.hand("once"), Settings{Rewind: time.Second, Once: true})
		if e.Rewind() != time.Minute {
			t.Errorf("the longest rewind is %v", e.Rewind())
		}
		e.PushBatch([]Run{aged("a", 1, time.Hour), aged("a", 2, time.Minute), aged("a", 3, time.Second), event("a", 4)})
		d.want(t, "minute a 2", "minute a 3", "second a 3", "once a 3", "none a 4", "minute a 4", "second a 4")
	})
}

// Replay delivers the events that were pushed before it and then those that are pushed
// later. Each is delivered once, whether or not events are queued.
func TestReplayComesBetweenWhatWasPushedAndWhatIs(t *testing.T) {
	runs(t, Config{}, func(t *testing.T, e *Emitter, _ func(names ...string)) {
		var d diary
		e.On("a", d.hand("old"))
		e.Hold()
		e.PushBatch([]Run{event("a", 1), event("b", 2), event("a", 3)})
		past := []Run{event("a", 1), event("b", 2), event("a", 3)}
		e.Replay("a", d.hand("new"), Settings{}, past)
		e.ReplayAny(d.hand("any"), Settings{}, past)
		e.Replay("a", d.hand("once"), Settings{Once: true}, past)
		off := e.Replay("a", d.hand("off"), Settings{}, past)
		e.Push(event("a", 4))
		off()
		e.Release()
		d.want(t, "old a 1", "old a 3",
			"new a 1", "new a 3", "any a 1", "any b 2", "any a 3", "once a 1",
			"old a 4", "new a 4", "any a 4")
		e.Off("a")
		e.Push(event("a", 5))
		d.want(t, "old a 1", "old a 3",
			"new a 1", "new a 3", "any a 1", "any b 2", "any a 3", "once a 1",
			"old a 4", "new a 4", "any a 4", "any a 5")
	})
}

func TestReplayIntoAQueueAndAMailbox(t *testing.T) {
	runs(t, Config{}, func(t *testing.T, e *Emitter, _ func(names ...string)) {
		var d diary
		e.Replay("a", d.hand("queue"), Settings{Queue: 10}, []Run{event("a", 1), event("b", 2)})
		m := e.SubscribePast("a", Settings{Queue: 10}, []Run{event("a", 1), event("b", 2)})
		defer m.Close()
		e.Push(event("a", 3))
		d.want(t, "queue a 1", "queue a 3")
		for _, seq := range []uint64{1, 3} {
			if ev, ok := m.Next(t.Context()); !ok || ev.Seq != seq {
				t.Errorf("the mailbox has %d, %v, want %d", ev.Seq, ok, seq)
			}
		}
	})
}

// If a handler panics during a replay, it still gets the remaining events, and other
// handlers are not affected.
func TestAPanicWhileReplaying(t *testing.T) {
	panics := 0
	config := Config{OnPanic: func(string, any, []byte) { panics++ }}
	runs(t, config, func(t *testing.T, e *Emitter, _ func(names ...string)) {
		panics = 0
		var d diary
		e.Replay("a", func(ev *Event) error {
			if ev.Seq == 1 {
				panic("one")
			}
			d.add("%d", ev.Seq)
			return errors.New("heard")
		}, Settings{}, []Run{event("a", 1), event("a", 2)})
		e.Push(event("a", 3))
		d.want(t, "2", "3")
		if s := e.Stats(); panics != 1 || s.Panics != 1 || s.Errors != 2 {
			t.Errorf("%d panics were reported, stats: %+v", panics, s)
		}
	})
}

// Close discards a pending replay. After Reopen, the handler that waited for it receives
// events.
func TestCloseBeforeTheReplay(t *testing.T) {
	runs(t, Config{}, func(t *testing.T, e *Emitter, _ func(names ...string)) {
		var d diary
		e.Hold()
		e.Replay("a", d.hand("new"), Settings{}, []Run{event("a", 1)})
		e.Close()
		e.Replay("a", d.hand("closed"), Settings{}, []Run{event("a", 1)})
		e.Reopen()
		e.Release()
		synctest.Wait()
		e.Push(event("a", 2))
		if err := e.Drain(context.Background()); err != nil {
			t.Fatal(err)
		}
		d.want(t, "new a 2", "closed a 2")
	})
}
