// Package roster keeps values, such as the hooks of a program, in the order in which
// they were added. Adding or removing one costs about the same however many there are.
//
// A Roster has no lock: its owner has one.
package roster

// Roster is a list. The zero Roster is empty.
type Roster[V any] struct {
	entries []*Entry[V]
	gone    int // entries that were removed
}

// Entry is one value of a Roster.
type Entry[V any] struct {
	value V
	gone  bool
}

// few is the length up to which a list is copied at once when an entry is removed. A
// guess. A longer one waits until half of it is gone.
const few = 32

// Add puts a value at the end.
func (r *Roster[V]) Add(value V) *Entry[V] {
	e := &Entry[V]{value: value}
	r.entries = append(r.entries, e)
	return e
}

// Remove takes out what Add has put in. A second time it does nothing.
func (r *Roster[V]) Remove(e *Entry[V]) {
	if e.gone {
		return
	}
	var none V
	e.gone, e.value = true, none
	r.gone++
	if stay := len(r.entries) - r.gone; len(r.entries) <= few || 2*stay <= len(r.entries) {
		entries := make([]*Entry[V], 0, stay)
		for _, other := range r.entries {
			if !other.gone {
				entries = append(entries, other)
			}
		}
		r.entries, r.gone = entries, 0
	}
}

// Len is the number of values.
func (r *Roster[V]) Len() int { return len(r.entries) - r.gone }

// All returns the values in a slice of the caller's; nil if there are none.
func (r *Roster[V]) All() []V {
	if r.Len() == 0 {
		return nil
	}
	all := make([]V, 0, r.Len())
	for _, e := range r.entries {
		if !e.gone {
			all = append(all, e.value)
		}
	}
	return all
}
