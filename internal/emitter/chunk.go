package emitter

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/smokesignal-go/smokesignal/internal/batch"
	"github.com/smokesignal-go/smokesignal/internal/wire"
)

// chunk is the work that the runner takes from the queue under one lock. Its items and
// their number change under the emitter's mu only. So the runner reads them without the
// lock, and other goroutines read them with the lock. The field progress of the emitter
// counts the events and hooks that have begun. The exact position is at, which only the
// runner uses.
type chunk struct {
	items [128]item // 9 kB; the length is a guess, so that the cost of the lock is shared by many events
	count int       // number of items that are in use
	todo  int       // number of events and hooks in these items
	bytes int       // bytes of the runs in these items
	lost  []Lost    // dropped events to report before the first item; only the runner uses it
	at    place     // only the runner uses it
}

// item is one run, or a hook.
type item struct {
	run  Run
	hook func()
}

// place is the runner's position in a chunk.
type place struct {
	item int // number of items that have begun
	left int // events of the item begun last that have not begun

	packed []byte // the bodies of the run, from the first one on
	at     int    // offset of the current event
	next   int    // offset of the next event

	event Event // the current event; for a hook or a report of dropped events it has only a name, for panic reports

	// The handlers of the current event: named has those of its name, and every has those
	// of every name. Each list is in order of registration, and the runner merges them.
	named, every         []*registration
	nextNamed, nextEvery int // indices of the next handler in named and in every

	// changes is the table's count of changes when it returned these lists and the
	// event's name. The runner asks the table again only if the count or the name has
	// changed.
	changes uint64
	key     []byte
}

// chunks is a pool that all emitters share, so an idle emitter holds no chunk.
var chunks = sync.Pool{New: func() any { return new(chunk) }}

// free empties the chunk and returns it to the pool.
func (b *chunk) free() {
	clear(b.items[:b.count])
	b.count, b.todo, b.bytes, b.lost, b.at = 0, 0, 0, nil, place{}
	chunks.Put(b)
}

// nameOf returns the name of the n-th event that began, counted from 1. It returns "" for
// a hook and for a malformed event.
func (b *chunk) nameOf(n int) string {
	for i := range b.items[:b.count] {
		it := &b.items[i]
		if it.hook != nil {
			n--
			if n == 0 {
				return ""
			}
			continue
		}
		if n > it.run.Count {
			n -= it.run.Count
			continue
		}
		body, _, _ := batch.Next(batch.Skip(it.run.Packed, n-1))
		name, _, _ := wire.SplitBody(body)
		return string(name)
	}
	return ""
}

// beginRun moves to the next run.
func (p *place) beginRun(run *Run) {
	p.left, p.packed, p.at, p.next = run.Count, run.Packed, 0, 0
	p.event.Origin, p.event.Epoch, p.event.Seq = run.Origin, run.Epoch, run.Seq-1
	p.event.Born, p.event.Via, p.event.Own, p.event.Before = run.Born, run.Via, run.Own, run.Before
}

// nextHandler moves to the next handler of the event. After the last handler it returns
// nil.
func (p *place) nextHandler() *registration {
	if p.nextEvery == len(p.every) {
		if p.nextNamed == len(p.named) {
			return nil
		}
		p.nextNamed++
		return p.named[p.nextNamed-1]
	}
	if p.nextNamed < len(p.named) && p.named[p.nextNamed].number < p.every[p.nextEvery].number {
		p.nextNamed++
		return p.named[p.nextNamed-1]
	}
	p.nextEvery++
	return p.every[p.nextEvery-1]
}

// isFirst reports whether no handler of the event has been called yet.
func (p *place) isFirst() bool { return p.nextNamed+p.nextEvery == 0 }

// skipHandlers skips the remaining handlers of the event. If the runner panics after this
// call, the panic is reported under name.
func (p *place) skipHandlers(name string) {
	p.event.Name, p.event.Payload = name, nil
	p.named, p.every, p.nextNamed, p.nextEvery, p.changes = nil, nil, 0, 0, 0
}

// nextEvent moves to the next event of the run and to the first of its handlers. It
// returns the number of events that it consumed, which is more than one if the remaining
// bytes of the run are malformed. If this event is malformed, it returns an error and the
// event has no handlers.
func (e *Emitter) nextEvent(p *place) (turns int, err error) {
	p.event.Seq++
	p.left--
	body, rest, ok := batch.Next(p.packed[p.next:])
	if !ok {
		turns, p.left, p.packed, p.at, p.next = 1+p.left, 0, nil, 0, 0
		p.skipHandlers("")
		return turns, fmt.Errorf("take apart %d events of %s from %d on: %w", turns, p.event.Origin.Short(), p.event.Seq, wire.ErrMalformed)
	}
	p.at, p.next = p.next, len(p.packed)-len(rest)
	name, payload, err := wire.SplitBody(body)
	if err != nil {
		p.skipHandlers("")
		return 1, fmt.Errorf("event %d of %s: %w", p.event.Seq, p.event.Origin.Short(), err)
	}
	p.event.Payload, p.event.Signed, p.nextNamed, p.nextEvery = payload, wire.IsSigned(body), 0, 0
	if changes := e.table.changes.Load(); changes != p.changes || !bytes.Equal(name, p.key) {
		e.findHandlers(p, changes, name)
	}
	return 1, nil
}

// findHandlers finds the handlers of a name, and a string for it that exists already. The
// caller must have read changes before the call, so that no change is missed.
func (e *Emitter) findHandlers(p *place, changes uint64, name []byte) {
	a := e.table.lookup(name)
	p.changes, p.key, p.named, p.every, p.event.Name = changes, name, a.listeners(), e.table.every.listeners(), ""
	if len(p.named) > 0 {
		p.event.Name = a.name
	} else if len(p.every) > 0 {
		p.event.Name = e.names.intern(name)
	}
}
