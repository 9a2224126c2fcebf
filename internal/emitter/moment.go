package emitter

import "time"

// Moment is a time as a run carries it: in the nanoseconds since this process
// began, which is a third of a time.Time. The zero Moment means "not known".
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

// Age returns how long ago the Moment was, and 0 if it is not known or yet to come.
func (m Moment) Age() time.Duration {
	if m == 0 {
		return 0
	}
	return max(time.Since(processBegan)-time.Duration(m), 0)
}
