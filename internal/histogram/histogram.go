// Package histogram counts durations and gives their quantiles, in memory that
// does not grow with their number.
package histogram

import (
	"math"
	"time"
)

// Histogram counts durations in classes that differ by 1 %, from 10 µs on; what
// is shorter is one class. Its zero value is empty and ready. It takes 25 kB at
// most, for durations of hundreds of years. It has one owner, who locks where
// that is more than one goroutine.
type Histogram struct {
	classes []uint64
	count   uint64
	max     time.Duration
}

// Shortest is the end of the first class: a quantile that is exactly this may
// be shorter.
const Shortest = 10 * time.Microsecond

const step = 0.00995033 // ln 1.01

// Add counts a duration. One below zero counts as the shortest.
func (h *Histogram) Add(d time.Duration) {
	i := 0
	if d > Shortest {
		i = 1 + int(math.Log(float64(d)/float64(Shortest))/step)
	}
	for len(h.classes) <= i {
		h.classes = append(h.classes, 0)
	}
	h.classes[i]++
	h.count++
	h.max = max(h.max, d)
}

// Count is how many durations were added.
func (h *Histogram) Count() uint64 { return h.count }

// Max is the longest of them, exactly.
func (h *Histogram) Max() time.Duration { return h.max }

// Quantile is the duration that a share of all do not exceed, 0 to 1: up to 1 %
// too long. It is 0 where nothing was added.
func (h *Histogram) Quantile(share float64) time.Duration {
	rank := uint64(math.Ceil(share * float64(h.count)))
	for i, n := range h.classes {
		if n >= rank && n > 0 {
			if end := float64(Shortest) * math.Exp(float64(i)*step); end < float64(h.max) {
				return time.Duration(end)
			}
			return h.max
		}
		rank -= min(n, rank)
	}
	return h.max
}
