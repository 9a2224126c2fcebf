// Package emitter runs the handlers of a program: one after another, in the
// order in which the events were pushed, on a goroutine that is nobody else's.
//
// Events are pushed in runs: many in one slice of bytes. A run is queued as it
// is, and taken apart on the handler goroutine only, so that to push many small
// events costs no more than to push a few large ones.
//
// The contract:
//
//   - Push and PushBatch never wait. The queue is bounded in events and in
//     bytes; where it is full the oldest runs make room, and the loss is told
//     to [Config.OnDrop] on the handler goroutine before anything newer runs.
//   - Well before that, [Emitter.Room] tells whoever pushes and can wait that
//     the handlers do not keep up.
//   - Handlers of one emitter never run at the same time, so they need no lock
//     between them. Handlers of two emitters may.
//   - Handlers of one event run in the order in which they were registered.
//     Which they are is settled when the turn of that event comes, whatever run
//     it came in: Hold, Close, On and off take effect between any two events.
//   - A handler may have a queue and a goroutine of its own ([Settings].Queue), or
//     the program takes its events itself ([Emitter.Subscribe]). Neither holds up
//     the other handlers. What made room there is told to [Config.OnDrop] too.
//   - A panic is recovered, counted and reported; the next handler goes on.
//   - The handler goroutine exists only while there is something to run: an
//     idle emitter is a struct, without a goroutine and without a running timer.
//   - In the steady state an event costs no allocation.
//
// All methods of an Emitter may be called from any goroutine, and from inside
// its own handlers. What each of them does there stands in its comment.
package emitter

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// Run is some events of one origin that follow one another. It is a small
// value: copy it.
type Run struct {
	Origin     ident.ID // who emitted them
	Epoch, Seq uint64   // which life of the origin, and its how many-th event the first of them is
	Count      int      // how many; of a run of none nothing happens

	// Before is how much too old they are for most handlers: those get them whose
	// Settings.Rewind is no less. Zero: all do.
	Before time.Duration

	// Packed is Count bodies, each made by wire.AppendBody, laid out by package
	// packed; what lies behind them is not looked at. It is shared, not copied:
	// neither the pusher nor a handler changes its bytes.
	//
	// Whoever pushes has checked the bodies. One that is malformed all the same
	// is passed over and told to [Config.OnError], and so, in one, are the
	// events from where the bytes are no longer bodies at all.
	Packed []byte

	Born Moment    // when the first of them was emitted; 0 if that is not known
	Via  *ident.ID // the neighbour that brought them; nil if there is none
	Own  bool      // this node has emitted them: only handlers with [Settings].Echo get them
}

// Event is one event as a handler gets it.
type Event struct {
	Name       string
	Origin     ident.ID // who emitted it
	Epoch, Seq uint64   // which life of the origin, and its how many-th event
	Signed     bool     // it carries a signature of its origin, which whoever pushed it has verified
	Own        bool     // this node has emitted it

	Before time.Duration // see Run.Before

	Born Moment    // when it was emitted, to within the time that its run took to fill; 0 if that is not known
	Via  *ident.ID // the neighbour that brought it; nil if there is none

	// Payload is a part of [Run.Packed]: a handler does not change its bytes,
	// and where it wants to keep them for long it copies them, so as not to keep
	// the whole run.
	Payload []byte

	taker *taker // nil unless the handler is one that says when it takes an event
}

// taker is who is to know that a handler takes an event.
type taker struct {
	emitter      *Emitter
	registration *registration
}

// Take says that the handler takes the event: it is used up, if its registration has
// [Settings].Once and Fitting. It may be called for any event. Only the handler's own
// goroutine calls it, before the handler returns.
func (e *Event) Take() {
	if e.taker != nil {
		e.taker.emitter.off(e.taker.registration)
	}
}

// Handler takes one event. An error says that this handler could not take the
// event, for example because the arguments do not fit; it goes to
// [Config.OnError] and changes nothing for the other handlers. The Event is the
// emitter's: a handler reads it until it returns, and copies what it keeps.
type Handler func(*Event) error

