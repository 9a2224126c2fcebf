package check

import "slices"

// ranges is a set of numbers, kept as ascending ranges that do not touch.
type ranges []span

type span struct{ from, to uint64 } // from ≤ n < to

// add puts in a range that lies behind all others.
func (r *ranges) add(from, to uint64) {
	if from < to {
		*r = append(*r, span{from, to})
	}
}

// take removes one number, and reports whether it was there.
func (r *ranges) take(n uint64) bool {
	i, found := slices.BinarySearchFunc(*r, n, func(s span, n uint64) int {
		switch {
		case s.to <= n:
			return -1
		case s.from > n:
			return 1
		}
		return 0
	})
	if !found {
		return false
	}
	s := (*r)[i]
	switch {
	case s.from+1 == s.to:
		*r = slices.Delete(*r, i, i+1)
	case n == s.from:
		(*r)[i].from++
	case n == s.to-1:
		(*r)[i].to--
	default:
		(*r)[i].to = n
		*r = slices.Insert(*r, i+1, span{n + 1, s.to})
	}
	return true
}
