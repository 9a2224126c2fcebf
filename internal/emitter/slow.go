package emitter

import (
	"sync/atomic"
	"time"
)

// progress identifies the current call of the runner. The runner writes it with one
// atomic store per handler call, and others read it. So slow handlers are found without
// reading a clock for every event.
type progress struct {
	own uint64        // a copy of at, which only the runner uses
	at  atomic.Uint64 // number of handler and hook calls; the lowest turnBits hold how many events and hooks of the chunk have begun
}

// turnBits is enough for the number of events in a chunk, because an event has at least
// one byte. The call count takes the remaining bits. It may overflow, because it is only
// compared for equality.
const turnBits = 32

// begin counts a call. turns is how many more events or hooks have begun.
func (p *progress) begin(turns int) {
	p.own += 1<<turnBits + uint64(turns)
	p.at.Store(p.own)
}

// resetTurns sets the number of events that have begun to 0, because the runner has a new
// chunk or none.
func (p *progress) resetTurns() {
	p.own &^= 1<<turnBits - 1
	p.at.Store(p.own)
}

// begun returns how many events and hooks of the current chunk have begun.
func (p *progress) begun() int { return turnsOf(p.at.Load()) }

func turnsOf(at uint64) int { return int(at & (1<<turnBits - 1)) }

// sighting is the progress at the timer's last check.
type sighting struct {
	at       uint64    // the progress
	since    time.Time // when the timer first saw this progress
	reported bool      // OnSlow was called for this progress
}

// watchInterval is the timer's interval while handlers run.
func (e *Emitter) watchInterval() time.Duration { return max(e.config.SlowAfter/4, 1) }

// arm sets the timer when the runner begins, unless the timer is still set. The caller
// holds mu.
func (e *Emitter) arm() {
	if e.armed || e.config.SlowAfter < 0 {
		return
	}
	e.armed = true
	// The count of the call that begins now is one higher than the count of calls that
	// have ended.
	e.seen = sighting{at: e.progress.at.Load() + 1<<turnBits, since: time.Now()}
	if e.timer == nil {
		// Each tick is a goroutine. Owner: this emitter. It ends when OnSlow returns, or at
		// once if there is nothing to report. Close waits for it.
		e.timer = time.AfterFunc(e.watchInterval(), e.tick)
		return
	}
	e.timer.Reset(e.watchInterval())
}

// tick runs when the timer fires. It reports a slow call, if there is one.
func (e *Emitter) tick() {
	if name, soFar, slow := e.look(); slow {
		defer e.endLook() // even after a runtime.Goexit in OnSlow
		e.reportSlow(name, soFar)
	}
}

// look searches for a slow call, and dismisses a runner that got no work since the last
// look. It sets the timer again as long as the runner exists, so an idle emitter has no
// timer. If there is a call to report, endLook sets the timer instead.
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
		e.timer.Reset(e.watchInterval())
		return "", 0, false
	}
	now, at := time.Now(), e.progress.at.Load()
	if at>>turnBits != e.seen.at>>turnBits {
		e.seen = sighting{at: at, since: now}
	}
	soFar = now.Sub(e.seen.since)
	turn := turnsOf(at)
	if e.seen.reported || soFar < e.config.SlowAfter || e.hand == nil || turn == 0 {
		e.timer.Reset(e.watchInterval())
		return "", 0, false
	}
	e.seen.reported, e.reporting = true, true
	e.slow++
	return e.hand.nameOf(turn), soFar, true
}

// endLook ends a look after OnSlow. It wakes the methods that wait, and sets the timer
// unless the emitter is closed.
func (e *Emitter) endLook() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.reporting = false
	if e.armed = !e.closed.Load(); e.armed {
		e.timer.Reset(e.watchInterval())
	}
	e.wake()
}
