package emitter

import (
	"testing"
	"testing/synctest"

	"github.com/smokesignal-go/smokesignal/ident"
)

func TestAFullQueueDropsTheOldestAndReportsThemInOrder(t *testing.T) {
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
	config := Config{QueueBytes: 14, OnDrop: func(l Lost) { d.add("lost %d", l.First) }}
	story(t, config, func(t *testing.T, e *Emitter) {
		e.OnAny(d.hand("got"))
		e.Hold()
		for n, payload := range []string{"1234", "1234", "1234", "longer than all the queue"} {
			e.Push(run(uint64(n+1)).with("a", payload)) // the runs have 7 bytes, 7, 7 and 28
			if b := e.Stats().QueuedBytes; b > 14 && n < 3 {
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
		if origins != maxNotes+1 || events != 5000 {
			t.Errorf("%d events reported in %d notes", events, origins)
		}
	})
}

func TestADroppedRunIsReportedExactly(t *testing.T) {
	var d diary
	config := Config{QueueEvents: 10, OnDrop: func(l Lost) {
		d.add("lost %d-%d of life %d from %q on: %d events, %d bytes", l.First, l.Last, l.Epoch, l.Name, l.Events, l.Bytes)
	}}
	story(t, config, func(t *testing.T, e *Emitter) {
		e.On("a", d.hand("got"))
		e.On("bb", d.hand("got"))
		gate := make(chan struct{})
		e.Do(func() { <-gate })
		synctest.Wait()
		e.Push(run(1, "unheard", "bb", "a", "unheard").with("a", "12345").with("unheard", "678")) // five events with a handler are dropped
		other := run(1, "unheard", "unheard")
		other.Epoch = 2
		e.Push(other)                                        // this drops no event that has a handler
		e.Push(run(7, "unheard", "a", "unheard", "a", "a"))  // dropped
		e.Push(run(12, "a", "a"))                            // fits together with the next run
		e.Push(run(14, "a", "bb", "a", "bb", "a", "a", "a")) // 7 and 2 are 9
		close(gate)
		d.want(t, `lost 2-11 of life 1 from "bb" on: 6 events, 12 bytes`,
			"got a 12", "got a 13", "got a 14", "got bb 15", "got a 16", "got bb 17", "got a 18", "got a 19", "got a 20")
		if s := e.Stats(); s.Dropped != 13 || s.Delivered != 10 {
			t.Errorf("stats: %+v", s)
		}
	})
}

func TestARunLargerThanTheQueueIsTakenAlone(t *testing.T) {
	var d diary
	config := Config{QueueEvents: 2, OnDrop: func(l Lost) { d.add("lost %d-%d", l.First, l.Last) }}
	story(t, config, func(t *testing.T, e *Emitter) {
		e.On("a", d.hand("got"))
		e.Hold()
		e.Push(run(1, "a"))
		e.Push(run(2, "a", "a", "a"))
		e.Release()
		d.want(t, "lost 1-1", "got a 2", "got a 3", "got a 4")
	})
}
