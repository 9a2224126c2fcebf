package emitter

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// isOpen reports whether the channel is nil or closed.
func isOpen(room <-chan struct{}) bool {
	select {
	case <-room:
		return true
	default:
		return room == nil
	}
}

// turns is a channel from which a handler receives once per event. take permits the
// handler to process n events.
type turns chan struct{}

func (c turns) take(n int) {
	for range n {
		c <- struct{}{}
	}
	synctest.Wait()
}

func TestBackpressureEndsAtHalfTheBound(t *testing.T) {
	story(t, Config{CrowdedEvents: 8}, func(t *testing.T, e *Emitter) {
		handled := make(turns)
		e.On("a", func(*Event) error { <-handled; return nil })
		if e.Backpressure() != nil {
			t.Error("crowded by nothing")
		}
		var eight []Run
		for n := range uint64(8) {
			eight = append(eight, event("a", n))
		}
		e.PushBatch(eight) // the runner takes two at a time
		room := e.Backpressure()
		if isOpen(room) || e.Backpressure() != room {
			t.Fatal("there is room, or everybody waits for something else")
		}
		handled.take(3)
		if isOpen(room) {
			t.Error("there is room before half of the crowd has gone")
		}
		handled.take(1)
		if !isOpen(room) || e.Backpressure() != nil {
			t.Error("there is no room though half of the crowd has gone")
		}
		e.Push(run(9, "a", "a", "a", "a", "a"))
		if isOpen(e.Backpressure()) {
			t.Error("a second crowd is none")
		}
		handled.take(9)
	})
}

func TestEventsThatHaveBegunCauseNoBackpressure(t *testing.T) {
	story(t, Config{CrowdedEvents: 8}, func(t *testing.T, e *Emitter) {
		handled := make(turns)
		e.On("a", func(*Event) error { <-handled; return nil })
		e.Push(run(1, "a", "a", "a", "a", "a", "a", "a"))
		synctest.Wait() // the handler of one of the seven events has begun
		e.Push(event("a", 8))
		if e.Backpressure() != nil {
			t.Error("crowded by seven events")
		}
		e.Push(event("a", 9))
		if isOpen(e.Backpressure()) {
			t.Error("not crowded by eight events, of which six are in hand")
		}
		handled.take(9)
	})
}

func TestBytesCauseBackpressureToo(t *testing.T) {
	story(t, Config{CrowdedBytes: 1000}, func(t *testing.T, e *Emitter) {
		handled := make(turns)
		e.On("a", func(*Event) error { <-handled; return nil })
		large := run(1).with("a", strings.Repeat("x", 400))
		e.Push(large)
		e.Push(large)
		if e.Backpressure() != nil {
			t.Error("crowded by 800 bytes")
		}
		e.Push(large)
		room := e.Backpressure()
		if isOpen(room) {
			t.Error("not crowded by 1200 bytes")
		}
		handled.take(1)
		if isOpen(room) {
			t.Error("there is room though 800 bytes wait")
		}
		handled.take(1)
		if !isOpen(room) {
			t.Error("there is no room though 400 bytes wait")
		}
		handled.take(1)
	})
}

func TestCloseEndsBackpressure(t *testing.T) {
	story(t, Config{CrowdedEvents: 2}, func(t *testing.T, e *Emitter) {
		e.On("a", func(*Event) error { time.Sleep(time.Hour); return nil })
		e.Push(run(1, "a", "a", "a", "a"))
		room := e.Backpressure()
		if isOpen(room) {
			t.Fatal("not crowded")
		}
		synctest.Wait() // wait until the handler runs
		began := time.Now()
		go e.Close()
		<-room
		if took := time.Since(began); took >= time.Hour {
			t.Error("there was no room before the handler had ended")
		}
		if e.Backpressure() != nil {
			t.Error("a closed emitter is crowded")
		}
	})
}

func TestAHeldEmitterIsNotCrowdedUntilItsRelease(t *testing.T) {
	story(t, Config{CrowdedEvents: 2}, func(t *testing.T, e *Emitter) {
		handled := make(turns)
		e.On("a", func(*Event) error { <-handled; return nil })
		e.Push(run(1, "a", "a", "a", "a"))
		room := e.Backpressure()
		if isOpen(room) {
			t.Fatal("not crowded")
		}
		e.Hold()
		if !isOpen(room) || e.Backpressure() != nil {
			t.Error("who waits for a held emitter may wait for ever")
		}
		e.Push(run(5, "a", "a", "a", "a"))
		if e.Backpressure() != nil {
			t.Error("a held emitter is crowded")
		}
		e.Release()
		if room = e.Backpressure(); isOpen(room) {
			t.Error("not crowded after the release")
		}
		handled.take(8)
		if !isOpen(room) {
			t.Error("an idle emitter is crowded")
		}
	})
}
