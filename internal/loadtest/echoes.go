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

	// manyReceivers is the largest number of receivers that all echo the same events.
	// If there are more, so many echoes at once would disturb the measurement, and the
	// receivers take turns. A guess.
	manyReceivers = 64

	// mostOpen limits the events that still wait for echoes: those of at least ten seconds.
	// If there are more, the oldest count as not echoed.
	mostOpen = 1024
)

// echoes times round trips for the emitter. Its methods may be called from any
// goroutine.
type echoes struct {
	now func() time.Duration

	mu        sync.Mutex // guards all below
	receivers []smoke.ID
	together  bool // all receivers echo the same events
	turn      int
	next      time.Duration // when the next event is due that asks for an echo
	open      map[uint64]*sample
	order     []uint64 // the numbers in open, oldest first; some may be complete already
	asked     uint64   // how many echoes were asked for
	each      histogram.Histogram
	last      histogram.Histogram // the last echo of each event; empty if receivers take turns
}

// sample is an event whose echo was asked for.
type sample struct {
	due     time.Duration
	missing map[smoke.ID]struct{}
}

func newEchoes(receivers []smoke.ID, now func() time.Duration) *echoes {
	return &echoes{now: now, receivers: receivers, together: len(receivers) <= manyReceivers, open: make(map[uint64]*sample)}
}

// ask returns which receivers must echo an event. It is called once for each event.
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

// withdraw cancels the request for echoes of an event that could not be emitted.
func (e *echoes) withdraw(number uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s := e.open[number]; s != nil {
		e.asked -= uint64(len(s.missing))
		delete(e.open, number)
	}
}

// came records an echo.
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

// isComplete reports whether all echoes that were asked for have come.
func (e *echoes) isComplete() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.open) == 0
}

// read returns the recorded times.
func (e *echoes) read() timing {
	e.mu.Lock()
	defer e.mu.Unlock()
	return timing{kind: RoundTrip, each: newLatency(&e.each), last: newLatency(&e.last), asked: e.asked}
}
