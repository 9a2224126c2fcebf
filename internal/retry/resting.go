package retry

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Resting holds the keys that are not to be tried for a while, each for longer every
// time. The zero Resting is empty and ready for use. It may not be used by two
// goroutines at once.
type Resting struct {
	entries []rest // at most mostResting
}

type rest struct {
	key   string
	until time.Time
	times int // in a row
}

// mostResting bounds the keys. If there are more, the one whose rest ends first goes.
const mostResting = 64

// Add has a key rest, for longer than the last time.
func (r *Resting) Add(now time.Time, key string, p Policy, rng *rand.Rand) {
	i := r.find(key)
	if i < 0 {
		if len(r.entries) >= mostResting {
			first := 0
			for j := range r.entries {
				if r.entries[j].until.Before(r.entries[first].until) {
					first = j
				}
			}
			r.entries = slices.Delete(r.entries, first, first+1)
		}
		r.entries = append(r.entries, rest{key: key})
		i = len(r.entries) - 1
	}
	e := &r.entries[i]
	e.until = now.Add(p.Delay(e.times, rng))
	e.times++
}

// Has reports whether a key rests.
func (r *Resting) Has(now time.Time, key string) bool {
	i := r.find(key)
	return i >= 0 && now.Before(r.entries[i].until)
}

// Until is when the rest of a key ends, or has ended.
func (r *Resting) Until(key string) (at time.Time, ok bool) {
	i := r.find(key)
	if i < 0 {
		return time.Time{}, false
	}
	return r.entries[i].until, true
}

// Drop forgets a key: the next Add has it rest as shortly as the first time.
func (r *Resting) Drop(key string) {
	if i := r.find(key); i >= 0 {
		r.entries = slices.Delete(r.entries, i, i+1)
	}
}

// Next is the first time after now at which a rest ends.
func (r *Resting) Next(now time.Time) (at time.Time, ok bool) {
	for i := range r.entries {
		if u := r.entries[i].until; u.After(now) && (!ok || u.Before(at)) {
			at, ok = u, true
		}
	}
	return at, ok
}

func (r *Resting) find(key string) int {
	return slices.IndexFunc(r.entries, func(e rest) bool { return e.key == key })
}
