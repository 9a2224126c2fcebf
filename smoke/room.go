package smoke

import (
	"context"
	"slices"
	"time"
)

// Back-pressure. What is to be pushed on a link waits in the history, and the
// link's writer takes it from there, one outbox at a time. A link for which too
// much waits holds up whoever would add to it: emitters, and the readers of all
// other links, so that what they would read waits in the outboxes of those who
// send it, and so on, back to the emitters. Handlers that have fallen behind hold
// up the readers, too. Nothing is dropped, and nothing grows.
//
// Nobody is waited for longer than patience. A link is slow then: it goes on
// taking its events from the history, for as long as they are there, and holds
// nobody up until it has caught up; and slow handlers have their queue to
// themselves. So a circle of nodes that wait for one another comes apart by itself.

const (
	// lagFull is how many bytes of events may wait for a link. Half a second of a
	// 10 Mbit/s network, and thousands of small events.
	lagFull = 512 << 10

	// patience is how long one link may hold others up. A guess: several round
	// trips of a slow network, and less than makes a neighbour seem dead.
	patience = 500 * time.Millisecond
)

// measure finds the links for which too much waits now. The caller holds mu.
func (d *driver) measure(now time.Time) {
	for _, l := range d.behind {
		if !l.full && d.machine.Lag(l.id) >= d.lagFull {
			l.full, l.fullSince = true, now
			d.congested = append(d.congested, l)
		}
	}
}

// fill has the machine fill the outbox of a link, and reports whether there is
// more. The link's writer calls it.
func (d *driver) fill(l *link) (more bool) {
	d.mu.Lock()
	defer d.unlock()
	if d.machine == nil || d.links[l.id] != l {
		l.ready.Store(false)
		return false
	}
	now := time.Now()
	more = d.machine.Fill(now, l.id, fillBytes-l.queued(), d)
	if !more {
		l.ready.Store(false)
		d.behind = slices.DeleteFunc(d.behind, func(x *link) bool { return x == l })
	}
	if l.full && d.machine.Lag(l.id) < d.lagFull/2 {
		d.relieve(l)
	}
	d.settle(now)
	return more
}

// relieve takes a link off the list of those that hold others up. The caller
// holds mu.
func (d *driver) relieve(l *link) {
	if l.full {
		l.full = false
		d.congested = slices.DeleteFunc(d.congested, func(x *link) bool { return x == l })
	}
	if d.room != nil {
		close(d.room)
		d.room = nil
	}
}

// forget takes a link off all lists. The caller holds mu.
func (d *driver) forget(l *link) {
	delete(d.links, l.id)
	d.behind = slices.DeleteFunc(d.behind, func(x *link) bool { return x == l })
	d.relieve(l)
}

// obstacle is what events that come from a link, or from this node if that is
// nil, have to wait for, and for how long at most. What comes from a link does not
// go back there, so that one does not count; and this node's own events do not go
// to its handlers. The caller holds mu.
func (d *driver) obstacle(now time.Time, from *link) (room <-chan struct{}, wait time.Duration) {
	for _, l := range d.congested {
		if l != from {
			wait = max(wait, patience-now.Sub(l.fullSince))
		}
	}
	if wait > 0 {
		if d.room == nil {
			d.room = make(chan struct{})
		}
		return d.room, wait
	}
	if from == nil {
		return nil, 0
	}
	switch room = d.node.events.Room(); {
	case room == nil:
		d.busySince = time.Time{}
	case d.busySince.IsZero():
		d.busySince = now
		return room, patience
	}
	return room, patience - now.Sub(d.busySince)
}

// awaitRoom waits until events that come from a link, or from this node if that
// is nil, have room. It returns with mu held, if there is no error.
func (d *driver) awaitRoom(ctx context.Context, from *link) error {
	d.mu.Lock()
	for d.machine != nil {
		room, wait := d.obstacle(time.Now(), from)
		if room == nil || wait <= 0 {
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
		if err := ctx.Err(); err != nil {
			return err
		}
		d.mu.Lock()
	}
	return nil
}
