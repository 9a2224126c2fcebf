package loadtest

import (
	"slices"

	"github.com/smokesignal-go/smokesignal/internal/ranges"
)

// tally records which numbers of a run have arrived. It stores only the gaps between them.
// It does not lock; its owner does.
type tally struct {
	next       uint64        // one more than the highest number that has arrived
	holes      ranges.Ranges // the missing numbers below next, ascending
	received   uint64
	duplicates uint64
	late       uint64 // numbers that arrived after a higher one
}

// mostHoles limits how many gaps of a run are stored (16 B each). If there are more, the
// oldest is dropped: its numbers stay missing, and count as duplicates if they arrive.
const mostHoles = 4096

// take records a number, and reports whether it is new.
func (t *tally) take(number uint64) bool {
	if number >= t.next {
		if number > t.next {
			t.holes.Add(t.next, number)
			t.forget()
		}
		t.next = number + 1 // can't overflow: numbers are far below the maximum
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

// forget drops the oldest gap if there are too many.
func (t *tally) forget() {
	if len(t.holes) > mostHoles {
		t.holes = slices.Delete(t.holes, 0, 1)
	}
}
