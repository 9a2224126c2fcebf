package retry

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Resting holds keys that must not be tried for a while. Each further Add of a key
// makes its rest longer. The zero Resting is empty and ready for use. It is not safe
// for concurrent use.
type Resting struct {
	entries []rest // at most mostResting
}

type rest struct {
	key   string
	until time.Time
	times int // number of rests since the key was added
}

// mostResting bounds the keys. If there are more, the key whose rest ends first is
// dropped.
const mostResting = 64

// Add starts a rest of the key. Each Add of the same key waits longer, as the policy
// says.
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

// Has reports whether a key rests now.
func (r *Resting) Has(now time.Time, key string) bool {
	i := r.find(key)
	return i >= 0 && now.Before(r.entries[i].until)
}

// Until returns when the rest of a key ends or ended. It returns false if the key is
// unknown.
func (r *Resting) Until(key string) (at time.Time, ok bool) {
	i := r.find(key)
	if i < 0 {
		return time.Time{}, false
	}
	return r.entries[i].until, true
}

// Drop removes a key: its next rest is as short as the first.
func (r *Resting) Drop(key string) {
	if i := r.find(key); i >= 0 {
		r.entries = slices.Delete(r.entries, i, i+1)
	}
}

// Next returns the earliest time after now at which a rest ends, and false if there is
// none.
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
