package plumtree

import (
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/batch"
	"github.com/smokesignal-go/smokesignal/internal/retry"
)

// spread queues a new event for all links: eager links become ready, and lazy ones get
// it with the next announcement.
func (t *Tree) spread(now time.Time, e *Event, from ident.Link, out Out) {
	end := t.history.end()
	for i := range t.links {
		switch l := &t.links[i]; {
		case l.id == from || e.quiet:
			if l.role.isEager() && l.position == end-1 {
				l.position = end // the queue is empty, and this event is not sent on it
			}
		case l.role.isEager():
			l.lag += e.cost()
			t.ready(l, out)
		default:
			t.announceSoon(now)
		}
	}
}

// announceSoon schedules the next announcement.
func (t *Tree) announceSoon(now time.Time) {
	if t.announceAt.IsZero() && t.cfg.LazyDelay > 0 {
		t.announceAt = now.Add(retry.Blur(min(max(t.cfg.LazyDelay<<t.calm, t.pullDelay(now)/2), t.historySpan(now)/8), t.cfg.Rand))
	}
}

// ready reports, once, that something waits for a link.
func (t *Tree) ready(l *link, out Out) {
	if !l.ready {
		l.ready = true
		out.Ready(l.id)
	}
}

// Fill pushes what waits for a link, about room bytes, and reports whether there is
// more. Requested events get half of the room, so that neither a newcomer's requests
// nor a flood of events delays the other.
func (t *Tree) Fill(now time.Time, id ident.Link, room int, out Out) (more bool) {
	l := t.links.find(id)
	if l == nil {
		return false
	}
	if l.isServed() {
		half := room
		if l.lag > 0 {
			half = room / 2
		}
		room -= half - t.serve(now, l, half, out)
	}
	for l.position < l.pushTo(t.history.end()) {
		e := t.history.at(l.position).event
		if e.isPushedOn(l) {
			if room <= 0 {
				break
			}
			room -= e.cost()
			t.push(now, l, e, e.Seq, e.end(), out)
		}
		l.advance(e)
	}
	t.taken = max(t.taken, l.position)
	if len(l.serve) > 0 {
		t.refillAllowance(now, l)
	}
	l.ready = l.isServed() || l.position < l.pushTo(t.history.end())
	return l.ready
}

// pushTo returns the position in the log up to which events are pushed on a link.
// end is that of the log.
func (l *link) pushTo(end uint64) uint64 {
	if l.role.isEager() {
		return end
	}
	return l.pushUntil
}

// advance moves a link past an entry of the log.
func (l *link) advance(e *Event) {
	l.position++
	if e.isPushedOn(l) {
		l.lag = max(l.lag-e.cost(), 0)
	}
}

// isPushedOn reports whether an event is to be pushed on a link.
func (e *Event) isPushedOn(l *link) bool { return e.via != l.id && !e.quiet }

// moveToEnd moves a link to the end of the log, after an announcement.
func (t *Tree) moveToEnd(l *link) {
	l.position = t.history.end()
	t.taken = l.position
	l.lag = 0
}

// push sends the events from (inclusive) to to (exclusive) of a run.
func (t *Tree) push(now time.Time, l *link, e *Event, from, to uint64, out Out) {
	body := e.Body
	if from > e.Seq || to < e.end() {
		body = batch.Slice(body, int(from-e.Seq), int(to-e.Seq))
	}
	t.frame = Gossip{Origin: e.Origin, Seq: from, Count: uint32(to - from), Round: min(e.Round, 254) + 1, Age: t.age(now, e), Body: body, Signed: e.Signed}
	if e.Origin == t.cfg.Self {
		t.unsent.given = max(t.unsent.given, to)
	}
	out.Push(l.id, &t.frame)
}

// Lag returns how many bytes wait to be pushed on a link, as the history counts them.
func (t *Tree) Lag(id ident.Link) int {
	if l := t.links.find(id); l != nil {
		return l.lag
	}
	return 0
}

