// Package retry computes the delays between attempts. The delay doubles from Min to
// Max. It is then blurred, so that nodes that failed together do not retry together.
//
// The curve is that of jpillora/backoff. The jitter of that package draws from the
// random source of the process, which would make simulations unrepeatable. The jitter
// here comes from a source that the caller passes. All functions are safe for
// concurrent use if the source is.
package retry

import (
	"math/rand/v2"
	"time"

	"github.com/jpillora/backoff"
)

// Policy defines how long to wait after the n-th failure.
type Policy struct {
	Min, Max time.Duration
	Factor   float64 // 0 means 2
}

// Delay returns the wait after the given number of earlier failures (0 for the first):
// between half and all of Min·Factor^attempt, and at most Max.
func (p Policy) Delay(attempt int, rng *rand.Rand) time.Duration {
	curve := backoff.Backoff{Min: p.Min, Max: p.Max, Factor: p.Factor}
	return Blur(curve.ForAttempt(float64(attempt)), rng)
}

// Blur draws a duration between d/2 and d.
func Blur(d time.Duration, rng *rand.Rand) time.Duration {
	if d < 2 {
		return d
	}
	return d/2 + time.Duration(rng.Int64N(int64(d/2)+1))
}

// Upto draws a duration between 0 and d, both inclusive.
func Upto(d time.Duration, rng *rand.Rand) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(rng.Int64N(int64(d) + 1))
}
