package emitter

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/smokesignal-go/smokesignal/internal/batch"
	"github.com/smokesignal-go/smokesignal/internal/wire"
)

// chunk is what the runner takes from the queue with one lock. Its items and
// their number change under the emitter's mu only, so the runner reads them
// without, and others with the lock. How many of its events and hooks have begun
// stands in progress; where exactly the runner is, in what is its own.
type chunk struct {
	items [128]item // a guess: makes the lock cheap, and weighs 9 kB
	count int       // items that are filled
	todo  int       // events and hooks in them
	bytes int       // of the runs in them
	lost  []Lost    // to be told before the first item; the runner's own
	at    place     // the runner's own
}

// item is one run, or a hook.
type item struct {
	run  Run
	hook func()
}

// place is where in a chunk the runner is.
type place struct {
	item int // how many items have begun
	left int // events of the last of them whose turn comes yet

	packed []byte // the run, from its first body on
	at     int    // where in it the event lies whose turn it is
	next   int    // where in it the next one lies

	event Event // whose turn it is; of a hook or a note of loss no more than a name for its panic

	// Its handlers: those of its name, and those of every name. Each list is in
	// order; who is next of the two is who was registered first.
	named, every         []*registration
	nextNamed, nextEvery int // indices

	// The lists above and the name of the event are what the table said about key
	// when it had had so many changes. So it is asked again when either is another,
	// and not for each event.
	changes uint64
	key     []byte
}

// chunks are shared by all emitters: an idle one holds none.
var chunks = sync.Pool{New: func() any { return new(chunk) }}

// free empties the chunk and gives it back.
func (b *chunk) free() {
	clear(b.items[:b.count])
	b.count, b.todo, b.bytes, b.lost, b.at = 0, 0, 0, nil, place{}
	chunks.Put(b)
}

// nameOf gives the name of what began as the n-th, counted from 1; "" of a hook,
// and of what is malformed.
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

// beginRun goes to the next run.
func (p *place) beginRun(run *Run) {
	p.left, p.packed, p.at, p.next = run.Count, run.Packed, 0, 0
	p.event.Origin, p.event.Epoch, p.event.Seq = run.Origin, run.Epoch, run.Seq-1
	p.event.Born, p.event.Via, p.event.Own, p.event.Before = run.Born, run.Via, run.Own, run.Before
}

// nextHandler goes to the next handler of the event, and returns nil after the
// last.
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

// isFirst reports whether no handler of the event had its turn.
func (p *place) isFirst() bool { return p.nextNamed+p.nextEvery == 0 }

// callOff leaves the rest of the event to nobody, and has whatever the runner
// does next go under that name.
func (p *place) callOff(name string) {
	p.event.Name, p.event.Payload = name, nil
	p.named, p.every, p.nextNamed, p.nextEvery, p.changes = nil, nil, 0, 0, 0
}

// nextEvent goes to the next event of the run and to the first of its handlers.
// It returns how many turns that took: more than one where the rest of the run
// is no events. Then, or where this one is none, there is an error and no
// handler.
func (e *Emitter) nextEvent(p *place) (turns int, err error) {
	p.event.Seq++
	p.left--
	body, rest, ok := batch.Next(p.packed[p.next:])
	if !ok {
		turns, p.left, p.packed, p.at, p.next = 1+p.left, 0, nil, 0, 0
		p.callOff("")
		return turns, fmt.Errorf("take apart %d events of %s from %d on: %w", turns, p.event.Origin.Short(), p.event.Seq, wire.ErrMalformed)
	}
	p.at, p.next = p.next, len(p.packed)-len(rest)
	name, payload, err := wire.SplitBody(body)
	if err != nil {
		p.callOff("")
		return 1, fmt.Errorf("event %d of %s: %w", p.event.Seq, p.event.Origin.Short(), err)
	}
	p.event.Payload, p.event.Signed, p.nextNamed, p.nextEvery = payload, wire.IsSigned(body), 0, 0
	if changes := e.table.changes.Load(); changes != p.changes || !bytes.Equal(name, p.key) {
		e.address(p, changes, name)
	}
	return 1, nil
}

// address finds the handlers of a name, and a string for it that is there
// already. changes was read before, so that no change is missed.
func (e *Emitter) address(p *place, changes uint64, name []byte) {
	a := e.table.lookup(name)
	p.changes, p.key, p.named, p.every, p.event.Name = changes, name, a.listeners(), e.table.every.listeners(), ""
	if len(p.named) > 0 {
		p.event.Name = a.name
	} else if len(p.every) > 0 {
		p.event.Name = e.names.intern(name)
	}
}
