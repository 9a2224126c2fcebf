// Package roster keeps values, such as a program's hooks, in the order in which they
// were added. The cost of adding or removing a value does not grow with their number.
//
// A Roster has no lock; its owner must synchronize calls.
package roster

// Roster is a list of values. The zero Roster is empty and ready for use.
type Roster[V any] struct {
	entries []*Entry[V]
	gone    int // removed entries that are still in the slice
}

// Entry is one value of a Roster.
type Entry[V any] struct {
	value V
	gone  bool
}

// few is the length up to which Remove copies the list each time. A longer list is
// copied once half of its entries are removed. A guess.
const few = 32

// Add appends a value.
func (r *Roster[V]) Add(value V) *Entry[V] {
	e := &Entry[V]{value: value}
	r.entries = append(r.entries, e)
	return e
}

// Remove removes the value for which Add returned e. Further calls do nothing.
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

// Len returns the number of values.
func (r *Roster[V]) Len() int { return len(r.entries) - r.gone }

// All returns the values in a new slice, or nil if there are none.
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
