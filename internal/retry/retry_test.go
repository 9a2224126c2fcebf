package retry

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func TestDelaysDoubleUpToTheLongest(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	p := Policy{Min: time.Second, Max: 10 * time.Second}
	for attempt, whole := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 10 * time.Second, 10 * time.Second} {
		shortest, longest := time.Hour, time.Duration(0)
		for range 1000 {
			d := p.Delay(attempt, rng)
			shortest, longest = min(shortest, d), max(longest, d)
		}
		if shortest < whole/2 || longest > whole || shortest > whole*6/10 || longest < whole*9/10 {
			t.Errorf("after %d failures: between %v and %v, want between half and the whole of %v", attempt, shortest, longest, whole)
		}
	}
	for _, attempt := range []int{1000, math.MaxInt32} {
		if d := p.Delay(attempt, rng); d < 5*time.Second || d > 10*time.Second {
			t.Errorf("after %d failures: %v", attempt, d)
		}
	}
	if d := (Policy{Min: time.Second, Max: time.Hour, Factor: 10}).Delay(2, rng); d < 50*time.Second || d > 100*time.Second {
		t.Errorf("with a factor of 10: %v", d)
	}
}

func TestOneSeedOneSequence(t *testing.T) {
	draw := func() (list [20]time.Duration) {
		rng := rand.New(rand.NewPCG(7, 7))
		for i := range list {
			list[i] = Policy{Min: time.Second, Max: time.Minute}.Delay(i, rng) + Upto(time.Second, rng)
		}
		return list
	}
	if first, again := draw(), draw(); first != again {
		t.Error("two sequences from one seed")
	}
}

func TestEdges(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, d := range []time.Duration{-5, 0, 1} {
		if got := Blur(d, rng); got != d {
			t.Errorf("Blur(%d) = %d", d, got)
		}
	}
	if Upto(-1, rng) != 0 || Upto(0, rng) != 0 {
		t.Error("Upto nothing is something")
	}
	if d := Blur(math.MaxInt64, rng); d < math.MaxInt64/2 {
		t.Errorf("the longest, blurred: %v", d)
	}
	var seen [2]bool
	for range 100 {
		seen[Upto(1, rng)] = true
	}
	if !seen[0] || !seen[1] {
		t.Error("both ends belong to it")
	}
}
