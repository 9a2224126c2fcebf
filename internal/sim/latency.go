package sim

import (
	"math/rand/v2"
	"time"
)

// Latency draws the one-way delay of a new link between two nodes, by their
// numbers.
type Latency func(rng *rand.Rand, from, to int) time.Duration

// Constant is the same delay for every link.
func Constant(d time.Duration) Latency {
	return func(*rand.Rand, int, int) time.Duration { return d }
}

// Uniform draws a delay between two bounds, both included.
func Uniform(low, high time.Duration) Latency {
	return func(rng *rand.Rand, _, _ int) time.Duration {
		return low + time.Duration(rng.Int64N(int64(high-low)+1))
	}
}

// Regions is a WAN: node i is in region i modulo their number, and a link takes
// the delay of its two regions and up to a tenth more.
func Regions(delays [][]time.Duration) Latency {
	k := len(delays)
	return func(rng *rand.Rand, from, to int) time.Duration {
		d := delays[from%k][to%k]
		return d + time.Duration(rng.Int64N(int64(d)/10+1))
	}
}

// World is a matrix for [Regions]: one-way delays between North America's east
// and west, Europe, East Asia and South America, and within each. They are what
// light in fibre needs for the way, and a half more for detours: an estimate,
// not a measurement.
func World() [][]time.Duration {
	ms := [5][5]time.Duration{
		{1, 32, 42, 85, 58},
		{32, 1, 70, 55, 87},
		{42, 70, 1, 110, 95},
		{85, 55, 110, 1, 135},
		{58, 87, 95, 135, 1},
	}
	var delays [][]time.Duration
	for _, row := range ms {
		delays = append(delays, nil)
		for _, d := range row {
			last := len(delays) - 1
			delays[last] = append(delays[last], d*time.Millisecond)
		}
	}
	return delays
}

// lost is how much later than others a frame arrives that is lost on the way: by
// a retransmission after 200 ms and a round trip, and if that is lost too, by
// twice as much, and so on. What follows on the link arrives after it.
func (n *Net) lost(lag int64) (late int64) {
	timeout := int64(200*time.Millisecond) + 2*lag
	for n.cfg.Loss > 0 && n.Rand.Float64() < n.cfg.Loss && late < int64(time.Minute) {
		late += timeout
		timeout *= 2
	}
	return late
}
