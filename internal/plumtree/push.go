package plumtree

import (
	"time"

	"github.com/smokesignal-go/smokesignal/internal/ident"
	"github.com/smokesignal-go/smokesignal/internal/retry"
)

func (l *link) pushes() bool { return l.eager && !l.congested }

// spread pushes a new event on the eager links and leaves the others to the
// next announcement.
func (t *Tree) spread(now time.Time, e *Event, from ident.Link, out Out) {
	age := t.age(now, e)
	for i := range t.links {
		switch l := &t.links[i]; {
		case l.id == from:
		case l.pushes():
			out.Push(l.id, e, age)
		case t.announceAt.IsZero() && t.cfg.LazyDelay > 0:
			t.announceAt = now.Add(retry.Blur(max(t.cfg.LazyDelay<<t.calm, t.wait(now)/2), t.cfg.Rand))
		}
	}
}

// makeEager begins to push on a link. What was not announced on it yet is, so
// that nothing falls between the two ways.
func (t *Tree) makeEager(l *link, out Out) {
	if !l.eager {
		t.announce(l, out)
		l.eager, l.isPruned = true, false
	}
}

func (t *Tree) makeLazy(l *link) {
	if l.pushes() {
		l.position = t.history.end()
	}
	l.eager = false
}

// prune makes a link lazy, at both ends, because an event came twice: the one
// that it came on again, or else the one that it came on first, whichever is not
// known to be part of the tree. It knows better soon after a pulse.
func (t *Tree) prune(l *link, e *Event, out Out) {
	t.Stats.Duplicates++
	if !t.pulse.settleAt.IsZero() {
		return
	}
	if l.role != stray && e != nil {
		if l = t.link(e.via); l == nil {
			return
		}
	}
	if l.role == stray && !l.isPruned {
		t.makeLazy(l)
		l.isPruned = true
		t.Stats.Prunes++
		out.Send(l.id, &Prune{})
	}
}

// onGossip takes an event. New ones go on at once, whatever their order.
func (t *Tree) onGossip(now time.Time, l *link, g *Gossip, out Out) {
	s := t.stream(now, g.Origin)
	if s == t.own {
		// Our own event comes back; or a forgery does, and is not believed.
		t.prune(l, s.at(g.Seq), out)
		return
	}
	if s.has(g.Seq) {
		t.late.duplicate(now, g.Origin, g.Seq)
		t.prune(l, s.at(g.Seq), out)
		return
	}
	s.high = max(s.high, g.Seq+1)
	if g.Seq-s.next >= window || !t.hasPlaces(now, s, g.Seq) {
		// Too far ahead to keep. It comes again when what is before it has.
		t.Stats.Dropped++
		t.miss(now, s, l.id)
		return
	}
	body := g.Body
	if !t.cfg.KeepBodies {
		body = t.history.copy(body)
	}
	e := t.history.event()
	*e = Event{Origin: g.Origin, Seq: g.Seq, Round: g.Round, born: max(t.moment(now)-moment(max(g.Age, 0)), longAgo), Body: body, via: l.id}
	t.put(s, e)
	s.heard = t.moment(now)
	t.seeEvents(now, out)
	t.store(now, s, e)
	t.spread(now, e, l.id, out)
	if !l.eager && !l.congested && l.crossed == 0 && (s.repair == nil || s.asked != l.id) {
		// The peer pushes, so it counts us as eager: be of one mind. Unless a
		// pulse has just shown both that the link is lazy.
		t.makeEager(l, out)
	}
	if s.repair != nil && s.asked == 0 && g.Seq == s.next {
		t.late.learn(now, now.Sub(s.since))
	}
	if g.Seq == s.next {
		t.deliver(now, s, out)
	} else {
		t.miss(now, s, l.id)
	}
}

// deliver hands over what is in order now.
func (t *Tree) deliver(now time.Time, s *stream, out Out) {
	for {
		e := s.at(s.next)
		if e == nil {
			break
		}
		s.next++
		s.delivered = true
		t.Stats.Delivered++
		out.Deliver(e)
	}
	s.progress(now, t.cfg)
	if s.next >= s.high {
		t.complete(s)
	}
}
