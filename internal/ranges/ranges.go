// Package ranges has a set of event numbers. The ledgers of internal/loadtest and of bench
// use it for the events that have not arrived.
package ranges

import "slices"

// Ranges is a set of numbers, kept as ascending ranges that do not touch. The zero value
// is empty. It is not for concurrent use.
type Ranges []Range

// Range holds the numbers n with From ≤ n < To.
type Range struct{ From, To uint64 }

// Add adds a range. All its numbers must be higher than those in the set.
func (r *Ranges) Add(from, to uint64) {
	if from < to {
		*r = append(*r, Range{from, to})
	}
}

// Take removes one number, and reports whether it was there.
func (r *Ranges) Take(n uint64) bool {
	i, found := slices.BinarySearchFunc(*r, n, func(s Range, n uint64) int {
		switch {
		case s.To <= n:
			return -1
		case s.From > n:
			return 1
		}
		return 0
	})
	if !found {
		return false
	}
	s := (*r)[i]
	switch {
	case s.From+1 == s.To:
		*r = slices.Delete(*r, i, i+1)
	case n == s.From:
		(*r)[i].From++
	case n == s.To-1:
		(*r)[i].To--
	default:
		(*r)[i].To = n
		*r = slices.Insert(*r, i+1, Range{n + 1, s.To})
	}
	return true
}
