// Package emitter runs the handlers of a program: one after another, in the order in
// which the events were pushed, on a separate goroutine.
//
// Events are pushed in runs: many events in one slice of bytes. A run is queued unchanged
// and split on the handler goroutine only. So pushing many small events costs no more
// than pushing a few large ones.
//
// The contract:
//
//   - Push and PushBatch never wait. The queue is bounded in events and in
//     bytes. If it is full, the oldest runs are dropped, and [Config.OnDrop]
//     reports the loss on the handler goroutine before anything newer runs.
//   - Long before the queue is full, [Emitter.Backpressure] informs callers
//     that can wait that the handlers do not keep up.
//   - Handlers of one emitter never run at the same time, so they need no lock
//     between them. Handlers of two emitters may.
//   - Handlers of one event run in the order in which they were registered.
//     The set of handlers is determined when the event is handled, not when it
//     is pushed: Hold, Close, On and off take effect between any two events.
//   - A handler may have its own queue and goroutine ([Settings].Queue), or the
//     program takes its events itself ([Emitter.Subscribe]). Neither delays the
//     other handlers. [Config.OnDrop] also reports events dropped there.
//   - A panic is recovered, counted and reported; then the next handler runs.
//   - The handler goroutine exists only while there is work for it: an idle
//     emitter is a struct, without a goroutine and without a running timer.
//   - In the steady state an event costs no allocation.
//
// All methods of an Emitter may be called from any goroutine, and from its own handlers.
// The comment of each method says how it behaves there.
package emitter

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// Run holds consecutive events of one origin. It is small, so it is passed by value.
type Run struct {
	Origin     ident.ID // the node that emitted them
	Epoch, Seq uint64   // the epoch of the origin, and the sequence number of the first event
	Count      int      // number of events; a run of 0 is ignored

	// Before is how much too old the events are for most handlers. A handler gets them
	// only if its Settings.Rewind is at least that. Zero: all handlers get them.
	Before time.Duration

	// Packed is Count bodies, each made by wire.AppendBody, in the layout of package
	// batch. Bytes after the last body are ignored. Packed is shared, not copied: neither
	// the caller of Push nor a handler may change its bytes.
	//
	// The caller of Push has checked the bodies. If a body is malformed anyway, it is
	// skipped and reported to [Config.OnError]. If the layout is broken, all remaining
	// events of the run are reported as one error.
	Packed []byte

	Born Moment    // when the first of the events was emitted; 0: unknown
	Via  *ident.ID // the neighbour that delivered the events; nil: none
	Own  bool      // this node emitted the events: only handlers with [Settings].Echo get them
}

// Event is one event, as passed to a handler.
type Event struct {
	Name       string
	Origin     ident.ID // the node that emitted the event
	Epoch, Seq uint64   // the epoch of the origin, and the sequence number in that epoch
	Signed     bool     // the event has a signature of its origin, which the caller of Push has verified
	Own        bool     // this node emitted the event

	Before time.Duration // see Run.Before

	Born Moment    // when the event was emitted; the error is at most the time between the first and the last event of its run; 0: unknown
	Via  *ident.ID // the neighbour that delivered the event; nil: none

	// Payload is a part of [Run.Packed]. A handler must not change its bytes. To keep the
	// payload for long, a handler should copy it, because a part keeps the whole run in
	// memory.
	Payload []byte

	taker *taker // nil unless the handler reports when it takes an event
}

// taker identifies the registration whose handler takes an event.
type taker struct {
	emitter      *Emitter
	registration *registration
}

// Take reports that the handler takes the event. If the registration has [Settings].Once
// and Fitting, it ends after this event. Take may be called for any event. Only the
// handler's own goroutine may call it, before the handler returns.
func (e *Event) Take() {
	if e.taker != nil {
		e.taker.emitter.off(e.taker.registration)
	}
}

// Handler handles one event. An error means that this handler could not take the event,
// for example because the arguments do not fit. The error is passed to [Config.OnError]
// and does not affect other handlers. The emitter owns the Event: a handler may read it
// until it returns, and must copy the parts that it keeps.
type Handler func(*Event) error

