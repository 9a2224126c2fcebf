package loadtest

import (
	"sync"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/histogram"
)

// Watch is the common clock of nodes in one process, by which each delivery is timed in one
// direction. It times one run at a time. Any goroutine may use it.
type Watch struct {
	base time.Time

	mu        sync.Mutex // guards all below
	run       uint64
	receivers int
	each      histogram.Histogram // deliveries
	last      histogram.Histogram // the last delivery of each event
	window    []delivery          // events on their way, by their number
}

// delivery counts the deliveries of one event.
type delivery struct {
	number uint64
	count  int
	last   time.Duration
}

// windowSize limits how many events on their way can be timed to their last delivery (24 B
// each). A guess: as many as the queue of a node's handlers holds. A receiver that is
// further behind drops events.
const windowSize = 1 << 16

// NewWatch returns a watch.
func NewWatch() *Watch { return &Watch{base: time.Now()} }

func (w *Watch) now() time.Duration { return time.Since(w.base) }

// begin starts to time a run with the given number of receivers, and forgets the previous
// run.
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
		return // a later event has replaced this one in the window
	}
	d.count++
	d.last = max(d.last, latency)
	if d.count == w.receivers {
		w.last.Add(d.last)
	}
}

// read returns the recorded times.
func (w *Watch) read() timing {
	w.mu.Lock()
	defer w.mu.Unlock()
	return timing{kind: OneWay, each: newLatency(&w.each), last: newLatency(&w.last)}
}
