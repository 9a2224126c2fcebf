package roster

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
)

func TestARosterIsAList(t *testing.T) {
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		var r Roster[int]
		var entries []*Entry[int]
		var want []int
		for n := range 500 {
			if rnd.IntN(20) > int(seed) || len(entries) == 0 {
				entries, want = append(entries, r.Add(n)), append(want, n)
			} else {
				i := rnd.IntN(len(entries))
				r.Remove(entries[i])
				r.Remove(entries[i])
				entries, want = slices.Delete(entries, i, i+1), slices.Delete(want, i, i+1)
			}
			if got := r.All(); !slices.Equal(got, want) || r.Len() != len(want) {
				t.Fatalf("seed %d: %v, want %v", seed, got, want)
			}
		}
	}
}

func TestAChangeCostsTheSameHoweverLongTheList(t *testing.T) {
	bytesEach := func(n int) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var r Roster[int]
		entries := make([]*Entry[int], n)
		for i := range entries {
			entries[i] = r.Add(i)
		}
		for _, e := range entries {
			r.Remove(e)
		}
		runtime.ReadMemStats(&after)
		return (after.TotalAlloc - before.TotalAlloc) / uint64(n)
	}
	few, many := bytesEach(1000), bytesEach(16_000)
	if many > 3*few {
		t.Errorf("%d bytes each for 16,000 entries, %d for 1,000", many, few)
	}
}
