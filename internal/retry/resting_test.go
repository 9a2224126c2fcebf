package retry

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

func TestARestGrowsAndEnds(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	p := Policy{Min: time.Second, Max: 8 * time.Second}
	now := time.Unix(1000, 0)
	var r Resting
	if r.Has(now, "a") {
		t.Error("it rests before it was added")
	}
	for _, most := range []time.Duration{1, 2, 4, 8, 8} {
		r.Add(now, "a", p, rng)
		end, ok := r.Next(now)
		if d := end.Sub(now); !ok || d > most*time.Second || d < most*time.Second/2 {
			t.Fatalf("it rests for %v, want %d s at most", d, most)
		}
		if !r.Has(end.Add(-1), "a") || r.Has(end, "a") {
			t.Error("it does not end when it says")
		}
		if _, more := r.Next(end); more {
			t.Error("it ends twice")
		}
		now = end
	}
	r.Drop("a")
	r.Add(now, "a", p, rng)
	if end, _ := r.Next(now); end.Sub(now) > time.Second {
		t.Error("it was not forgotten")
	}
}

func TestRestsAreBounded(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	now := time.Unix(1000, 0)
	var r Resting
	for i := range 1000 {
		r.Add(now, fmt.Sprint(i), Policy{Min: time.Second, Max: time.Second}, rng)
	}
	if len(r.entries) != mostResting || !r.Has(now, "999") {
		t.Errorf("%d entries", len(r.entries))
	}
}
