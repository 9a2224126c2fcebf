// Package emitter runs the handlers of a program: one after another, in the
// order in which the events were pushed, on a goroutine that is nobody else's.
//
// The contract:
//
//   - Push and PushBatch never wait. The queue is bounded in events and in
//     bytes; where it is full the oldest events make room, and the loss is told
//     to [Config.OnDrop] on the handler goroutine before anything newer runs.
//   - Handlers of one emitter never run at the same time, so they need no lock
//     between them. Handlers of two emitters may.
//   - Handlers of one event run in the order in which they were registered.
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

	"github.com/smokesignal-go/smokesignal/internal/ident"
)

// Event is one event on its way to the handlers. It is a small value: copy it.
type Event struct {
	Name       string
	Origin     ident.ID // who emitted it
	Epoch, Seq uint64   // which life of the origin, and its how many-th event

	// Payload is shared, not copied: neither the pusher nor a handler changes
	// its bytes, and a handler that wants them after it returned copies them.
	Payload []byte
}

// size is what an event counts against Config.QueueBytes.
func (e *Event) size() int { return len(e.Name) + len(e.Payload) }

// Handler takes one event. An error says that this handler could not take the
// event, for example because the arguments do not fit; it goes to
// [Config.OnError] and changes nothing for the other handlers.
type Handler func(Event) error

// Defaults of [Config].
const (
	DefaultQueueEvents = 65536       // a guess: half a second of a stalled handler at 130 000 events/s
	DefaultQueueBytes  = 64 << 20    // a guess: 64 events of the largest size, or 65 536 of 1 KiB
	DefaultSlowAfter   = time.Second // a guess: long for a handler, short for somebody who watches a log
)

// Config holds the limits of an emitter and what it reports. The zero value
// works: default limits, and nobody told.
//
// OnPanic, OnError and OnDrop run on the handler goroutine, so what they do
// delays the next handler. OnSlow runs on a goroutine of its own, at the same
// time as the handler that it is about. All four may call the emitter.
type Config struct {
	QueueEvents int           // events that may wait; 0 means DefaultQueueEvents
	QueueBytes  int           // bytes of names and payloads that may wait; 0 means DefaultQueueBytes
	SlowAfter   time.Duration // 0 means DefaultSlowAfter; negative: slow handlers are not looked for

	// OnPanic is told of a handler (or a hook, then name is "") that panicked,
	// with the panic value and the stack. A handler that ended its goroutine
	// with runtime.Goexit is reported with [ErrGoexit] as the value.
	OnPanic func(name string, value any, stack []byte)

	// OnError is told of the error that a handler returned.
	OnError func(name string, err error)

	// OnSlow is told, once per run, of a handler (or a hook, then name is "")
	// that is still running SlowAfter after it began. It is found between
	// SlowAfter and 1.25·SlowAfter after its start; soFar is at least SlowAfter.
	OnSlow func(name string, soFar time.Duration)

	// OnDrop is told of events that had to make room for newer ones.
	OnDrop func(Lost)
}

// withDefaults fills in what the zero value leaves open.
func (c Config) withDefaults() Config {
	if c.QueueEvents <= 0 {
		c.QueueEvents = DefaultQueueEvents
	}
	if c.QueueBytes <= 0 {
		c.QueueBytes = DefaultQueueBytes
	}
	if c.SlowAfter == 0 {
		c.SlowAfter = DefaultSlowAfter
	}
	return c
}

