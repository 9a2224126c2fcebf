package emitter

import (
	"sync/atomic"
	"time"
)

// Settings says how one handler is registered. [Emitter.On] uses the zero value.
type Settings struct {
	Once bool // the handler is called only for the next event
	// Fitting restricts Once to events that the handler takes: the handler stays
	// registered until it has called [Event.Take].
	Fitting bool
	Echo    bool // the handler also receives the events of this node: those in a Run that is Own

	// If Queue is set, the handler has its own goroutine and its own queue for that many
	// events, 1 to [MostQueue]. 0: the handler shares both with all others.
	Queue int

	// Rewind is the largest Run.Before with which an event reaches the handler.
	Rewind time.Duration
}

// registration is one handler under one name.
type registration struct {
	Settings
	number  uint64 // number of the registration, which determines the order of the handlers
	name    string
	every   bool // the handler is for every name, and name is empty
	handler Handler
	gone    atomic.Bool // the registration is removed, or is a Once that has had its event
	branch  branch      // where the events of the handler are queued; nil: the runner calls the handler
	lost    losses      // events dropped in branch; only the runner uses it
	waits   atomic.Bool // the handler waits for its replay; see Replay

	audience *audience // the audience to which the registration belongs
	removed  bool      // the registration is removed from the table; guarded by registering
}

// Register registers a handler for the events of one name. The returned function off
// removes the handler; it may be called any number of times. After off has returned, the
// handler gets no further event. A call that has begun continues, and off does not wait
// for it.
func (e *Emitter) Register(name string, handler Handler, settings Settings) (off func()) {
	return e.register(&registration{Settings: settings, name: name, handler: handler})
}

// RegisterAny registers a handler for the events of every name.
func (e *Emitter) RegisterAny(handler Handler, settings Settings) (off func()) {
	return e.register(&registration{Settings: settings, every: true, handler: handler})
}

// On is Register with the zero Settings.
func (e *Emitter) On(name string, handler Handler) (off func()) {
	return e.Register(name, handler, Settings{})
}

// Once registers a handler for the next event of one name.
func (e *Emitter) Once(name string, handler Handler) (off func()) {
	return e.Register(name, handler, Settings{Once: true})
}

// OnAny is RegisterAny with the zero Settings.
func (e *Emitter) OnAny(handler Handler) (off func()) {
	return e.RegisterAny(handler, Settings{})
}

// Off removes all handlers of one name. Handlers of every name stay.
func (e *Emitter) Off(name string) {
	e.registering.Lock()
	defer e.registering.Unlock()
	for _, r := range e.table.removeAll(name) {
		e.dropBranch(r)
	}
}

// Has reports whether an event of that name has a handler: one of the name or of every
// name. On a held emitter it returns true, because handlers may still be registered.
func (e *Emitter) Has(name string) bool {
	return e.held.Load() || e.table.isHeard([]byte(name), false)
}

// HasEcho reports whether an event of this node has a handler, which must be registered
// with [Settings].Echo. If no handler has Echo, the call costs one atomic load. It does
// not keep name.
func (e *Emitter) HasEcho(name []byte) bool {
	return e.HasEchoes() && e.table.isHeard(name, true)
}

// HasEchoes reports whether any handler receives events of this node. It costs one atomic
// load.
func (e *Emitter) HasEchoes() bool { return e.table.echoes.Load() > 0 }

func (e *Emitter) register(r *registration) (off func()) {
	e.registering.Lock()
	defer e.registering.Unlock()
	if r.Queue > 0 {
		e.addBranch(r, e.newQueue(r))
	}
	e.insert(r)
	return func() { e.off(r) }
}

// insert adds a registration. The caller holds registering.
func (e *Emitter) insert(r *registration) {
	e.registered++
	r.number = e.registered
	e.rewind.Store(max(e.rewind.Load(), int64(r.Rewind)))
	e.table.add(r)
}

// off removes one registration.
func (e *Emitter) off(r *registration) {
	e.registering.Lock()
	defer e.registering.Unlock()
	e.table.remove(r)
	e.dropBranch(r)
}