// Emitter holds handlers and the queue of runs that wait for them. Make one with [New] and
// end it with [Emitter.Close].
type Emitter struct {
	config Config
	work   func() // the method value e.run, made once so that starting it does not allocate

	table     table       // the handlers; written under registering
	held      atomic.Bool // written under mu
	closed    atomic.Bool // written under mu
	interrupt atomic.Bool // the runner must call take before its next event; written under mu
	cut       atomic.Bool // Close has discarded the chunk in the runner's hand; written under mu
	crowded   atomic.Bool // see Backpressure; written under mu
	inHook    atomic.Bool // OnDrop is running

	rewind atomic.Int64 // see Rewind; written under registering

	// registering guards changes of table, the field waits of registrations, and the fields
	// below. It is locked before mu, and before the mu of a branch.
	registering sync.Mutex
	registered  uint64                   // number of registrations so far, which numbers them
	rewinders   []*registration          // registrations that wait for their replay
	branches    map[*registration]branch // open branches
	onEmpty     func()                   // only in a branch: makes the trunk drop the branch, because its handler is removed

	// mu guards everything below. No handler or callback runs under it.
	mu        sync.Mutex
	queue     queue
	hand      *chunk        // the chunk that the runner took and has not finished; see chunk
	running   bool          // the handler goroutine has work to do
	parked    bool          // the handler goroutine waits for the bell
	recalled  bool          // the handler goroutine was parked and got new work after the last tick of the timer
	dismissed bool          // the handler goroutine is parked and must end
	bell      sync.Cond     // signalled when parked or dismissed changes
	lives     int           // number of Reopen calls
	taken     uint64        // number of events and hooks that the runner took from the queue
	dropped   uint64        // number of events dropped from the full queue
	discarded uint64        // number of events and hooks that Close discarded
	armed     bool          // the watch timer is set
	reporting bool          // OnSlow is running
	timer     *time.Timer   // nil until the runner has run once
	changed   chan struct{} // closed when the runner or OnSlow has ended; nil if no caller waits
	relieved  chan struct{} // the channel that Backpressure returned; nil if none is open

	seen sighting
	slow uint64 // number of calls reported to OnSlow

	names    names           // only the runner uses it
	overrun  []*registration // registrations with dropped events to report; only the runner uses it
	notes    []Lost          // records of one of these registrations, to report; only the runner uses it
	progress progress        // the runner writes it; others read it
	panics   atomic.Uint64
	errors   atomic.Uint64
	aside    atomic.Uint64 // number of events dropped in branches
}

// New makes an emitter without handlers.
func New(config Config) *Emitter {
	e := &Emitter{config: config.withDefaults()}
	e.work, e.bell.L = e.run, &e.mu
	e.table.init()
	return e
}

// Push queues a run and returns at once. It returns false only if the emitter is closed. If
// the queue is full, the oldest runs are dropped. A run larger than the bounds is accepted
// too, alone. The handlers are those that are registered when the events are handled.
func (e *Emitter) Push(run Run) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed.Load() {
		return false
	}
	e.push(run)
	e.beginBackpressure()
	e.start()
	return true
}

// PushBatch queues runs in order, under one lock. It keeps the bytes in Packed but not the
// slice. Like Push, it returns false only if the emitter is closed.
func (e *Emitter) PushBatch(runs []Run) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed.Load() {
		return false
	}
	for _, run := range runs {
		e.push(run)
	}
	e.beginBackpressure()
	e.start()
	return true
}

// push drops the oldest runs if the queue is full, and queues the run. The caller holds mu.
func (e *Emitter) push(run Run) {
	if run.Count <= 0 {
		return
	}
	// No body is shorter than a byte. If Count is larger than the bytes allow, it is
	// reduced to one more than that, and the extra event is reported as an error.
	run.Count = min(run.Count, len(run.Packed)+1)
	for e.queue.events > 0 &&
		(e.queue.events+run.Count > e.config.QueueEvents || e.queue.bytes+len(run.Packed) > e.config.QueueBytes) {
		e.dropOldest()
	}
	e.queue.push(run)
}

// Do runs f on the handler goroutine, in order with the events: after those pushed before
// it, before those pushed after it. It is for hooks that must not run at the same time as
// handlers. Hooks are never dropped because the queue is full, and do not count for its
// bounds. If the emitter is closed, Do returns false and f does not run. Close discards
// the queued hooks.
func (e *Emitter) Do(f func()) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed.Load() {
		return false
	}
	e.queue.do(f)
	e.start()
	return true
}

// Hold stops the emitter before its next event. A held emitter queues events and runs no
// handler until Release. Hold does not wait for a running handler. While an emitter is
// held, Has returns true for every name, because handlers may still be registered, and
// Backpressure returns nil.
func (e *Emitter) Hold() {
	e.mu.Lock()
	e.held.Store(true)
	e.interrupt.Store(true)
	e.wakeWaiters()
	e.mu.Unlock()
	for _, b := range e.allBranches() {
		b.hold()
	}
}

// Release ends a Hold. Holds are not counted: one Release ends all of them.
func (e *Emitter) Release() {
	e.mu.Lock()
	e.held.Store(false)
	e.beginBackpressure()
	e.start()
	e.mu.Unlock()
	for _, b := range e.allBranches() {
		b.release()
	}
}
