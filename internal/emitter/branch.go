package emitter

import (
	"bytes"
	"context"
	"errors"
	"slices"
)

// A registration with its own queue has a branch. The runner of the emitter, the trunk,
// does not call that handler but queues the event in the branch. Another goroutine takes
// the event from there, so the handler delays no other handler. A branch is bounded. If
// it is full, the oldest events are dropped. The trunk reports them to [Config.OnDrop],
// on its own goroutine, before it takes further events from its queue.
//
// A full branch causes no backpressure: see [Emitter.Backpressure].
type branch interface {
	// put queues an event. If older events are dropped to make room, put records them in
	// lost. It returns their number. Only the runner of the trunk calls it.
	put(run Run, lost *losses) (dropped uint64)
	// drain waits until the queue is empty and no handler runs. If ctx ends first, it
	// returns the number of running handlers.
	drain(ctx context.Context) (running int, err error)
	// left returns the number of queued events.
	left() int
	// stop rejects further events and discards the queued ones. It does not wait for the
	// handler. It returns the number of discarded events.
	stop() (discarded int)
	// wait waits until the handler that ran at the time of stop has returned.
	wait(ctx context.Context) error
	hold()
	release()
	// reopen accepts events again after stop. It returns false if stop ended the branch.
	reopen() bool
	// finish announces that no further event will be pushed.
	finish()
}

const (
	// MostQueue is the largest [Settings].Queue.
	MostQueue = 1 << 24
	// branchBytes bounds the queued bytes of a branch. A guess: a quarter of the bound for
	// all other handlers together.
	branchBytes = 16 << 20
	// Events smaller than sharedFrom bytes are copied out of their run, so that the run
	// can be freed. For a larger event, the copy would cost more than the memory of the
	// run. A guess.
	sharedFrom = 4 << 10
)

// addBranch registers a branch for Drain and Close. The caller holds registering.
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

// dropBranch ends the branch of a removed registration. The caller holds registering.
func (e *Emitter) dropBranch(r *registration) {
	if r.branch != nil {
		delete(e.branches, r)
		r.branch.stop()
	}
}

// allBranches returns all branches, unordered.
func (e *Emitter) allBranches() []branch {
	e.registering.Lock()
	defer e.registering.Unlock()
	list := make([]branch, 0, len(e.branches))
	for _, b := range e.branches {
		list = append(list, b)
	}
	return list
}

// enqueueInBranch queues the current event in the branch of a registration.
func (e *Emitter) enqueueInBranch(r *registration, p *place) {
	e.pushToBranch(r, Run{
		Origin: p.event.Origin, Epoch: p.event.Epoch, Seq: p.event.Seq, Count: 1, Packed: p.packed[p.at:p.next],
		Born: p.event.Born, Via: p.event.Via, Own: p.event.Own,
	})
}

// pushToBranch queues a run of one event in the branch of a registration.
func (e *Emitter) pushToBranch(r *registration, run Run) {
	if len(run.Packed) < sharedFrom {
		run.Packed = bytes.Clone(run.Packed)
	}
	known := len(r.lost.notes) > 0
	e.aside.Add(r.branch.put(run, &r.lost))
	if !known && len(r.lost.notes) > 0 {
		e.overrun = append(e.overrun, r)
	}
}

// nextOverrun returns the next record of events that were dropped in a branch.
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

// drainAll waits until the trunk and all branches are empty. It repeats, because a handler
// of one may push to the other.
func (e *Emitter) drainAll(ctx context.Context) error {
	for {
		if err := e.drainTrunk(ctx); err != nil {
			return e.addQueued(err)
		}
		for _, b := range e.allBranches() {
			if running, err := b.drain(ctx); err != nil {
				return e.addQueued(&DrainError{Left: running, Err: err})
			}
		}
		if e.isIdle() {
			return nil
		}
	}
}

// addQueued adds the number of events that are queued in branches to err.
func (e *Emitter) addQueued(err error) error {
	var drain *DrainError
	if errors.As(err, &drain) {
		for _, b := range e.allBranches() {
			drain.Left += b.left()
		}
	}
	return err
}

// isIdle reports whether the trunk has no event and no hook to run.
func (e *Emitter) isIdle() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return !e.running && e.hand == nil && e.queue.empty()
}

// stopBranches discards the queued events of all branches, and ends the branches that end
// with Close.
func (e *Emitter) stopBranches() {
	e.registering.Lock()
	discarded := 0
	for r, b := range e.branches {
		discarded += b.stop()
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

// HasQueues reports whether any handler has a separate queue or is a [Mailbox].
func (e *Emitter) HasQueues() bool { return len(e.allBranches()) > 0 }

// Finish announces that no further event will be pushed. A [Mailbox] returns its remaining
// events and then ends.
func (e *Emitter) Finish() {
	for _, b := range e.allBranches() {
		b.finish()
	}
}

// The branch of a handler with a separate queue is another Emitter, with this handler
// only.

// newQueue makes the branch of a registration with [Settings].Queue.
func (e *Emitter) newQueue(r *registration) *Emitter {
	config := e.config
	config.QueueEvents, config.QueueBytes = r.Queue, branchBytes
	// It takes one event at a time from its queue, so at most one waiting event is not
	// counted.
	config.CrowdedEvents, config.CrowdedBytes = 4, 4
	config.OnDrop = nil // the trunk reports dropped events
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
	child.work = child.runBranch
	child.onEmpty = func() { e.off(r) }
	settings := r.Settings
	settings.Queue, settings.Echo = 0, true // the trunk has already decided which own events the handler gets
	if r.every {
		child.RegisterAny(r.handler, settings)
	} else {
		child.Register(r.name, r.handler, settings)
	}
	r.Once = false // the branch counts an event for Once when the event has been handled
	return child
}

// runBranch is the handler goroutine of a branch. It has a name of its own in the stack:
// see [InsideShared].
func (e *Emitter) runBranch() { e.run() }

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

func (e *Emitter) stop() (discarded int) {
	before := e.Stats().Discarded
	e.close()
	return int(e.Stats().Discarded - before)
}

func (e *Emitter) wait(ctx context.Context) error { return e.waitTrunk(ctx) }
func (e *Emitter) hold()                          { e.Hold() }
func (e *Emitter) release()                       { e.Release() }
func (e *Emitter) reopen() bool                   { e.Reopen(); return true }
func (e *Emitter) finish()                        {}

// pushWithin queues a run of one event, and records in lost the events that were dropped
// to make room for it.
func (q *queue) pushWithin(run Run, events, bytes int, lost *losses) (dropped uint64) {
	for q.events > 0 && (q.events+1 > events || q.bytes+len(run.Packed) > bytes) {
		oldest := q.pop()
		dropped += uint64(oldest.Count)
		lost.note(&oldest, func([]byte) bool { return true })
	}
	q.push(run)
	return dropped
}
