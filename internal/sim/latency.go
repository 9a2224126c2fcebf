package sim

import (
	"math/rand/v2"
	"time"
)

// Latency returns the random one-way delay of a new link between two nodes, which are
// given by their numbers.
type Latency func(rng *rand.Rand, from, to int) time.Duration

// Constant returns a Latency with the same delay for every link.
func Constant(d time.Duration) Latency {
	return func(*rand.Rand, int, int) time.Duration { return d }
}

// Uniform returns a Latency that draws from low to high, both included.
func Uniform(low, high time.Duration) Latency {
	return func(rng *rand.Rand, _, _ int) time.Duration {
		return low + time.Duration(rng.Int64N(int64(high-low)+1))
	}
}

// Regions simulates a WAN: node i is in region i modulo their number. A link has the delay
// between its two regions, plus up to a tenth of it.
func Regions(delays [][]time.Duration) Latency {
	k := len(delays)
	return func(rng *rand.Rand, from, to int) time.Duration {
		d := delays[from%k][to%k]
		return d + time.Duration(rng.Int64N(int64(d)/10+1))
	}
}

// World returns a matrix for [Regions]: one-way delays between and within North America's
// east and west, Europe, East Asia and South America. Each is the time of light in fibre
// for the distance, and half as much again for detours: an estimate, not a measurement.
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

// lost returns how much later a frame arrives if it is lost on the way. It is retransmitted
// after 200 ms and a round trip. If the retransmission is lost too, the next one follows
// after twice that time, and so on. Later frames of the link arrive after it.
func (n *Net) lost(lag int64) (late int64) {
	timeout := int64(200*time.Millisecond) + 2*lag
	for n.cfg.Loss > 0 && n.Rand.Float64() < n.cfg.Loss && late < int64(time.Minute) {
		late += timeout
		timeout *= 2
	}
	return late
}
