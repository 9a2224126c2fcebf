package emitter

import (
	"sync/atomic"
	"time"
)

// Settings says how one handler is registered. The zero value is that of
// [Emitter.On].
type Settings struct {
	Once bool // for the next event only
	// Fitting makes that the next event which the handler takes: it calls [Event.Take],
	// and stays registered for events of which it does not.
	Fitting bool
	Echo    bool // hear the events of this node too: those in a Run that is Own

	// Queue gives the handler a queue for that many events, 1 to [MostQueue], and a
	// goroutine of its own. 0: it shares both with all others.
	Queue int

	// Rewind is the largest Run.Before that reaches the handler.
	Rewind time.Duration
}

// registration is one handler under one name.
type registration struct {
	Settings
	number  uint64 // rises with each registration: the order of the handlers
	name    string
	every   bool // it is a handler of every name, and has none
	handler Handler
	gone    atomic.Bool // taken off, or a Once that had its event
	branch  branch      // where its events are queued; nil: its handler is called
	lost    losses      // that made room in branch; the runner's own
	waits   atomic.Bool // for its turn to be replayed to; see Replay

	audience *audience // who it is one of
	removed  bool      // from the table; under registering
}

// Register registers a handler for the events of one name. The off that it
// returns takes the handler off again, as often as it is called. An event whose
// turn comes after off returned does not reach the handler; a call that has begun
// goes on, and is not waited for.
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

// Off takes all handlers of one name off. Handlers of every name stay.
func (e *Emitter) Off(name string) {
	e.registering.Lock()
	defer e.registering.Unlock()
	for _, r := range e.table.removeAll(name) {
		e.dropBranch(r)
	}
}

// Has reports whether an event of that name has somebody to go to: a handler of
// the name, a handler of every name, or, on a held emitter, whoever comes yet.
func (e *Emitter) Has(name string) bool {
	return e.held.Load() || e.table.isHeard([]byte(name), false)
}

// HasEcho reports whether an event of this node has a handler, which is one that
// was registered with [Settings].Echo. While there is none it costs the load of a
// number. name is not kept.
func (e *Emitter) HasEcho(name []byte) bool {
	return e.HasEchoes() && e.table.isHeard(name, true)
}

// HasEchoes reports whether any handler hears own events. It costs the load of a number.
func (e *Emitter) HasEchoes() bool { return e.table.echoes.Load() > 0 }

func (e *Emitter) register(r *registration) (off func()) {
	e.registering.Lock()
	defer e.registering.Unlock()
	if r.Queue > 0 {
		e.addBranch(r, e.newQueue(r))
	}
	e.enter(r)
	return func() { e.off(r) }
}

// enter gives a registration its place. The caller holds registering.
func (e *Emitter) enter(r *registration) {
	e.registered++
	r.number = e.registered
	e.rewind.Store(max(e.rewind.Load(), int64(r.Rewind)))
	e.table.add(r)
}

// off takes one registration off.
func (e *Emitter) off(r *registration) {
	e.registering.Lock()
	defer e.registering.Unlock()
	e.table.remove(r)
	e.dropBranch(r)
}