// Emitter holds handlers and the queue of runs that wait for them. Make one
// with [New], and [Emitter.Close] it.
type Emitter struct {
	config Config
	work   func() // e.run, bound once so that starting it allocates nothing

	table     table       // the handlers; written under registering
	held      atomic.Bool // written under mu
	closed    atomic.Bool // written under mu
	interrupt atomic.Bool // the runner is to call take before its next event; written under mu
	cut       atomic.Bool // Close wants what the runner has in hand thrown away; written under mu
	crowded   atomic.Bool // see Room; written under mu

	rewind atomic.Int64 // see Rewind; written under registering

	// registering guards the change of table, waits of a registration, and the next ones. It is taken before mu,
	// and before mu of a branch.
	registering sync.Mutex
	registered  uint64                   // numbers the registrations
	rewinders   []*registration          // that wait for their turn
	branches    map[*registration]branch // that are open
	spent       func()                   // of a branch: the trunk is to forget it, since its only handler is gone

	// mu guards everything below. No handler or callback runs under it.
	mu        sync.Mutex
	queue     queue
	hand      *chunk        // what the runner took and did not finish; see chunk
	running   bool          // the handler goroutine has something to run
	parked    bool          // it is there, and waits at the bell
	recalled  bool          // it did, and was called, since the timer looked last
	dismissed bool          // it is parked, and is to end
	bell      sync.Cond     // rung when one of the two changes
	lives     int           // how often the emitter was reopened
	taken     uint64        // events and hooks that the runner took from the queue
	dropped   uint64        // events that made room
	discarded uint64        // events and hooks that Close threw away
	armed     bool          // the timer of the watch is set
	telling   bool          // OnSlow runs
	timer     *time.Timer   // nil until the runner runs first
	changed   chan struct{} // closed when the runner or OnSlow ended; nil while nobody waits
	room      chan struct{} // what Room gave away; nil while nobody asked

	seen sighting
	slow uint64 // calls reported to OnSlow

	names    names           // the runner's own
	overrun  []*registration // with a note in lost; the runner's own
	notes    []Lost          // of one of them, to be told; the runner's own
	progress progress        // the runner's; the others read it
	panics   atomic.Uint64
	errors   atomic.Uint64
	aside    atomic.Uint64 // events that made room in branches
}

// New makes an emitter without handlers.
func New(config Config) *Emitter {
	e := &Emitter{config: config.withDefaults()}
	e.work, e.bell.L = e.run, &e.mu
	e.table.init()
	return e
}

// Push queues a run for the handlers that there are when its events' turn comes,
// and returns at once. It reports false only when the emitter is closed: where
// the queue is full the oldest runs make room. A run larger than the bounds is
// taken too, alone.
func (e *Emitter) Push(run Run) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed.Load() {
		return false
	}
	e.push(run)
	e.crowd()
	e.start()
	return true
}

// PushBatch queues runs in their order, with one lock for all of them. It keeps
// what is packed and not the slice. It reports what Push reports.
func (e *Emitter) PushBatch(runs []Run) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed.Load() {
		return false
	}
	for _, run := range runs {
		e.push(run)
	}
	e.crowd()
	e.start()
	return true
}

// push makes room where there is none, oldest first, and queues the run. The
// caller holds mu.
func (e *Emitter) push(run Run) {
	if run.Count <= 0 {
		return
	}
	// No body is shorter than a byte. Where Count says that there are more, one
	// too many is left, and its turn will show the mistake.
	run.Count = min(run.Count, len(run.Packed)+1)
	for e.queue.events > 0 &&
		(e.queue.events+run.Count > e.config.QueueEvents || e.queue.bytes+len(run.Packed) > e.config.QueueBytes) {
		e.dropOldest()
	}
	e.queue.push(run)
}

// Do runs f on the handler goroutine, in order with the events: after those
// pushed before it, before those pushed after it. It is for the hooks of a
// program that must not run beside its handlers. Hooks are never dropped for
// want of room and not counted against the bounds. Do reports false, and f will
// not run, when the emitter is closed; Close discards the hooks that wait.
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

// Hold stops the emitter before its next event: it goes on queueing, and runs
// nothing until Release. A handler that runs is not waited for. While an emitter
// is held, Has reports true for every name, since the handlers may be yet to
// come, and Room is nil.
func (e *Emitter) Hold() {
	e.mu.Lock()
	e.held.Store(true)
	e.interrupt.Store(true)
	e.relieve()
	e.mu.Unlock()
	for _, b := range e.allBranches() {
		b.hold()
	}
}

// Release lets a held emitter run. Holds are not counted: one Release ends them.
func (e *Emitter) Release() {
	e.mu.Lock()
	e.held.Store(false)
	e.crowd()
	e.start()
	e.mu.Unlock()
	for _, b := range e.allBranches() {
		b.release()
	}
}
