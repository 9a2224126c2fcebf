package emitter

import (
	"errors"
	"runtime/debug"
	"sync"
	"time"
)

// ErrGoexit is what OnPanic gets as the value for a handler that ended its
// goroutine with runtime.Goexit. The handlers that came after it do not get
// that event; the next event finds all of them again.
var ErrGoexit = errors.New("the handler ended its goroutine with runtime.Goexit")

// batch is what the runner takes from the queue with one lock. Its items and
// their count change under the emitter's mu only, so the runner reads them
// without, and others with the lock. How far the runner is stands in progress.
type batch struct {
	items [128]item // a guess: makes the lock cheap, and weighs 10 kB
	count int       // items that are filled
	lost  []Lost    // to be told before the first item; the runner's own
}

// batchBytes ends a batch, so that the queue's bound in bytes holds but for
// this much and one event.
const batchBytes = 1 << 20

// item is one event, or a hook.
type item struct {
	event Event
	hook  func()
}

// batches are shared by all emitters: an idle one holds none.
var batches = sync.Pool{New: func() any { return new(batch) }}

// free empties the batch and gives it back.
func (b *batch) free() {
	clear(b.items[:b.count])
	b.count, b.lost = 0, nil
	batches.Put(b)
}

// start makes sure that what waits is being run. The caller holds mu.
func (e *Emitter) start() {
	if e.running || e.held.Load() || e.closed.Load() || (e.queue.empty() && e.hand == nil) {
		return
	}
	e.running = true
	e.arm()
	// The handler goroutine. Owner: this emitter, one at most. It ends when
	// there is nothing left to run, on Hold and on Close. Drain, Wait and Close
	// wait for it.
	go e.work()
}

// run is the handler goroutine.
func (e *Emitter) run() {
	finished := false
	defer func() {
		if !finished { // a handler called runtime.Goexit: this goroutine is lost
			// The handler goroutine again, in place of the one that ends here:
			// the same owner, the same end, the same waiters.
			go e.work()
		}
	}()
	for e.take() {
		e.runHand()
	}
	finished = true
}

// take sees to it that there is something in hand. It reports false when the
// runner is to end; running is off by then.
func (e *Emitter) take() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.cut.Load() {
		e.discardHand()
		e.cut.Store(false)
	}
	if e.hand != nil && e.inHand() == 0 && len(e.hand.lost) == 0 {
		e.letGo()
	}
	idle := e.hand == nil && e.queue.empty()
	if idle || e.held.Load() {
		if idle {
			e.queue.rest()
		}
		e.running = false
		e.wake()
		return false
	}
	if e.hand == nil {
		e.hand = batches.Get().(*batch)
		e.queue.fill(e.hand)
		e.taken += uint64(e.hand.count)
	}
	e.interrupt.Store(false)
	return true
}

// letGo frees the batch in hand. The caller holds mu, and the runner is the
// caller or is not there.
func (e *Emitter) letGo() {
	e.hand.free()
	e.hand = nil
	e.progress.fresh()
}

// runHand runs what is in hand, up to an interrupt.
func (e *Emitter) runHand() {
	b := e.hand
	for len(b.lost) > 0 && !e.interrupt.Load() {
		note := b.lost[0]
		b.lost = b.lost[1:]
		e.tellLost(note)
	}
	for i := e.progress.begun(); i < b.count && !e.interrupt.Load(); i++ {
		it := &b.items[i]
		e.progress.begin(i + 1)
		if it.hook != nil {
			e.runHook(it.hook)
			continue
		}
		for n, r := range e.table.Load().lookup(it.event.Name) {
			if e.cut.Load() {
				break // the handler before has closed the emitter
			}
			if n > 0 {
				e.progress.begin(i + 1)
			}
			e.runHandler(r, &it.event)
		}
	}
}

// runHandler gives one event to one handler.
func (e *Emitter) runHandler(r *registration, event *Event) {
	if r.once {
		if !r.gone.CompareAndSwap(false, true) {
			return
		}
		e.off(r)
	} else if r.gone.Load() {
		return
	}
	returned := false
	defer func() {
		if !returned {
			e.tellPanic(event.Name, recover())
		}
	}()
	if err := r.handler(*event); err != nil {
		e.errors.Add(1)
		if e.config.OnError != nil {
			e.config.OnError(event.Name, err)
		}
	}
	returned = true
}

// runHook runs what was given to Do.
func (e *Emitter) runHook(f func()) {
	returned := false
	defer func() {
		if !returned {
			e.tellPanic("", recover())
		}
	}()
	f()
	returned = true
}

// tellLost hands one note of loss to OnDrop.
func (e *Emitter) tellLost(note Lost) {
	if e.config.OnDrop == nil {
		return
	}
	returned := false
	defer func() {
		if !returned {
			e.tellPanic(note.Name, recover())
		}
	}()
	e.config.OnDrop(note)
	returned = true
}

// tellSlow hands a slow run to OnSlow.
func (e *Emitter) tellSlow(name string, soFar time.Duration) {
	if e.config.OnSlow == nil {
		return
	}
	returned := false
	defer func() {
		if !returned {
			e.tellPanic(name, recover())
		}
	}()
	e.config.OnSlow(name, soFar)
	returned = true
}

// tellPanic counts a panic and hands it to OnPanic, while the stack that
// panicked is still there. Value is nil after runtime.Goexit.
func (e *Emitter) tellPanic(name string, value any) {
	e.panics.Add(1)
	if e.config.OnPanic == nil {
		return
	}
	if value == nil {
		value = ErrGoexit
	}
	// A panic in OnPanic has nobody left to be told to: it is counted.
	defer func() {
		if recover() != nil {
			e.panics.Add(1)
		}
	}()
	e.config.OnPanic(name, value, debug.Stack())
}
