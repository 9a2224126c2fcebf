package plumtree

import (
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// onPrune announces events to the peer from now on, instead of pushing them. The peer has
// had an event on another link, so it has a path to the root. A node that has lost its
// own path makes that peer its parent. Otherwise each of its neighbours might prune its
// link, and it would get events only by pull until the next pulse.
func (t *Tree) onPrune(now time.Time, l *link, out Out) {
	if t.pulse.isLost() && !t.cfg.NoRescue {
		t.pulse.setParent(l, t.shape(out))
		return
	}
	t.stopPushing(now, l)
	t.pulse.onPrune(l, t.shape(out))
}

// prune makes a link lazy at both ends, because an event arrived twice. It chooses the
// link on which the event arrived again. If that link is part of the tree, it chooses the
// link on which the event arrived first. Soon after a pulse it does nothing, because the
// pulse shows better which link to prune.
func (t *Tree) prune(now time.Time, l *link, e *Event, out Out) {
	if t.pulse.isSettling() {
		return
	}
	if l.role.isInTree() && e != nil {
		if l = t.links.find(e.via); l == nil {
			return
		}
	}
	if l.role.canPrune() {
		t.stopPushing(now, l)
		l.role.prune()
		t.Stats.Prunes++
		out.Send(l.id, &Prune{})
	}
}

// shaper is the [pulseOut] of a tree. It is a part of the Tree struct, so that no call of
// the pulse allocates.
type shaper struct {
	t   *Tree
	out Out // the Out of the current call
}

// shape returns the methods by which the pulse acts on the links.
func (t *Tree) shape(out Out) *shaper {
	t.shaper = shaper{t, out}
	return &t.shaper
}

func (s *shaper) sendPulse(to ident.Link, m *Pulse) { s.out.Send(to, m) }

func (s *shaper) askToPush(to ident.Link, isParent bool) {
	s.t.Stats.Grafts++
	s.out.Send(to, &Graft{Eager: true, Parent: isParent})
}

func (s *shaper) makeEager(l *link) { s.t.makeEager(l, s.out) }

func (s *shaper) makeLazy(l *link) { s.t.makeLazy(l) }

func (s *shaper) pullDelay(now time.Time) time.Duration { return s.t.pullDelay(now) }

// makeEager begins to push on a link. It announces the events that were not announced
// yet, so that no event is left out.
func (t *Tree) makeEager(l *link, out Out) {
	if !l.role.isEager() {
		if l.position < l.pushUntil { // older events still wait to be pushed, so continue as if the link had stayed eager
			for at := l.pushUntil; at < t.history.end(); at++ {
				if e := t.history.at(at).event; e.isPushedOn(l) {
					l.lag += e.cost()
				}
			}
		} else {
			t.announce(l, out)
		}
		l.role.startPushing()
	}
}

// makeLazy stops pushing new events. Events that wait already are still pushed.
func (t *Tree) makeLazy(l *link) {
	if l.role.isEager() {
		l.role.stopPushing()
		l.pushUntil = t.history.end()
	}
}

// stopPushing stops pushing at once, because the peer gets the waiting events from other
// nodes. These events are announced instead.
func (t *Tree) stopPushing(now time.Time, l *link) {
	if l.lag > 0 {
		t.announceSoon(now)
	}
	l.role.stopPushing()
	l.pushUntil, l.lag = 0, 0
}
