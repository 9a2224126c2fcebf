package emitter

import (
	"sync/atomic"
	"time"
)

// progress says which run the runner is at. The runner writes it, with one
// atomic store for each run of a handler; whoever wants to know reads it. So a
// slow handler is noticed without a clock being read for every event.
type progress struct {
	runs uint64        // of handlers and hooks; the runner's own
	at   atomic.Uint64 // runs, and in the lowest byte how many items of the batch in hand have begun
}

const itemBits = 8 // a batch has fewer items than 1<<itemBits

// begin notes a run for the item-th item of the batch in hand, counted from 1.
func (p *progress) begin(item int) {
	p.runs++
	p.at.Store(p.runs<<itemBits | uint64(item))
}

// fresh notes that a new batch is in hand, or none.
func (p *progress) fresh() { p.at.Store(p.runs << itemBits) }

// begun is how many items of the batch in hand have begun.
func (p *progress) begun() int { return int(p.at.Load() & (1<<itemBits - 1)) }

// sighting is what the timer saw when it looked last.
type sighting struct {
	at    uint64    // the progress
	since time.Time // when it was seen first
	told  bool      // OnSlow knows
}

// lookEvery is how often the timer looks while handlers run.
func (e *Emitter) lookEvery() time.Duration { return max(e.config.SlowAfter/4, 1) }

// arm sets the timer as a run begins, unless it is set still from the last one.
// The caller holds mu.
func (e *Emitter) arm() {
	if e.armed || e.config.SlowAfter < 0 {
		return
	}
	e.armed = true
	// The run that begins now is the one after those that ended.
	e.seen = sighting{at: e.progress.at.Load() + 1<<itemBits, since: time.Now()}
	if e.timer == nil {
		// Each tick is a goroutine. Owner: this emitter. It ends when OnSlow
		// returns, at once where there is nothing to tell. Close waits for it.
		e.timer = time.AfterFunc(e.lookEvery(), e.tick)
		return
	}
	e.timer.Reset(e.lookEvery())
}

// tick is the timer: it looks for a slow run, and tells of it.
func (e *Emitter) tick() {
	if name, soFar, slow := e.look(); slow {
		defer e.told() // after a runtime.Goexit in OnSlow too
		e.tellSlow(name, soFar)
	}
}

// look finds a slow run. It sets the timer again for as long as the runner
// lives: an idle emitter has no timer. Where there is something to tell, told
// sets it.
func (e *Emitter) look() (name string, soFar time.Duration, slow bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed.Load() || !e.running {
		e.armed = false
		return "", 0, false
	}
	now, at := time.Now(), e.progress.at.Load()
	if at>>itemBits != e.seen.at>>itemBits {
		e.seen = sighting{at: at, since: now}
	}
	soFar = now.Sub(e.seen.since)
	item := e.progress.begun()
	if e.seen.told || soFar < e.config.SlowAfter || e.hand == nil || item == 0 {
		e.timer.Reset(e.lookEvery())
		return "", 0, false
	}
	e.seen.told, e.telling = true, true
	e.slow++
	return e.hand.items[item-1].event.Name, soFar, true
}

// told ends what look began.
func (e *Emitter) told() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.telling = false
	if e.armed = !e.closed.Load(); e.armed {
		e.timer.Reset(e.lookEvery())
	}
	e.wake()
}
