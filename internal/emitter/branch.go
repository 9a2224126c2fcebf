package emitter

import (
	"bytes"
	"context"
	"errors"
	"slices"
)

// A registration with a queue of its own has a branch: the runner of the emitter,
// the trunk, does not call its handler, but puts the event into the branch. There it
// waits for another goroutine, which holds up nobody else. A branch is bounded. Where
// it is full its oldest events make room; the trunk tells [Config.OnDrop] so, on its
// own goroutine, before it takes further events from its queue.
//
// Nobody is asked to push less because a branch is full: see [Emitter.Room].
type branch interface {
	// put queues an event, and notes in lost what had to make room for it; it returns
	// how many events that were. Only the runner of the trunk calls it.
	put(run Run, lost *losses) (dropped uint64)
	// drain waits until nothing waits and nothing runs. It returns how many handlers
	// run if ctx ends first.
	drain(ctx context.Context) (running int, err error)
	// left is how many events wait.
	left() int
	// shut takes nothing more, and throws away what waits, without waiting itself.
	// It returns how much that was.
	shut() (discarded int)
	// wait waits until what ran when it was shut has ended.
	wait(ctx context.Context) error
	hold()
	release()
	// reopen takes events again after shut. It reports false if the branch has
	// ended with it.
	reopen() bool
	// finish says that no event will come any more.
	finish()
}

const (
	// MostQueue is the largest [Settings].Queue.
	MostQueue = 1 << 24
	// asideBytes bounds what waits in a branch. A guess: a quarter of what may wait
	// for all other handlers together.
	asideBytes = 16 << 20
	// sharedFrom is from which size on a branch does not copy an event out of its
	// run: that would cost more than the rest of the run takes that stays in memory
	// with it.
	sharedFrom = 4 << 10
)

// addBranch keeps a branch for Drain and Close. The caller holds registering.
func (e *Emitter) addBranch(r *registration, b branch) {
	r.branch = b
	if e.branches == nil {
		e.branches = make(map[*registration]branch)
	}
	e.branches[r] = b
	if e.held.Load() {
		b.hold()
	}
}

// dropBranch ends the branch of a registration that was taken off. The caller holds
// registering.
func (e *Emitter) dropBranch(r *registration) {
	if r.branch != nil {
		delete(e.branches, r)
		r.branch.shut()
	}
}

// allBranches returns those that there are, in no order.
func (e *Emitter) allBranches() []branch {
	e.registering.Lock()
	defer e.registering.Unlock()
	list := make([]branch, 0, len(e.branches))
	for _, b := range e.branches {
		list = append(list, b)
	}
	return list
}

// putAside puts the event whose turn it is into the branch of a registration.
func (e *Emitter) putAside(r *registration, p *place) {
	e.putInto(r, Run{
		Origin: p.event.Origin, Epoch: p.event.Epoch, Seq: p.event.Seq, Count: 1, Packed: p.packed[p.at:p.next],
		Born: p.event.Born, Via: p.event.Via, Own: p.event.Own,
	})
}

// putInto puts a run of one event into the branch of a registration.
func (e *Emitter) putInto(r *registration, run Run) {
	if len(run.Packed) < sharedFrom {
		run.Packed = bytes.Clone(run.Packed)
	}
	known := len(r.lost.notes) > 0
	e.aside.Add(r.branch.put(run, &r.lost))
	if !known && len(r.lost.notes) > 0 {
		e.overrun = append(e.overrun, r)
	}
}

// nextOverrun returns a note of what made room in a branch.
func (e *Emitter) nextOverrun() (note Lost, ok bool) {
	if len(e.notes) == 0 {
		if len(e.overrun) == 0 {
			return Lost{}, false
		}
		r := e.overrun[0]
		e.overrun = slices.Delete(e.overrun, 0, 1)
		e.notes, r.lost = r.lost.notes, losses{}
	}
	note = e.notes[0]
	e.notes = e.notes[1:]
	note.Aside = true
	return note, true
}

// drainAll waits for the trunk and its branches until nothing waits anywhere, since a
// handler of one may push to the other.
func (e *Emitter) drainAll(ctx context.Context) error {
	for {
		if err := e.drainTrunk(ctx); err != nil {
			return e.addLeft(err)
		}
		for _, b := range e.allBranches() {
			if running, err := b.drain(ctx); err != nil {
				return e.addLeft(&DrainError{Left: running, Err: err})
			}
		}
		if e.isIdle() {
			return nil
		}
	}
}

