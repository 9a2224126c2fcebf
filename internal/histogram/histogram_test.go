package histogram

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

var shares = []float64{0, 0.5, 0.9, 0.99, 0.999, 1}

// wantQuantiles compares the quantiles with those of the sorted durations.
func wantQuantiles(t *testing.T, durations []time.Duration) {
	t.Helper()
	var h Histogram
	for _, d := range durations {
		h.Add(d)
	}
	slices.Sort(durations)
	for _, share := range shares {
		rank := max(int(math.Ceil(share*float64(len(durations)))), 1)
		is := durations[rank-1]
		if got := h.Quantile(share); float64(got) < float64(is)*0.99999 || float64(got) > float64(is)*1.0101 {
			t.Errorf("quantile %g is %v, want %v or up to 1 %% more", share, got, is)
		}
	}
	if last := durations[len(durations)-1]; h.Max() != last || h.Count() != uint64(len(durations)) {
		t.Errorf("%d durations, at most %v; want %d and %v", h.Count(), h.Max(), len(durations), last)
	}
}

func TestQuantilesOfKnownDistributions(t *testing.T) {
	const n = 20_000
	random := rand.New(rand.NewPCG(1, 2))
	for name, draw := range map[string]func() time.Duration{
		"all the same":       func() time.Duration { return 5 * time.Millisecond },
		"uniform":            func() time.Duration { return time.Millisecond + time.Duration(random.Int64N(int64(time.Second))) },
		"exponential":        func() time.Duration { return 10*time.Microsecond + time.Duration(random.ExpFloat64()*1e6) },
		"one in 500 is slow": func() time.Duration { return time.Duration(1+random.IntN(500)/499*999) * time.Millisecond },
	} {
		t.Run(name, func(t *testing.T) {
			durations := make([]time.Duration, n)
			for i := range durations {
				durations[i] = draw()
			}
			wantQuantiles(t, durations)
		})
	}
}

func TestEdges(t *testing.T) {
	var h Histogram
	if h.Quantile(0.5) != 0 || h.Count() != 0 || h.Max() != 0 {
		t.Error("an empty one has a median")
	}
	h.Add(-time.Second)
	h.Add(time.Nanosecond)
	if got := h.Quantile(1); got != time.Nanosecond {
		t.Errorf("the longest of two short ones is %v", got)
	}
	h.Add(math.MaxInt64)
	if got := h.Quantile(1); got != math.MaxInt64 && got < math.MaxInt64/100*98 {
		t.Errorf("the longest that there is becomes %v", got)
	}
	if len(h.classes) > 4000 {
		t.Errorf("%d classes", len(h.classes))
	}
}

func TestAddAllocatesNothing(t *testing.T) {
	var h Histogram
	h.Add(time.Hour)
	if n := testing.AllocsPerRun(100, func() { h.Add(time.Millisecond) }); n != 0 {
		t.Errorf("%g allocations", n)
	}
}
