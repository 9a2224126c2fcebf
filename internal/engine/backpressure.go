package engine

import (
	"context"
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/emitter"
	"github.com/smokesignal-go/smokesignal/internal/flowcontrol"
	"github.com/smokesignal-go/smokesignal/internal/logging"
)

// Back-pressure. Events that must be pushed on a link wait in the history, from which the
// link's writer takes them, one outbox at a time. Events for the handlers wait in their
// queue. If too many events wait for a link or for the handlers, this node asks all
// emitters of the network to emit less (package flowcontrol). Its own emitters also wait
// until the link has caught up. Readers do not wait, except for a limited time in brake.
// So nodes cannot wait for each other in a circle, and a slow link does not delay the
// events for other neighbours. No event is dropped, and no queue grows without a bound.
//
// Emitters wait for a link or for handlers no longer than patience. After that the link
// counts as slow. It still takes its events from the history as long as the history holds
// them, but it delays no emitter until it has caught up. Events for slow handlers fill
// the queue of these handlers.

const (
	// lagFull is how many bytes of events may wait for a link before the link counts as
	// full. A 10 Mbit/s network carries that in half a second. The limit holds thousands
	// of small events.
	lagFull = 512 << 10

	// patience is how long one link, or the handlers, may delay emitters. A guess: many
	// round trips of a slow network, and shorter than the silence after which a peer counts
	// as dead.
	patience = 2 * time.Second

	// persists is how long a link or the handlers must be behind before this node asks
	// emitters to emit less. A node that is behind for a shorter time has only received a
	// burst. A guess.
	persists = 50 * time.Millisecond

	// inEarnest is how long emitters are only asked to emit less. If this node is still
	// behind after that, they are asked to stop for a moment.
	inEarnest = 250 * time.Millisecond

	// In brake, a reader waits brakeStep at a time, and at most brakeSteps times.
	brakeStep  = 5 * time.Millisecond
	brakeSteps = 50
)

// pressure records how many events wait for links and handlers in one life of a node.
// driver.mu guards it.
type pressure struct {
	lagFull int // the constant lagFull, or an eighth of the history if that is less
	lagMost int // if more bytes than this wait for a link, events are about to leave the history

	behind    []*link       // the links for which events wait
	congested []*link       // those links of behind that are full
	capacity  chan struct{} // closed when one of the full links has caught up; nil while no emitter waits

	danger     bool      // further events would evict events from the history that were not sent
	pressed    time.Time // when this node fell behind; zero: it is not behind
	busySince  time.Time // when the handlers fell behind; zero: they are not behind
	verifies   bool      // every event is verified; see take
	shortSince time.Time // when events were found missing that may be lost; zero: none are missing
}

// measure finds the links that are full now, and those that are not full any more. A link
// ceases to be full when its events are written, or when it becomes lazy. The caller
// holds mu.
func (d *Driver) measure(now time.Time) {
	for i := len(d.congested) - 1; i >= 0; i-- {
		if l := d.congested[i]; d.machine.Lag(l.id) < d.lagFull/2 {
			d.relieve(l)
		}
	}
	most := 0 // the most bytes that wait for a link that is full and not slow yet
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
		d.machine.Throttle(now, stop, d.out())
	} else {
		d.pressed = time.Time{}
	}
}

// giveUpOn records that emitters no longer wait for the link until it has caught up. It
// logs that once. The caller holds mu.
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

// isShort reports whether this node misses events that other nodes will soon drop from
// their histories. If that lasts longer than patience, it returns false. The caller holds
// mu.
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

// areHandlersBusy reports whether emitters must wait for the handlers. That is so if the
// handlers have been behind for at least persists, but for less than patience. It sets
// danger if their queue is half full. The caller holds mu.
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

// brake makes a reader wait if events would be lost otherwise. When it is called,
// emitters have been asked to stop already, but events in flight still arrive. The wait
// is bounded, because the nodes that must catch up may themselves wait for this reader.
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

// fill makes the machine fill the outbox of a link. It reports whether more events wait. The
// link's writer calls it.
func (d *Driver) fill(l *link) (more bool) {
	d.mu.Lock()
	defer d.unlock((*link).writeSoon)
	if d.machine == nil || d.links[l.id] != l {
		l.ready.Store(false)
		return false
	}
	now := time.Now()
	more = d.machine.Fill(now, l.id, l.prepare(), d.out())
	if !more {
		l.ready.Store(false)
		d.behind = slices.DeleteFunc(d.behind, func(x *link) bool { return x == l })
	}
	d.settle(now)
	return more
}

// wakeEmitters wakes the calls that wait for room in the outbox of a link.
func (d *Driver) wakeEmitters() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.signalCapacity()
}

func (d *Driver) signalCapacity() {
	if d.capacity != nil {
		close(d.capacity)
		d.capacity = nil
	}
}

// relieve removes a link from the list of full links. The caller holds mu.
func (d *Driver) relieve(l *link) {
	if l.full {
		l.full, l.isSlow = false, false
		d.congested = slices.DeleteFunc(d.congested, func(x *link) bool { return x == l })
	}
	d.signalCapacity()
}

// forget removes a link from all lists. The caller holds mu.
func (d *Driver) forget(l *link) {
	delete(d.links, l.id)
	d.bringers.left(l)
	d.stir()
	d.behind = slices.DeleteFunc(d.behind, func(x *link) bool { return x == l })
	d.relieve(l)
}

// isFull reports whether the outbox has no room for an event for this peer alone. If it
// has none, Driver.capacity is closed as soon as there is room. The caller holds
// Driver.mu.
func (l *link) isFull() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	full := len(l.out) >= outboxFull
	l.awaited = l.awaited || full
	return full
}

// heldUp returns how much longer full links may delay the emitters of this node. The
// caller holds mu.
func (d *Driver) heldUp(now time.Time) (wait time.Duration) {
	for _, l := range d.congested {
		wait = max(wait, patience-now.Sub(l.fullSince))
	}
	return wait
}

// awaitCapacity waits until no link of this node delays emitters. If paced is set, it
// also waits until no other node asks them to wait. If there is no error, it returns with
// mu held.
func (d *Driver) awaitCapacity(ctx context.Context, paced bool) error {
	d.mu.Lock()
	for d.machine != nil {
		var capacity chan struct{}
		now := time.Now()
		wait := d.heldUp(now)
		if wait > 0 {
			if d.capacity == nil {
				d.capacity = make(chan struct{})
			}
			capacity = d.capacity
		} else if paced {
			wait = d.machine.Pace(now)
		}
		if wait <= 0 {
			break
		}
		d.mu.Unlock()
		timer := time.NewTimer(wait)
		select {
		case <-capacity:
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
