package emitter

import (
	"maps"
	"slices"
	"sync/atomic"
)

// Settings says how one handler is registered. The zero value is that of
// [Emitter.On].
type Settings struct {
	Once bool // for the next event only
}

// registration is one handler under one name.
type registration struct {
	Settings
	number  uint64 // rises with each registration: the order of the handlers
	name    string // "" for a handler of every name
	handler Handler
	gone    atomic.Bool // taken off, or a Once that had its event
}

// table is all the handlers of an emitter. A table is never changed: a
// registration makes a new one, so that the runner and Has need no lock. That
// makes On and off cost as much as there are names, and an event nothing.
type table struct {
	named    map[string]audience // with the handlers of every name merged in
	every    []*registration     // the handlers of every name
	handlers int
}

// audience is who listens to one name, in the order of their registration.
type audience struct {
	name string // as it was registered, "" for all names that were not
	list []*registration
}

// lookup gives the audience of one name, which may be a part of a run.
func (t *table) lookup(name []byte) audience {
	if a, ok := t.named[string(name)]; ok { // takes no memory for the string
		return a
	}
	return audience{list: t.every}
}

// Register registers a handler for the events of one name. The off that it
// returns takes the handler off again, as often as it is called. An event whose
// turn comes after off returned does not reach the handler; a call that has begun
// goes on, and is not waited for.
func (e *Emitter) Register(name string, handler Handler, settings Settings) (off func()) {
	return e.register(&registration{Settings: settings, name: name, handler: handler}, false)
}

// On is Register with the zero Settings.
func (e *Emitter) On(name string, handler Handler) (off func()) {
	return e.Register(name, handler, Settings{})
}

// Once registers a handler for the next event of one name.
func (e *Emitter) Once(name string, handler Handler) (off func()) {
	return e.Register(name, handler, Settings{Once: true})
}

// OnAny registers a handler for the events of every name.
func (e *Emitter) OnAny(handler Handler) (off func()) {
	return e.register(&registration{handler: handler}, true)
}

// Off takes all handlers of one name off. Handlers of every name stay.
func (e *Emitter) Off(name string) {
	e.registering.Lock()
	defer e.registering.Unlock()
	for _, r := range e.table.Load().named[name].list {
		if !slices.Contains(e.table.Load().every, r) {
			e.remove(r)
		}
	}
}

// Has reports whether an event of that name has somebody to go to: a handler of
// the name, a handler of every name, or, on a held emitter, whoever comes yet.
func (e *Emitter) Has(name string) bool {
	return e.held.Load() || len(e.table.Load().lookup([]byte(name)).list) > 0
}

func (e *Emitter) register(r *registration, every bool) (off func()) {
	e.registering.Lock()
	defer e.registering.Unlock()
	e.registered++
	r.number = e.registered

	old := e.table.Load()
	next := &table{named: maps.Clone(old.named), every: old.every, handlers: old.handlers + 1}
	if every {
		next.every = with(old.every, r)
		for name, a := range old.named {
			next.named[name] = audience{name, with(a.list, r)}
		}
	} else {
		if next.named == nil {
			next.named = make(map[string]audience)
		}
		next.named[r.name] = audience{r.name, with(old.lookup([]byte(r.name)).list, r)}
	}
	e.table.Store(next)
	return func() { e.off(r) }
}

// off takes one registration off.
func (e *Emitter) off(r *registration) {
	e.registering.Lock()
	defer e.registering.Unlock()
	e.remove(r)
}

// remove is off without its lock.
func (e *Emitter) remove(r *registration) {
	r.gone.Store(true)
	old := e.table.Load()
	every := slices.Contains(old.every, r)
	if !every && !slices.Contains(old.named[r.name].list, r) {
		return // a second off
	}
	next := &table{named: maps.Clone(old.named), every: old.every, handlers: old.handlers - 1}
	if every {
		next.every = without(old.every, r)
		for name, a := range old.named {
			next.named[name] = audience{name, without(a.list, r)}
		}
	} else if list := without(old.named[r.name].list, r); len(list) > len(old.every) {
		next.named[r.name] = audience{r.name, list}
	} else {
		delete(next.named, r.name) // only handlers of every name are left in it
	}
	e.table.Store(next)
}

// with returns a new list with r at the end, which is its place in the order.
func with(list []*registration, r *registration) []*registration {
	return append(slices.Clip(list), r)
}

// without returns a new list that lacks r.
func without(list []*registration, r *registration) []*registration {
	i := slices.Index(list, r)
	return slices.Concat(list[:i], list[i+1:])
}