// Emitter holds handlers and the queue of events that wait for them. Make one
// with [New], and [Emitter.Close] it.
type Emitter struct {
	config Config
	work   func() // e.run, bound once so that starting it allocates nothing

	table     atomic.Pointer[table] // the handlers; written under registering
	held      atomic.Bool           // written under mu
	closed    atomic.Bool           // written under mu
	interrupt atomic.Bool           // the runner is to call take before its next item; written under mu
	cut       atomic.Bool           // Close wants what the runner has in hand thrown away; written under mu

	// registering guards the change of table, and registered.
	registering sync.Mutex
	registered  uint64 // numbers the registrations

	// mu guards everything below. No handler or callback runs under it.
	mu        sync.Mutex
	queue     queue
	hand      *batch        // what the runner took and did not finish; see batch
	running   bool          // the handler goroutine exists
	lives     int           // how often the emitter was reopened
	taken     uint64        // items that the runner took from the queue
	dropped   uint64        // events that made room
	discarded uint64        // events that Close threw away
	armed     bool          // the timer of the watch is set
	telling   bool          // OnSlow runs
	timer     *time.Timer   // nil until the first run
	changed   chan struct{} // closed when the runner or OnSlow ended; nil while nobody waits

	seen sighting
	slow uint64 // runs reported to OnSlow

	progress progress // the runner's; the others read it
	panics   atomic.Uint64
	errors   atomic.Uint64
}

// New makes an emitter without handlers.
func New(config Config) *Emitter {
	e := &Emitter{config: config.withDefaults()}
	e.work = e.run
	e.table.Store(new(table))
	return e
}

// Push queues one event for the handlers that there are when its turn comes,
// and returns at once. It reports false only when the emitter is closed: where
// the queue is full the oldest events make room. An event larger than
// QueueBytes is taken too, alone.
func (e *Emitter) Push(event Event) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed.Load() {
		return false
	}
	e.push(&event)
	e.start()
	return true
}

// PushBatch queues events in their order, with one lock for all of them. It
// keeps the payloads and not the slice. It reports what Push reports.
func (e *Emitter) PushBatch(events []Event) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed.Load() {
		return false
	}
	for i := range events {
		e.push(&events[i])
	}
	e.start()
	return true
}

// push makes room where there is none, oldest first, and queues the event.
func (e *Emitter) push(event *Event) {
	size := event.size()
	for e.queue.events() > 0 &&
		(e.queue.events() >= e.config.QueueEvents || e.queue.bytes+size > e.config.QueueBytes) {
		e.queue.dropOldest()
		e.dropped++
	}
	e.queue.push(event)
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

// Hold stops the emitter before its next handler: it goes on queueing, and runs
// nothing until Release. A handler that runs is not waited for. While an emitter
// is held, Has reports true for every name, since the handlers may be yet to come.
func (e *Emitter) Hold() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.held.Store(true)
	e.interrupt.Store(true)
}

// Release lets a held emitter run. Holds are not counted: one Release ends them.
func (e *Emitter) Release() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.held.Store(false)
	e.start()
}

// Stats is what an emitter has counted since New.
type Stats struct {
	Queued      int    // events and hooks that wait
	QueuedBytes int    // names and payloads of the events that wait
	Delivered   uint64 // events and hooks whose turn has come, whether anybody listened or not
	Dropped     uint64 // events that made room for newer ones
	Discarded   uint64 // events and hooks that Close found waiting
	Panics      uint64 // handlers, hooks and callbacks that panicked
	Errors      uint64 // errors that handlers returned
	Slow        uint64 // runs that were longer than SlowAfter
	Handlers    int    // handlers that are registered
}

// Stats returns the counters. Those of a running emitter move on meanwhile.
func (e *Emitter) Stats() Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	return Stats{
		Queued:      e.queue.len() + e.inHand(),
		QueuedBytes: e.queue.bytes,
		Delivered:   e.taken - uint64(e.inHand()),
		Dropped:     e.dropped,
		Discarded:   e.discarded,
		Panics:      e.panics.Load(),
		Errors:      e.errors.Load(),
		Slow:        e.slow,
		Handlers:    e.table.Load().handlers,
	}
}

// inHand counts the items that the runner took and did not begin. The caller
// holds mu.
func (e *Emitter) inHand() int {
	if e.hand == nil {
		return 0
	}
	return e.hand.count - e.progress.begun()
}
