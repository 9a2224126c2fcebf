package emitter

import "slices"

// queue holds the waiting work: a ring of runs, the hooks between them, and the record of
// dropped events. Its owner locks it.
//
// Runs are numbered, and a hook stores the number of the run that it precedes. So
// dropping the oldest run only moves head, and a hook keeps its position among the
// remaining events.
type queue struct {
	ring       []Run  // its length is a power of two, or 0
	head, tail uint64 // number of the oldest run, and of the next one to be queued
	events     int    // number of events in the ring
	bytes      int    // bytes of the runs in the ring
	hooks      []hook
	firstHook  int // index in hooks of the oldest pending hook
	lost       losses
}

// hook is a function that is called before the run with the stored number.
type hook struct {
	before uint64
	run    func()
}

const (
	minRing     = 16   // length in runs; most emitters never queue more
	maxIdleRing = 4096 // length in runs; an idle emitter frees a larger ring (about 300 kB)
)

// len returns the number of events and hooks that wait.
func (q *queue) len() int { return q.events + len(q.hooks) - q.firstHook }

// empty reports whether there is no event, no hook, and no loss to report.
func (q *queue) empty() bool { return q.len() == 0 && len(q.lost.notes) == 0 }

func (q *queue) push(run Run) {
	if q.tail-q.head == uint64(len(q.ring)) {
		q.grow()
	}
	*q.at(q.tail) = run
	q.tail++
	q.events += run.Count
	q.bytes += len(run.Packed)
}

func (q *queue) do(f func()) {
	if q.firstHook > maxIdleRing && 2*q.firstHook > len(q.hooks) {
		// This queue is never empty, but most of its hooks have run.
		q.hooks, q.firstHook = slices.Delete(q.hooks, 0, q.firstHook), 0
	}
	q.hooks = append(q.hooks, hook{before: q.tail, run: f})
}

func (q *queue) at(number uint64) *Run { return &q.ring[number&uint64(len(q.ring)-1)] }

// pop removes the oldest run and returns it.
func (q *queue) pop() Run {
	slot := q.at(q.head)
	run := *slot
	*slot = Run{}
	q.head++
	q.events -= run.Count
	q.bytes -= len(run.Packed)
	return run
}

// fill moves the oldest runs and hooks into an empty chunk. It moves at least one, and
// stops when the chunk has the given number of events or bytes. It also moves the record
// of events lost before them.
func (q *queue) fill(b *chunk, events, bytes int) {
	b.lost, q.lost = q.lost.notes, losses{}
	for b.count < len(b.items) && (b.count == 0 || b.todo < events && b.bytes < bytes) {
		it := &b.items[b.count]
		if q.firstHook < len(q.hooks) && q.hooks[q.firstHook].before <= q.head {
			it.hook = q.hooks[q.firstHook].run
			q.hooks[q.firstHook] = hook{}
			q.firstHook++
			b.todo++
		} else if q.head < q.tail {
			it.run = q.pop()
			b.todo += it.run.Count
			b.bytes += len(it.run.Packed)
		} else {
			break
		}
		b.count++
	}
	if q.firstHook == len(q.hooks) {
		q.hooks, q.firstHook = q.hooks[:0], 0
	}
}

func (q *queue) grow() {
	ring := make([]Run, max(minRing, 2*len(q.ring)))
	for n := q.head; n < q.tail; n++ {
		ring[n&uint64(len(ring)-1)] = *q.at(n)
	}
	q.ring = ring
}

// shrink frees the memory that a burst needed.
func (q *queue) shrink() {
	if len(q.ring) > maxIdleRing {
		q.ring = nil
	}
	if cap(q.hooks) > maxIdleRing {
		q.hooks = nil
	}
}
