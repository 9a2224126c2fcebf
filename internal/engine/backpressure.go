package engine

import (
	"context"
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/emitter"
	"github.com/smokesignal-go/smokesignal/internal/flowcontrol"
	"github.com/smokesignal-go/smokesignal/internal/logging"
)

// Back-pressure. What is to be pushed on a link waits in the history, and the
// link's writer takes it from there, one outbox at a time; what the handlers are
// to run waits in their queue. When too much waits for a link or for the handlers,
// all who emit are asked to emit less (package pace), and this node's own emitters
// wait besides until the link has caught up. Readers do not wait, so nothing can
// wait for itself, and what goes to one neighbour is not held up by another; but
// see brake, which has an end. Nothing is dropped, and nothing grows.
//
// Emitters wait for a link or for handlers no longer than patience. After that a link is
// slow: it still takes its events from the history as long as these are there, but delays
// no emitter until it has caught up. Slow handlers use up their own queue.

const (
	// lagFull is how many bytes of events may wait for a link. Half a second of a
	// 10 Mbit/s network, and thousands of small events.
	lagFull = 512 << 10

	// patience is how long one link, or the handlers, may hold others up. A guess:
	// many round trips of a slow network, and less than makes a peer seem dead.
	patience = 2 * time.Second

	// persists is how long a link or the handlers must be behind until that counts as
	// more than a burst. A guess.
	persists = 50 * time.Millisecond

	// inEarnest is for how long emitters are asked to emit less, before they are
	// asked to stop for a moment.
	inEarnest = 250 * time.Millisecond

	// How long and how many times a reader waits in brake.
	brakeStep  = 5 * time.Millisecond
	brakeSteps = 50
)

// pressure is what waits in one life of a node. driver.mu guards it.
type pressure struct {
	lagFull int // as the constant, or an eighth of the history if that is less
	lagMost int // beyond that, what waits for a link is about to leave the history

	behind    []*link       // that events wait for
	congested []*link       // of them those for which many do
	room      chan struct{} // closed when one of them has caught up; nil while no emitter waits

	danger     bool      // events will be lost if more come now
	pressed    time.Time // since when this node is behind; zero: it is not
	busySince  time.Time // when the handlers fell behind; zero: they keep up
	verifies   bool      // every event; see take
	shortSince time.Time // when events began to be missing that may be lost; zero: none are
}

// measure finds out for what too much waits now, and for what no longer: links
// are relieved not only by being filled, also by turning lazy. The caller holds
// mu.
func (d *Driver) measure(now time.Time) {
	for i := len(d.congested) - 1; i >= 0; i-- {
		if l := d.congested[i]; d.machine.Lag(l.id) < d.lagFull/2 {
			d.relieve(l)
		}
	}
	most := 0 // of what waits for a link that is not slow yet
	for _, l := range d.behind {
		lag := d.machine.Lag(l.id)
		if !l.full && lag >= d.lagFull {
			l.full, l.fullSince = true, now
			d.congested = append(d.congested, l)
		}
		switch since := now.Sub(l.fullSince); {
		case !l.full:
		case since >= patience:
			d.giveUpOn(l, lag)
		case since >= persists || lag >= 4*d.lagFull:
			most = max(most, lag)
		}
	}
	d.danger = most >= d.lagMost
	busy, short := d.areHandlersBusy(now), d.isShort(now)
	if most > 0 || busy || short {
		if d.pressed.IsZero() {
			d.pressed = now
		}
		stop := time.Duration(0)
		if now.Sub(d.pressed) > inEarnest || d.danger || short {
			stop = flowcontrol.MostStop
		}
		d.machine.Press(now, stop, d.out())
	} else {
		d.pressed = time.Time{}
	}
}

// giveUpOn logs that emitters wait for the link no longer: once until it has caught up.
// The caller holds mu.
func (d *Driver) giveUpOn(l *link, lag int) {
	if l.isSlow {
		return
	}
	l.isSlow = true
	d.afterwards(func() {
		d.log.About(l.addr).Warn("a neighbour is slow: its events wait in the history, and what leaves that first it has to pull from others",
			logging.Fields{"peer": l.addr, "bytes": lag})
	})
}

