package logging

import (
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

const (
	repeatAfter = 10 * time.Second // a guess: the log stays readable, and shows that the problem lasts
	manyKeys    = 1024             // a guess: about 100 kB; further keys of a message count as one
)

type repeatKey struct {
	level        logrus.Level
	message, key string
}

// repeats records which messages were written within the last repeatAfter.
type repeats struct {
	now func() time.Time

	mu   sync.Mutex // guards seen
	seen map[repeatKey]*repetition
}

// repetition is the record of one message.
type repetition struct {
	written time.Time
	left    int // how many repetitions were left out since then
}

// allow reports whether a message may be written now. If so, left is the number of its
// repetitions that were left out since the last one was written.
func (r *repeats) allow(key repeatKey) (left int, ok bool) {
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.seen[key]; !known {
		r.forget(now)
		if len(r.seen) >= manyKeys {
			key.key = "" // all new keys of this message share one entry
		}
	}
	if r.seen == nil {
		r.seen = make(map[repeatKey]*repetition)
	}
	last, known := r.seen[key]
	if !known {
		r.seen[key] = &repetition{written: now}
		return 0, true
	}
	if now.Sub(last.written) < repeatAfter {
		last.left++
		return 0, false
	}
	left = last.left
	*last = repetition{written: now}
	return left, true
}

// forget makes room if there are many entries. It removes those whose message may be
// written again anyway.
func (r *repeats) forget(now time.Time) {
	if len(r.seen) < manyKeys {
		return
	}
	for key, last := range r.seen {
		if now.Sub(last.written) >= repeatAfter {
			delete(r.seen, key)
		}
	}
}
