package logging

import (
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

const (
	repeatAfter = 10 * time.Second // a guess: readable, and an operator still sees that it goes on
	manyKeys    = 1024             // a guess: about 100 kB; further keys of a message count as one
)

type repeatKey struct {
	level        logrus.Level
	message, key string
}

// repeats knows which messages were written lately.
type repeats struct {
	now func() time.Time

	mu   sync.Mutex // guards seen
	seen map[repeatKey]*repetition
}

// repetition is one message that was written.
type repetition struct {
	written time.Time
	left    int // out since then
}

// allow reports whether a message may be written now, and how many like it have
// been left out since the last one.
func (r *repeats) allow(key repeatKey) (left int, ok bool) {
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.seen[key]; !known {
		r.forget(now)
		if len(r.seen) >= manyKeys {
			key.key = "" // there are as many as messages, which are fixed texts
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

// forget makes room when there are many messages: those go that may be written
// again anyway.
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