// makeEager begins to push on a link. It announces what was not announced yet, so that
// no event is left out.
func (t *Tree) makeEager(l *link, out Out) {
	if !l.role.isEager() {
		if l.position < l.pushUntil { // it still pushes: continue as if it had stayed eager
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

// makeLazy ends pushing. Events that still wait are pushed.
func (t *Tree) makeLazy(l *link) {
	if l.role.isEager() {
		l.role.stopPushing()
		l.pushUntil = t.history.end()
	}
}

// stopPushing ends pushing at once: the peer gets the waiting events from other nodes.
// They are announced instead.
func (t *Tree) stopPushing(now time.Time, l *link) {
	if l.lag > 0 {
		t.announceSoon(now)
	}
	l.role.stopPushing()
	l.pushUntil, l.lag = 0, 0
}

// prune makes a link lazy at both ends, because an event arrived twice: the link on
// which it arrived again, or if that one is part of the tree, the link on which it
// arrived first. Soon after a pulse it does nothing, because the pulse shows better
// which link to prune.
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

// onPrune announces events to the peer from now on, instead of pushing them. The peer
// has had an event on another link, so it has a path to the root. A node that has lost
// its own path takes the peer for its parent: without that, each of its neighbours may
// prune its link, and events reach it by pull only until the next pulse.
func (t *Tree) onPrune(now time.Time, l *link, out Out) {
	if t.pulse.isLost() && !t.cfg.NoRescue {
		t.pulse.setParent(l, t.shape(out))
		return
	}
	t.stopPushing(now, l)
	t.pulse.onPrune(l, t.shape(out))
}

// onGossip processes events. New ones are forwarded at once, in any order.
func (t *Tree) onGossip(now time.Time, l *link, g *Gossip, out Out) {
	s := t.streams.find(g.Origin)
	if s == t.own {
		// An own event came back, or a forgery of one. Neither is accepted.
		t.Stats.Duplicates += uint64(g.Count)
		t.prune(now, l, s.at(g.Seq), out)
		return
	}
	if (g.Signed || t.cfg.VerifyAll) && !t.isBelieved(s, g) {
		t.Stats.Refused++
		out.Refused(l.id, Range{g.Origin, g.Seq, g.end()})
		return
	}
	if s == nil || !s.isHeard {
		s = t.stream(now, g.Origin)
	}
	t.takeBack(now, s, g, out)
	end := g.end()
	if g.Seq >= s.end() { // the usual case
		t.receive(now, l, s, g, g.Seq, end, out)
		return
	}
	again := uint64(0) // one of the duplicates
	for from := g.Seq; from < end; {
		a, b := s.unknown(from, end)
		if a > from {
			again = from
			t.Stats.Duplicates += a - from
			t.late.duplicate(now, Range{g.Origin, from, a})
		}
		if a < b {
			t.receive(now, l, s, g, a, b, out)
		}
		from = b
	}
	if again > 0 {
		t.prune(now, l, s.at(again), out)
	}
}

// receive stores the events from (inclusive) to to (exclusive), none of which was
// received before.
func (t *Tree) receive(now time.Time, l *link, s *stream, g *Gossip, from, to uint64, out Out) {
	s.high = max(s.high, to)
	if to-1-s.next >= window || from > s.next && s.early >= t.cfg.HistoryBytes/4 {
		// Too far ahead to store. The events are requested again once those before them
		// have arrived.
		t.Stats.Dropped += to - from
		t.miss(now, s, l.id)
		s.shown = max(s.shown, to)
		return
	}
	body := g.Body
	if to-from < uint64(g.Count) {
		body = batch.Slice(body, int(from-g.Seq), int(to-g.Seq))
	}
	if !t.cfg.KeepBodies {
		body = t.history.relayed.copyIn(body)
	}
	e := t.history.event()
	*e = Event{Origin: g.Origin, Seq: from, Count: uint32(to - from), Round: g.Round, Signed: g.Signed, born: max(t.moment(now)-moment(max(g.Age, 0)), longAgo), Body: body, via: l.id}
	if s.repair != nil && from > s.end() {
		s.addHole(now, s.end())
	}
	s.put(e)
	s.heard = t.moment(now)
	if isDue := t.pulse.noteEvents(now); isDue {
		t.pulse.send(now, t.shape(out))
	}
	if s.isQuiet(e) {
		e.quiet = true
		t.announceQuietly(now, e)
	} else if s.wasRelayed(e) {
		e.quiet = true
	}
	t.store(now, s, e)
	t.spread(now, e, l.id, out)
	if !l.role.isEager() && !l.role.isCrossed() && (s.repair == nil || s.asked != l.id) {
		// The peer pushes, so it treats the link as eager: do the same, unless a pulse
		// has just shown both ends that the link is lazy.
		t.makeEager(l, out)
	}
	if s.repair != nil && s.asked == 0 && from == s.next {
		t.late.learn(now, now.Sub(s.since))
	}
	if from == s.next {
		asked := s.repair != nil && s.asked == l.id
		t.deliver(now, s, out)
		if s.skipped != 0 && !asked {
			t.doubleCheck(now, e)
		}
	} else {
		t.miss(now, s, l.id)
		s.shown = max(s.shown, to)
		t.passOver(now, s, out)
	}
}

// deliver delivers the events that are now in order.
func (t *Tree) deliver(now time.Time, s *stream, out Out) {
	for {
		e := s.at(s.next)
		if e == nil {
			break
		}
		s.early -= e.cost()
		if !s.wants(e, t.rewind) {
			if s.skipped == 0 {
				s.skipped = s.next
			}
			s.next = e.end()
			continue
		}
		s.next, s.skipped = e.end(), 0
		t.Stats.Delivered += uint64(e.Count)
		out.Deliver(e)
	}
	t.progress(now, s)
	if s.next >= s.high {
		t.complete(s)
	}
}
