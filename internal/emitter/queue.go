package emitter

import "slices"

// queue is what waits: a ring of runs, the hooks between them, and the record
// of events that had to go. Its owner locks.
//
// Runs are numbered as they come, and a hook remembers the number of the run
// that it comes before. So dropping the oldest run is a step of head, and a hook
// keeps its place among the events that are left.
type queue struct {
	ring       []Run  // its length is a power of two, or 0
	head, tail uint64 // numbers of the oldest run and of the one to come
	events     int    // in the ring
	bytes      int    // in the ring
	hooks      []hook
	firstHook  int // index of the oldest one in hooks
	lost       losses
}

// hook is one function to run before the run with that number.
type hook struct {
	before uint64
	run    func()
}

const (
	smallestRing = 16   // runs; most emitters never have more waiting
	keptRing     = 4096 // runs; an idle emitter lets a larger ring go (about 300 kB)
)

// len counts the events and hooks that wait.
func (q *queue) len() int { return q.events + len(q.hooks) - q.firstHook }

// empty reports whether there is nothing to run and nothing to tell.
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
	if q.firstHook > keptRing && 2*q.firstHook > len(q.hooks) {
		// The queue is never empty, but most of the hooks have run.
		q.hooks, q.firstHook = slices.Delete(q.hooks, 0, q.firstHook), 0
	}
	q.hooks = append(q.hooks, hook{before: q.tail, run: f})
}

func (q *queue) at(number uint64) *Run { return &q.ring[number&uint64(len(q.ring)-1)] }

// pop takes the oldest run out.
func (q *queue) pop() Run {
	slot := q.at(q.head)
	run := *slot
	*slot = Run{}
	q.head++
	q.events -= run.Count
	q.bytes -= len(run.Packed)
	return run
}

// fill moves the oldest runs and hooks into an empty chunk, at least one, until
// it has that many events or bytes, and with them the record of what was lost
// before them.
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
	ring := make([]Run, max(smallestRing, 2*len(q.ring)))
	for n := q.head; n < q.tail; n++ {
		ring[n&uint64(len(ring)-1)] = *q.at(n)
	}
	q.ring = ring
}

// rest lets memory go that a burst has left behind.
func (q *queue) rest() {
	if len(q.ring) > keptRing {
		q.ring = nil
	}
	if cap(q.hooks) > keptRing {
		q.hooks = nil
	}
}
