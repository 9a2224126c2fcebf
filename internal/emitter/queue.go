package emitter

import "github.com/smokesignal-go/smokesignal/internal/ident"

// queue is what waits: a ring of events, the hooks between them, and the record
// of events that had to go. Its owner locks.
//
// Events are numbered as they come, and a hook remembers the number of the
// event that it runs before. So dropping the oldest event is a step of head,
// and a hook keeps its place among the events that are left.
type queue struct {
	ring       []Event // its length is a power of two, or 0
	head, tail uint64  // numbers of the oldest event and of the one to come
	bytes      int     // sizes of the events in the ring
	hooks      []hook
	firstHook  int // index of the oldest one in hooks
	lost       losses
}

// hook is one function to run before the event with that number.
type hook struct {
	before uint64
	run    func()
}

const (
	smallestRing = 16   // events; most emitters never have more waiting
	keptRing     = 4096 // events; an idle emitter lets a larger ring go (about 300 kB)
)

func (q *queue) events() int { return int(q.tail - q.head) }

// len counts the events and hooks that wait.
func (q *queue) len() int { return q.events() + len(q.hooks) - q.firstHook }

// empty reports whether there is nothing to run and nothing to tell.
func (q *queue) empty() bool { return q.len() == 0 && len(q.lost.notes) == 0 }

func (q *queue) push(event *Event) {
	if q.events() == len(q.ring) {
		q.grow()
	}
	*q.at(q.tail) = *event
	q.tail++
	q.bytes += event.size()
}

func (q *queue) do(f func()) { q.hooks = append(q.hooks, hook{before: q.tail, run: f}) }

func (q *queue) at(number uint64) *Event { return &q.ring[number&uint64(len(q.ring)-1)] }

// pop takes the oldest event out.
func (q *queue) pop() Event {
	slot := q.at(q.head)
	event := *slot
	*slot = Event{}
	q.head++
	q.bytes -= event.size()
	return event
}

// dropOldest takes the oldest event out and keeps only that it was there.
func (q *queue) dropOldest() {
	event := q.pop()
	q.lost.note(&event)
}

// fill moves the oldest events and hooks into an empty batch, and with them the
// record of what was lost before them.
func (q *queue) fill(b *batch) {
	b.lost, q.lost = q.lost.notes, losses{}
	bytes := 0
	for b.count < len(b.items) && bytes < batchBytes {
		if q.firstHook < len(q.hooks) && q.hooks[q.firstHook].before <= q.head {
			b.items[b.count].hook = q.hooks[q.firstHook].run
			q.hooks[q.firstHook] = hook{}
			q.firstHook++
		} else if q.head < q.tail {
			b.items[b.count].event = q.pop()
			bytes += b.items[b.count].event.size()
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
	ring := make([]Event, max(smallestRing, 2*len(q.ring)))
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

// Lost tells of events of one origin that were dropped because the handlers did
// not keep up. Events of an origin that nobody listened to are not among them,
// so there may be fewer than from First to Last.
type Lost struct {
	Origin      ident.ID // zero: events of many origins, see Events only
	Epoch       uint64
	First, Last uint64 // sequence numbers, both lost
	Name        string // of the first of them
	Events      int    // how many were dropped
	Bytes       int    // of their names and payloads
}

// manyOrigins bounds the memory that losses take: beyond it (a guess, about
// 100 kB) further origins share one note.
const manyOrigins = 1024

// losses gathers the events dropped since they were last told, one note for
// each life of an origin.
type losses struct {
	notes []Lost
	index map[ident.Origin]int
}

func (l *losses) note(event *Event) {
	origin := ident.Origin{ID: event.Origin, Epoch: event.Epoch}
	if _, known := l.index[origin]; !known && len(l.index) >= manyOrigins {
		origin = ident.Origin{}
	}
	i, known := l.index[origin]
	if !known {
		if l.index == nil {
			l.index = make(map[ident.Origin]int)
		}
		i = len(l.notes)
		l.index[origin] = i
		l.notes = append(l.notes, Lost{Origin: origin.ID, Epoch: origin.Epoch, First: event.Seq, Name: event.Name})
	}
	note := &l.notes[i]
	note.Last = event.Seq
	note.Events++
	note.Bytes += event.size()
}
