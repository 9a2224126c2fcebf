package emitter

import (
	"hash/maphash"
	"sync/atomic"
)

// table holds the handlers of an emitter. The runner reads it without a lock, once for
// each change of name. Registrations write it under [Emitter.registering]. The cost of a
// registration does not depend on how many there are.
//
// It is a hash table with open addressing. Its slots point to audiences. A used slot
// stays used until the table is rebuilt, which keeps a concurrent search valid. An
// audience without listeners stays in its slot until a rebuild removes it.
type table struct {
	seed  maphash.Seed
	slots atomic.Pointer[[]atomic.Pointer[audience]] // the number of slots is a power of two; nil: no slots
	every audience                                   // the handlers of every name
	taken int                                        // number of slots that have an audience; guarded by registering
	live  int                                        // number of slots whose audience has listeners; guarded by registering

	handlers atomic.Int64 // number of registrations in the table
	echoes   atomic.Int64 // number of registrations in the table that receive own events
	// changes counts the changes of the table, from 1. A result of lookup is valid as
	// long as changes has the value that it had before the lookup.
	changes atomic.Uint64
}

// audience holds the handlers of one name.
type audience struct {
	name string
	hash uint64
	roll atomic.Pointer[roll] // nil: no handlers
}

// roll is an ordered list of registrations. It never changes, with one exception: the
// next roll may use the same array beyond the end of this one.
type roll struct {
	list   []*registration
	gone   int // number of removed registrations that are still in list
	echoes int // number of registrations in list that receive own events, without removed ones
}

const (
	minSlots  = 16 // a guess: 128 bytes
	shortRoll = 32 // a guess: a removal from a roll up to this length copies it at once
)

func (t *table) init() {
	t.seed = maphash.MakeSeed()
	t.changes.Store(1)
}

// lookup returns the audience of one name, or nil. The name may be a part of a run,
// because lookup does not keep it.
func (t *table) lookup(name []byte) *audience {
	slots := t.slots.Load()
	if slots == nil {
		return nil
	}
	hash := maphash.Bytes(t.seed, name)
	for i := hash; ; i++ {
		a := (*slots)[i&uint64(len(*slots)-1)].Load()
		if a == nil || a.hash == hash && a.name == string(name) { // does not allocate
			return a
		}
	}
}

// isHeard reports whether a name has a listener. If own is set, only listeners that
// receive own events count.
func (t *table) isHeard(name []byte, own bool) bool {
	return t.every.isHeard(own) || t.lookup(name).isHeard(own)
}

func (a *audience) isHeard(own bool) bool {
	if a == nil {
		return false
	}
	r := a.roll.Load()
	return r != nil && (!own || r.echoes > 0)
}

// listeners returns the registrations in order. Removed ones may be among them.
func (a *audience) listeners() []*registration {
	if a == nil {
		return nil
	}
	if r := a.roll.Load(); r != nil {
		return r.list
	}
	return nil
}

// The methods below are called with registering held.

// add puts a registration into the table.
func (t *table) add(r *registration) {
	r.audience = &t.every
	if !r.every {
		r.audience = t.audience(r.name)
	}
	r.audience.add(r)
	t.count(r, 1)
}

// remove takes a registration out of the table, if it is in it.
func (t *table) remove(r *registration) {
	r.gone.Store(true)
	if r.removed {
		return
	}
	r.removed = true
	if r.audience.remove(r); !r.every && r.audience.roll.Load() == nil {
		t.live--
		t.shrink()
	}
	t.count(r, -1)
}

// removeAll removes the registrations of one name and returns them.
func (t *table) removeAll(name string) (removed []*registration) {
	a := t.lookup([]byte(name))
	if a == nil || a.roll.Load() == nil {
		return nil
	}
	for _, r := range a.listeners() {
		if !r.removed {
			r.gone.Store(true)
			r.removed = true
			removed = append(removed, r)
			t.count(r, -1)
		}
	}
	a.roll.Store(nil)
	t.live--
	t.shrink()
	t.changes.Add(1)
	return removed
}

func (t *table) count(r *registration, change int64) {
	t.handlers.Add(change)
	if r.Echo {
		t.echoes.Add(change)
	}
	t.changes.Add(1)
}

// audience returns the audience of a name for a new listener, and makes it if needed.
func (t *table) audience(name string) *audience {
	a := t.lookup([]byte(name))
	if a == nil {
		if slots := t.slots.Load(); slots == nil || 4*(t.taken+1) > 3*len(*slots) {
			t.rebuild()
		}
		a = &audience{name: name, hash: maphash.String(t.seed, name)}
		a.put(*t.slots.Load())
		t.taken++
	}
	if a.roll.Load() == nil {
		t.live++
	}
	return a
}

// shrink frees memory after most names have lost their listeners.
func (t *table) shrink() {
	if slots := *t.slots.Load(); len(slots) > minSlots && 16*t.live < len(slots) {
		t.rebuild()
	}
}

// rebuild moves the audiences with listeners into new slots and fills at most a third of
// them. So its cost is spread over many calls: many names must be added or removed before
// the next rebuild.
func (t *table) rebuild() {
	size := minSlots
	for size < 3*(t.live+1) {
		size *= 2
	}
	slots := make([]atomic.Pointer[audience], size)
	t.taken = 0
	if old := t.slots.Load(); old != nil {
		for i := range *old {
			if a := (*old)[i].Load(); a != nil && a.roll.Load() != nil {
				a.put(slots)
				t.taken++
			}
		}
	}
	t.slots.Store(&slots)
}

// put stores the audience in the first free slot for its hash.
func (a *audience) put(slots []atomic.Pointer[audience]) {
	i := a.hash
	for slots[i&uint64(len(slots)-1)].Load() != nil {
		i++
	}
	slots[i&uint64(len(slots)-1)].Store(a)
}

// add appends a registration. Its position in the list is the order in which handlers are
// called.
func (a *audience) add(r *registration) {
	next := new(roll)
	if old := a.roll.Load(); old != nil {
		*next = *old
	}
	// Readers of older rolls do not read beyond their end.
	next.list = append(next.list, r)
	if r.Echo {
		next.echoes++
	}
	a.roll.Store(next)
}

// remove removes a registration that is marked as removed. A long roll keeps it until
// half of the list is removed, and then copies the list.
func (a *audience) remove(r *registration) {
	old := a.roll.Load()
	next := &roll{list: old.list, gone: old.gone + 1, echoes: old.echoes}
	if r.Echo {
		next.echoes--
	}
	switch stay := len(next.list) - next.gone; {
	case stay == 0:
		next = nil
	case len(next.list) <= shortRoll || 2*stay <= len(next.list):
		list := make([]*registration, 0, stay)
		for _, other := range next.list {
			if !other.removed {
				list = append(list, other)
			}
		}
		next.list, next.gone = list, 0
	}
	a.roll.Store(next)
}
