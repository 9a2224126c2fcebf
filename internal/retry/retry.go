// Package retry spaces attempts out: the delay doubles from Min to Max and is
// then blurred, so that many nodes that failed together do not retry together.
//
// The curve is jpillora/backoff's. Its own jitter draws from the process-wide
// random source, which would make a simulation unrepeatable, so the jitter here
// comes from a source that the caller hands in. Values are safe for concurrent
// use as long as the source is.
package retry

import (
	"math/rand/v2"
	"time"

	"github.com/jpillora/backoff"
)

// Policy says how long to wait after the n-th failure.
type Policy struct {
	Min, Max time.Duration
	Factor   float64 // 0 means 2
}

// Delay is the wait after attempt failures (0 for the first), between half and
// the whole of Min·Factor^attempt, never more than Max.
func (p Policy) Delay(attempt int, rng *rand.Rand) time.Duration {
	curve := backoff.Backoff{Min: p.Min, Max: p.Max, Factor: p.Factor}
	return Blur(curve.ForAttempt(float64(attempt)), rng)
}

// Blur draws a duration between half of d and d.
func Blur(d time.Duration, rng *rand.Rand) time.Duration {
	if d < 2 {
		return d
	}
	return d/2 + time.Duration(rng.Int64N(int64(d/2)+1))
}

// Upto draws a duration between 0 and d, both included.
func Upto(d time.Duration, rng *rand.Rand) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(rng.Int64N(int64(d) + 1))
}
