package loadtest

import "slices"

// tally knows which numbers of a run have come. It holds no more than the holes
// between them. Its owner calls it.
type tally struct {
	next       uint64 // above all that have come
	holes      []hole // below next, ascending
	received   uint64
	duplicates uint64
	late       uint64 // came after a higher number
}

// hole is numbers that have not come: from ≤ n < to.
type hole struct{ from, to uint64 }

// mostHoles bounds what a receiver remembers of a run that comes in pieces
// (16 B each). What was missing in more places stays missing, and counts as a
// duplicate if it comes.
const mostHoles = 4096

// take counts a number, and reports whether it had not come before.
func (t *tally) take(number uint64) bool {
	if number >= t.next {
		if number > t.next {
			t.holes = append(t.holes, hole{t.next, number})
			t.forget()
		}
		t.next = number + 1 // numbers are far below the highest there is
		t.received++
		return true
	}
	i, found := slices.BinarySearchFunc(t.holes, number, func(h hole, n uint64) int {
		switch {
		case n < h.from:
			return 1
		case n >= h.to:
			return -1
		}
		return 0
	})
	if !found {
		t.duplicates++
		return false
	}
	t.late++
	t.received++
	h := t.holes[i]
	var rest []hole
	if h.from < number {
		rest = append(rest, hole{h.from, number})
	}
	if number+1 < h.to {
		rest = append(rest, hole{number + 1, h.to})
	}
	t.holes = slices.Replace(t.holes, i, i+1, rest...)
	t.forget()
	return true
}

// forget lets the oldest hole go when there are too many.
func (t *tally) forget() {
	if len(t.holes) > mostHoles {
		t.holes = slices.Delete(t.holes, 0, 1)
	}
}
