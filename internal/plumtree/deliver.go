package plumtree

import (
	"slices"
	"time"
)

// giveUp skips the first run of missing events and reports a gap, if later events have
// arrived or if a neighbour has evicted the missing ones. If they were only announced and
// no neighbour has them, their repair ends without a gap, because they may still arrive.
func (t *Tree) giveUp(now time.Time, s *stream, out Out) {
	to := s.firstHeld()
	if to == 0 {
		to = min(s.evicted, t.provenTo(s))
	}
	if to <= s.next {
		s.high = s.end()
		t.complete(s)
		return
	}
	if !t.admitHearsay(now, s) {
		return
	}
	s.noteForgotten(t.moment(now))
	t.Stats.Gaps++
	out.Gap(Range{s.origin, s.next, to})
	if s.firstHeld() == 0 {
		t.announceSkipped(now, s)
	}
	t.skip(now, s, to, out)
	if s.repair != nil {
		// The wait for the next missing events began when they were found missing, so it
		// may be over already. All neighbours must still have answered.
		s.giveUpAt = s.missedSince().Add(t.cfg.OrderWait)
	}
}

// passOver skips the first events of an origin if every neighbour has denied them, and at
// least one neighbour because they are older than this node.
func (t *Tree) passOver(now time.Time, s *stream, out Out) bool {
	end := s.firstHeld()
	if s.repair == nil || len(s.older) == 0 || end == 0 {
		return false
	}
	for _, o := range s.older {
		if o.to < end {
			continue
		}
		if !slices.Contains(s.denied, o.by) {
			s.denied = append(s.denied, o.by)
		}
		if s.asked == o.by {
			s.asked = 0
			t.repairs.askFrom(s, now) // ask the next neighbour
		}
	}
	if ready := t.linked.Add(joinWait); t.rewind > 0 && now.Before(ready) {
		t.repairs.askFrom(s, ready) // neighbours that connect until then may hold the events
		return false
	}
	if s.isOwed(t.links) || !slices.ContainsFunc(s.older, func(o older) bool { return o.to >= end }) {
		return false
	}
	s.noteForgotten(t.moment(t.started))
	t.skip(now, s, end, out)
	return true
}

// skip moves past events that will not arrive.
func (t *Tree) skip(now time.Time, s *stream, to uint64, out Out) {
	if !t.admitHearsay(now, s) {
		return
	}
	if s.firstHeld() == 0 && s.skipped == 0 {
		s.skipped = s.next
	}
	s.next = to
	s.high = max(s.high, to)
	s.tried = s.tried[:0]
	t.deliver(now, s, out)
	if s.repair != nil {
		t.repairs.askFrom(s, now)
	}
}

// takeBack goes back to an event that arrives although it was given up. It does so only
// if no event with a higher number was delivered, so that only claims of neighbours had
// caused the skip. If a neighbour lies about the number of an origin's latest event, it
// thus causes a call of OnGap, but suppresses no event.
//
// The event may be in the history already, skipped because it seemed older than this
// node. The lowest age that any neighbour reports is used.
func (t *Tree) takeBack(now time.Time, s *stream, g *Gossip, out Out) {
	born := t.moment(now) - moment(max(g.Age, 0))
	if s.skipped == 0 || g.Seq < s.skipped || g.Seq >= s.next || born.isBeforeStart() {
		return // emitted before this node's start, so it is not delivered
	}
	from, held := g.Seq, s.at(g.Seq)
	if held != nil {
		from, held.born = held.Seq, max(held.born, born)
	}
	for _, e := range s.held[s.search(from):] {
		if e.Seq < s.next {
			s.early += e.cost()
		}
	}
	s.next = from
	if s.repair == nil {
		s.high = max(s.high, s.end())
	} else {
		s.evicted = 0
	}
	if held != nil {
		t.deliver(now, s, out)
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

// provenTo returns the number up to which a stream may skip events that no neighbour has:
// the highest number known to exist. With VerifyAll, only events prove that a number
// exists, and announcements do not.
func (t *Tree) provenTo(s *stream) uint64 {
	if t.cfg.VerifyAll {
		return min(s.shown, s.high)
	}
	return s.high
}
