package loadtest

import (
	"slices"

	"github.com/smokesignal-go/smokesignal/internal/ranges"
)

// tally knows which numbers of a run have come. It holds no more than the holes
// between them. Its owner calls it.
type tally struct {
	next       uint64        // above all that have come
	holes      ranges.Ranges // below next, ascending
	received   uint64
	duplicates uint64
	late       uint64 // came after a higher number
}

// mostHoles bounds what a receiver remembers of a run that comes in pieces
// (16 B each). What was missing in more places stays missing, and counts as a
// duplicate if it comes.
const mostHoles = 4096

// take counts a number, and reports whether it had not come before.
func (t *tally) take(number uint64) bool {
	if number >= t.next {
		if number > t.next {
			t.holes.Add(t.next, number)
			t.forget()
		}
		t.next = number + 1 // numbers are far below the highest there is
		t.received++
		return true
	}
	if !t.holes.Take(number) {
		t.duplicates++
		return false
	}
	t.late++
	t.received++
	t.forget()
	return true
}

// forget lets the oldest hole go when there are too many.
func (t *tally) forget() {
	if len(t.holes) > mostHoles {
		t.holes = slices.Delete(t.holes, 0, 1)
	}
}
