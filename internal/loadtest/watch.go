package loadtest

import (
	"sync"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/histogram"
)

// Watch is the one clock of nodes that are in one process, so that each
// delivery can be timed one way. It times one run at a time, and may be used by
// many goroutines.
type Watch struct {
	base time.Time

	mu        sync.Mutex // guards all below
	run       uint64
	receivers int
	each      histogram.Histogram // deliveries
	last      histogram.Histogram // the last delivery of each event
	window    []delivery          // events under way, by their number
}

// delivery is how far one event has come.
type delivery struct {
	number uint64
	count  int
	last   time.Duration
}

// windowSize is how many events can be under way at once and be timed to their
// last delivery (24 B each). It is what the queue of a node's handlers holds,
// and a guess; beyond it a receiver is so late that events are dropped.
const windowSize = 1 << 16

// NewWatch starts a watch.
func NewWatch() *Watch { return &Watch{base: time.Now()} }

func (w *Watch) now() time.Duration { return time.Since(w.base) }

// begin times a run with so many receivers from now on, and no other.
func (w *Watch) begin(run uint64, receivers int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.run, w.receivers = run, receivers
	w.each, w.last = histogram.Histogram{}, histogram.Histogram{}
	w.window = make([]delivery, windowSize)
}

// arrived times the first arrival of an event at one receiver.
func (w *Watch) arrived(ev event) {
	latency := w.now() - ev.due
	w.mu.Lock()
	defer w.mu.Unlock()
	if ev.run != w.run || len(w.window) == 0 {
		return
	}
	w.each.Add(latency)
	d := &w.window[ev.number%windowSize]
	switch {
	case d.count == 0 || ev.number > d.number:
		*d = delivery{number: ev.number}
	case ev.number < d.number:
		return // its place is taken
	}
	d.count++
	d.last = max(d.last, latency)
	if d.count == w.receivers {
		w.last.Add(d.last)
	}
}

// read gives what was timed.
func (w *Watch) read() timing {
	w.mu.Lock()
	defer w.mu.Unlock()
	return timing{kind: OneWay, each: newLatency(&w.each), last: newLatency(&w.last)}
}
