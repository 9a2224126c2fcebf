package ranges

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestTakeSplitsARange(t *testing.T) {
	var r Ranges
	r.Add(3, 3) // empty
	r.Add(3, 8)
	r.Add(10, 11)
	for _, n := range []uint64{5, 3, 7, 10} {
		if !r.Take(n) || r.Take(n) {
			t.Errorf("%d is taken once", n)
		}
	}
	if r.Take(2) || r.Take(8) || r.Take(11) {
		t.Error("a number that was not there is taken")
	}
	if want := (Ranges{{4, 5}, {6, 7}}); !slices.Equal(r, want) {
		t.Errorf("%v are left, want %v", r, want)
	}
}

// Ranges behave like a map of numbers, in any order of calls.
func TestRangesAreASet(t *testing.T) {
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 1))
		var r Ranges
		set := make(map[uint64]bool)
		for next := uint64(0); next < 100; {
			from := next + random.Uint64N(3) + 1
			next = from + random.Uint64N(5)
			r.Add(from, next)
			for n := from; n < next; n++ {
				set[n] = true
			}
		}
		for range 300 {
			n := random.Uint64N(110)
			if r.Take(n) != set[n] {
				t.Fatalf("seed %d: %d was there: %v", seed, n, set[n])
			}
			delete(set, n)
		}
	}
}
