package emitter

import (
	"sync/atomic"
	"time"
)

// progress says which call the runner is at. The runner writes it, with one
// atomic store for each call of a handler; whoever wants to know reads it. So a
// slow handler is noticed without a clock being read for every event.
type progress struct {
	own uint64        // what is in at, for the runner
	at  atomic.Uint64 // calls of handlers and hooks; below turnBits how many events and hooks of the chunk in hand have begun
}

// turnBits are enough for what a chunk holds: an event has a byte at least. Of
// the calls only a change matters, so what is left of them for the count may
// overflow.
const turnBits = 32

// begin notes that so many further events or hooks have begun, and a call.
func (p *progress) begin(turns int) {
	p.own += 1<<turnBits + uint64(turns)
	p.at.Store(p.own)
}

// fresh notes that a new chunk is in hand, or none.
func (p *progress) fresh() {
	p.own &^= 1<<turnBits - 1
	p.at.Store(p.own)
}

// begun is how many events and hooks of the chunk in hand have begun.
func (p *progress) begun() int { return turnsOf(p.at.Load()) }

func turnsOf(at uint64) int { return int(at & (1<<turnBits - 1)) }

// sighting is what the timer saw when it looked last.
type sighting struct {
	at    uint64    // the progress
	since time.Time // when it was seen first
	told  bool      // OnSlow knows
}

// lookEvery is how often the timer looks while handlers run.
func (e *Emitter) lookEvery() time.Duration { return max(e.config.SlowAfter/4, 1) }

// arm sets the timer as the runner begins, unless it is set still from the time
// before. The caller holds mu.
func (e *Emitter) arm() {
	if e.armed || e.config.SlowAfter < 0 {
		return
	}
	e.armed = true
	// The call that begins now is the one after those that ended.
	e.seen = sighting{at: e.progress.at.Load() + 1<<turnBits, since: time.Now()}
	if e.timer == nil {
		// Each tick is a goroutine. Owner: this emitter. It ends when OnSlow
		// returns, at once where there is nothing to tell. Close waits for it.
		e.timer = time.AfterFunc(e.lookEvery(), e.tick)
		return
	}
	e.timer.Reset(e.lookEvery())
}

// tick is the timer: it looks for a slow call, and tells of it.
func (e *Emitter) tick() {
	if name, soFar, slow := e.look(); slow {
		defer e.told() // after a runtime.Goexit in OnSlow too
		e.tellSlow(name, soFar)
	}
}

// look finds a slow call, and sends the runner home that nobody has called since
// the last look. It sets the timer again for as long as the runner lives: an idle
// emitter has no timer. Where there is something to tell, told sets it.
func (e *Emitter) look() (name string, soFar time.Duration, slow bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	recalled := e.recalled
	e.recalled = false
	switch {
	case e.closed.Load(), !e.running && !recalled:
		e.armed = false
		e.dismiss()
		return "", 0, false
	case !e.running:
		e.timer.Reset(e.lookEvery())
		return "", 0, false
	}
	now, at := time.Now(), e.progress.at.Load()
	if at>>turnBits != e.seen.at>>turnBits {
		e.seen = sighting{at: at, since: now}
	}
	soFar = now.Sub(e.seen.since)
	turn := turnsOf(at)
	if e.seen.told || soFar < e.config.SlowAfter || e.hand == nil || turn == 0 {
		e.timer.Reset(e.lookEvery())
		return "", 0, false
	}
	e.seen.told, e.telling = true, true
	e.slow++
	return e.hand.nameOf(turn), soFar, true
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
