package loadtest

import (
	"testing"

	"pgregory.net/rapid"
)

func TestTallyTellsWhatCame(t *testing.T) {
	for _, story := range []struct {
		name                       string
		numbers                    []uint64
		received, duplicates, late uint64
		holes                      int
	}{
		{"nothing", nil, 0, 0, 0, 0},
		{"all in order", []uint64{0, 1, 2, 3}, 4, 0, 0, 0},
		{"the first is missing", []uint64{1, 2}, 2, 0, 0, 1},
		{"one is missing", []uint64{0, 1, 3}, 3, 0, 0, 1},
		{"one comes twice", []uint64{0, 1, 1, 2, 0}, 3, 2, 0, 0},
		{"two change places", []uint64{0, 2, 1, 3}, 4, 0, 1, 0},
		{"the middle of a hole comes late, and again", []uint64{0, 9, 5, 5}, 3, 1, 1, 2},
		{"a hole is filled from both ends", []uint64{0, 4, 1, 3, 2}, 5, 0, 3, 0},
	} {
		var tally tally
		for _, n := range story.numbers {
			tally.take(n)
		}
		if tally.received != story.received || tally.duplicates != story.duplicates || tally.late != story.late || len(tally.holes) != story.holes {
			t.Errorf("%s: %+v", story.name, tally)
		}
	}
}

// For numbers in any order, the tally counts the same as a set of all numbers would, in less
// memory.
func TestTallyCountsLikeASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var tally tally
		seen := make(map[uint64]bool)
		var highest, received, duplicates, late uint64
		for _, n := range rapid.SliceOf(rapid.Uint64Range(0, 40)).Draw(t, "numbers") {
			isNew := !seen[n]
			switch {
			case !isNew:
				duplicates++
			case n < highest:
				late++
			}
			if isNew {
				received++
			}
			seen[n] = true
			highest = max(highest, n)
			if tally.take(n) != isNew {
				t.Fatalf("number %d: new is %v", n, isNew)
			}
		}
		if tally.received != received || tally.duplicates != duplicates || tally.late != late {
			t.Fatalf("%+v; want %d received, %d duplicates, %d late", tally, received, duplicates, late)
		}
	})
}

// Made-up numbers that leave gaps, or fill them in the middle, use only bounded memory.
func TestTallyIsBounded(t *testing.T) {
	var tally tally
	for n := range uint64(3 * mostHoles) {
		tally.take(2 * n)
	}
	tally.take(1 << 40)
	for n := range uint64(3 * mostHoles) {
		tally.take(1<<39 + 2*n)
	}
	if len(tally.holes) > mostHoles {
		t.Errorf("%d holes", len(tally.holes))
	}
}
