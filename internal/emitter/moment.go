package emitter

import "time"

// Moment is a time in nanoseconds since the start of this process. It is a third as large
// as a time.Time, which saves memory because every run has one. The zero Moment means
// "unknown".
type Moment int64

var processBegan = time.Now()

// MomentOf returns the Moment of a time with a monotonic clock reading.
func MomentOf(t time.Time) Moment {
	return Moment(0).Add(t.Sub(processBegan))
}

// Add returns the Moment that is d later.
func (m Moment) Add(d time.Duration) Moment {
	if m += Moment(d); m == 0 {
		m = 1
	}
	return m
}

// Age returns the time since the Moment. It returns 0 if the Moment is unknown or in the
// future.
func (m Moment) Age() time.Duration {
	if m == 0 {
		return 0
	}
	return max(time.Since(processBegan)-time.Duration(m), 0)
}