// isShort reports whether this node misses events that others will not have for
// long, and has not missed them for too long. The caller holds mu.
func (d *Driver) isShort(now time.Time) bool {
	if !d.machine.IsShort(now) {
		d.shortSince = time.Time{}
		return false
	}
	if d.shortSince.IsZero() {
		d.shortSince = now
	}
	return now.Sub(d.shortSince) < patience
}

// areHandlersBusy reports whether the handlers are behind, and emitters still wait for
// them. The caller holds mu.
func (d *Driver) areHandlersBusy(now time.Time) bool {
	if d.events.Backpressure() == nil {
		d.busySince = time.Time{}
		return false
	}
	if d.busySince.IsZero() {
		d.busySince = now
	}
	if now.Sub(d.busySince) >= patience {
		return false
	}
	if s := d.events.Stats(); s.Queued >= emitter.DefaultQueueEvents/2 || s.QueuedBytes >= emitter.DefaultQueueBytes/2 {
		d.danger = true
	}
	return now.Sub(d.busySince) >= persists
}

// brake makes a reader wait if events would be lost otherwise. Emitters have been asked to
// stop by then, but events that are on their way still arrive. The wait is bounded, so that
// no node waits for itself for long.
func (d *Driver) brake() {
	for range brakeSteps {
		d.mu.Lock()
		if d.machine != nil {
			d.settle(time.Now())
		}
		danger := d.danger && d.machine != nil
		d.unlock((*link).writeSoon)
		if !danger {
			return
		}
		time.Sleep(brakeStep)
	}
}

// fill has the machine fill the outbox of a link, and reports whether there is
// more. The link's writer calls it.
func (d *Driver) fill(l *link) (more bool) {
	d.mu.Lock()
	defer d.unlock((*link).writeSoon)
	if d.machine == nil || d.links[l.id] != l {
		l.ready.Store(false)
		return false
	}
	now := time.Now()
	more = d.machine.Fill(now, l.id, l.makeRoom(), d.out())
	if !more {
		l.ready.Store(false)
		d.behind = slices.DeleteFunc(d.behind, func(x *link) bool { return x == l })
	}
	d.settle(now)
	return more
}

// makesRoom lets those go on who wait for room in the outbox of a link.
func (d *Driver) makesRoom() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.openRoom()
}

func (d *Driver) openRoom() {
	if d.room != nil {
		close(d.room)
		d.room = nil
	}
}

// relieve takes a link off the list of those that hold others up. The caller
// holds mu.
func (d *Driver) relieve(l *link) {
	if l.full {
		l.full, l.isSlow = false, false
		d.congested = slices.DeleteFunc(d.congested, func(x *link) bool { return x == l })
	}
	d.openRoom()
}

// forget takes a link off all lists. The caller holds mu.
func (d *Driver) forget(l *link) {
	delete(d.links, l.id)
	d.bringers.left(l)
	d.stir()
	d.behind = slices.DeleteFunc(d.behind, func(x *link) bool { return x == l })
	d.relieve(l)
}

// isFull reports whether the outbox has no room for an event that is for this peer
// only. If so, Driver.room is closed when it has. The caller holds Driver.mu.
func (l *link) isFull() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	full := len(l.out) >= outboxFull
	l.awaited = l.awaited || full
	return full
}

// heldUp is for how long the links of this node still hold its emitters up, at
// most. The caller holds mu.
func (d *Driver) heldUp(now time.Time) (wait time.Duration) {
	for _, l := range d.congested {
		wait = max(wait, patience-now.Sub(l.fullSince))
	}
	return wait
}

// awaitRoom waits until no link of this node delays emitters, and if paced is set, also
// until no other node asks them to wait. If there is no error, it returns with mu held.
func (d *Driver) awaitRoom(ctx context.Context, paced bool) error {
	d.mu.Lock()
	for d.machine != nil {
		var room chan struct{}
		now := time.Now()
		wait := d.heldUp(now)
		if wait > 0 {
			if d.room == nil {
				d.room = make(chan struct{})
			}
			room = d.room
		} else if paced {
			wait = d.machine.Pace(now)
		}
		if wait <= 0 {
			break
		}
		d.mu.Unlock()
		timer := time.NewTimer(wait)
		select {
		case <-room:
		case <-timer.C:
		case <-ctx.Done():
		case <-d.ctx.Done():
		}
		timer.Stop()
		d.counters.Waited.Add(int64(time.Since(now)))
		if err := ctx.Err(); err != nil {
			return err
		}
		d.mu.Lock()
	}
	return nil
}
