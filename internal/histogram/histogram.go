// Package histogram counts durations and computes their quantiles. Its memory does not
// grow with the number of durations.
package histogram

import (
	"math"
	"time"
)

// Histogram counts durations in classes that are 1 % wide, from 10 µs up. All shorter
// durations share the first class. The zero value is empty and ready for use. It needs
// at most 25 kB, even for durations of hundreds of years. If several goroutines use it,
// the owner must lock it.
type Histogram struct {
	classes []uint64
	count   uint64
	max     time.Duration
}

// Shortest is the upper end of the first class. A quantile equal to Shortest may be
// shorter.
const Shortest = 10 * time.Microsecond

const step = 0.00995033 // ln 1.01

// Add counts a duration. A negative duration counts as the shortest.
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

// Count returns the number of durations added.
func (h *Histogram) Count() uint64 { return h.count }

// Max returns the longest duration, exactly.
func (h *Histogram) Max() time.Duration { return h.max }

// Quantile returns the duration that the given share (0 to 1) of all durations do not
// exceed. The result is at most 1 % too long. It is 0 if the histogram is empty.
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
