package sim

import (
	"math"
	"time"
)

// Histogram counts durations in classes that differ by 1 %, from 10 µs on. Its
// zero value is empty and ready.
type Histogram struct {
	classes []uint64
	count   uint64
	max     time.Duration
}

const (
	histogramFrom = 10 * time.Microsecond
	histogramStep = 0.00995033 // ln 1.01
)

// Add counts a duration.
func (h *Histogram) Add(d time.Duration) {
	i := 0
	if d > histogramFrom {
		i = 1 + int(math.Log(float64(d)/float64(histogramFrom))/histogramStep)
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

// Max is the longest of them.
func (h *Histogram) Max() time.Duration { return h.max }

// Quantile is the duration that a share of all do not exceed, to 1 %.
func (h *Histogram) Quantile(share float64) time.Duration {
	rank := uint64(math.Ceil(share * float64(h.count)))
	for i, n := range h.classes {
		if n >= rank && n > 0 {
			return min(time.Duration(float64(histogramFrom)*math.Exp(float64(i)*histogramStep)), h.max)
		}
		rank -= min(n, rank)
	}
	return h.max
}