// addLeft counts what waits in the branches too.
func (e *Emitter) addLeft(err error) error {
	var drain *DrainError
	if errors.As(err, &drain) {
		for _, b := range e.allBranches() {
			drain.Left += b.left()
		}
	}
	return err
}

// isIdle reports whether the trunk has nothing to do.
func (e *Emitter) isIdle() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return !e.running && e.hand == nil && e.queue.empty()
}

// shutBranches throws away what waits in them, and ends those that end with Close.
func (e *Emitter) shutBranches() {
	e.registering.Lock()
	discarded := 0
	for r, b := range e.branches {
		discarded += b.shut()
		if _, ends := b.(*Mailbox); ends {
			delete(e.branches, r)
			e.table.remove(r)
		}
	}
	e.registering.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.discarded += uint64(discarded)
}

// HasQueues reports whether some handler has a queue of its own, or a [Mailbox].
func (e *Emitter) HasQueues() bool { return len(e.allBranches()) > 0 }

// Finish says that no event will be pushed any more: who takes events from a
// [Mailbox] gets what is in it, and then the end.
func (e *Emitter) Finish() {
	for _, b := range e.allBranches() {
		b.finish()
	}
}

// The branch of a handler with a queue of its own is another Emitter. Its only
// handler is that one.

// newQueue makes the branch of a registration with [Settings].Queue.
func (e *Emitter) newQueue(r *registration) *Emitter {
	config := e.config
	config.QueueEvents, config.QueueBytes = r.Queue, asideBytes
	// It takes one event after the other from its queue, so that no more than one
	// waits that is not counted.
	config.CrowdedEvents, config.CrowdedBytes = 4, 4
	config.OnDrop = nil // the trunk tells
	config.OnPanic = func(name string, value any, stack []byte) {
		e.panics.Add(1)
		if e.config.OnPanic != nil {
			e.config.OnPanic(name, value, stack)
		}
	}
	config.OnError = func(name string, err error) {
		e.errors.Add(1)
		if e.config.OnError != nil {
			e.config.OnError(name, err)
		}
	}
	child := New(config)
	child.work = child.runAside
	child.spent = func() { e.off(r) }
	settings := r.Settings
	settings.Queue, settings.Echo = 0, true // the trunk has asked for own events already
	if r.every {
		child.RegisterAny(r.handler, settings)
	} else {
		child.Register(r.name, r.handler, settings)
	}
	r.Once = false // the branch knows when its event has come
	return child
}

// runAside is the handler goroutine of a branch: see [InsideShared].
func (e *Emitter) runAside() { e.run() }

func (e *Emitter) put(run Run, lost *losses) (dropped uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed.Load() || e.table.handlers.Load() == 0 { // a Once has had its event
		return 0
	}
	dropped = e.queue.pushWithin(run, e.config.QueueEvents, e.config.QueueBytes, lost)
	e.dropped += dropped
	e.start()
	return dropped
}

func (e *Emitter) drain(ctx context.Context) (running int, err error) {
	var drain *DrainError
	if !errors.As(e.drainTrunk(ctx), &drain) {
		return 0, nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.running {
		running = 1
	}
	return running, drain.Err
}

func (e *Emitter) left() int { return e.Stats().Queued }

func (e *Emitter) shut() (discarded int) {
	before := e.Stats().Discarded
	e.close()
	return int(e.Stats().Discarded - before)
}

func (e *Emitter) wait(ctx context.Context) error { return e.waitTrunk(ctx) }
func (e *Emitter) hold()                          { e.Hold() }
func (e *Emitter) release()                       { e.Release() }
func (e *Emitter) reopen() bool                   { e.Reopen(); return true }
func (e *Emitter) finish()                        {}

// pushWithin queues a run of one event, and notes what makes room for it.
func (q *queue) pushWithin(run Run, events, bytes int, lost *losses) (dropped uint64) {
	for q.events > 0 && (q.events+1 > events || q.bytes+len(run.Packed) > bytes) {
		oldest := q.pop()
		dropped += uint64(oldest.Count)
		lost.note(&oldest, func([]byte) bool { return true })
	}
	q.push(run)
	return dropped
}
