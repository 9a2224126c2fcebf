package loadtest

import (
	"sync"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/histogram"
	"github.com/smokesignal-go/smokesignal/smoke"
)

const (
	// EchoRate is about how many echoes a second an emitter asks for. A guess:
	// a thousand in a run of ten seconds, and a tenth of the default rate.
	EchoRate = 100

	// manyReceivers is up to how many all echo one event together. Beyond it
	// that would be a burst that disturbs what it measures: then they take
	// turns. A guess.
	manyReceivers = 64

	// mostOpen bounds the events whose echoes are waited for. The oldest give
	// way, and count as not echoed. Ten seconds of them at least.
	mostOpen = 1024
)

// echoes times round trips for the emitter. Its methods may be called from any
// goroutine.
type echoes struct {
	now func() time.Duration

	mu        sync.Mutex // guards all below
	receivers []smoke.ID
	together  bool // all echo one event
	turn      int
	next      time.Duration // when the next one is to be asked for
	open      map[uint64]*sample
	order     []uint64 // of open, oldest first; some may be closed already
	asked     uint64   // echoes
	each      histogram.Histogram
	last      histogram.Histogram // the last echo of each event; empty if they take turns
}

// sample is an event that was asked to be echoed.
type sample struct {
	due     time.Duration
	missing map[smoke.ID]struct{}
}

func newEchoes(receivers []smoke.ID, now func() time.Duration) *echoes {
	return &echoes{now: now, receivers: receivers, together: len(receivers) <= manyReceivers, open: make(map[uint64]*sample)}
}

// ask says who is to echo an event; it is called once for each.
func (e *echoes) ask(number uint64, due time.Duration) smoke.ID {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.receivers) == 0 || due < e.next {
		return nobody
	}
	s := &sample{due: due, missing: make(map[smoke.ID]struct{})}
	asked := everybody
	if e.together {
		for _, id := range e.receivers {
			s.missing[id] = struct{}{}
		}
	} else {
		asked = e.receivers[e.turn%len(e.receivers)]
		e.turn++
		s.missing[asked] = struct{}{}
	}
	e.next = due + time.Duration(len(s.missing))*time.Second/EchoRate
	e.asked += uint64(len(s.missing))
	e.open[number] = s
	e.order = append(e.order, number)
	if len(e.order) > mostOpen {
		delete(e.open, e.order[0])
		e.order = e.order[1:]
	}
	return asked
}

// withdraw takes the question back: the event was not emitted.
func (e *echoes) withdraw(number uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s := e.open[number]; s != nil {
		e.asked -= uint64(len(s.missing))
		delete(e.open, number)
	}
}

// came takes one echo.
func (e *echoes) came(from smoke.ID, number uint64) {
	now := e.now()
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.open[number]
	if s == nil {
		return
	}
	if _, isMissing := s.missing[from]; !isMissing {
		return
	}
	delete(s.missing, from)
	e.each.Add(now - s.due)
	if len(s.missing) > 0 {
		return
	}
	delete(e.open, number)
	if e.together {
		e.last.Add(now - s.due)
	}
}

// isComplete reports whether all echoes have come that are waited for.
func (e *echoes) isComplete() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.open) == 0
}

// read gives what was timed.
func (e *echoes) read() timing {
	e.mu.Lock()
	defer e.mu.Unlock()
	return timing{kind: RoundTrip, each: newLatency(&e.each), last: newLatency(&e.last), asked: e.asked}
}
