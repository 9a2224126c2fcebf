package plumtree

import (
	"slices"
	"time"
)

// pull requests the missing events of a stream from a neighbour, or gives them up.
func (t *Tree) pull(now time.Time, s *stream, out Out) {
	if s.repair == nil {
		return
	}
	if s.next >= s.high {
		t.complete(s)
		return
	}
	if now.Before(s.askAt) {
		return
	}
	switch late := now.Sub(s.giveUpAt); {
	case len(t.links) == 0: // wait, because a node that becomes a neighbour later may have the missing events
		s.giveUpAt = now.Add(t.cfg.OrderWait)
		t.repairs.askFrom(s, s.giveUpAt)
		return
	case len(s.claimants) == 0 && !s.isProven(): // the neighbours that announced the missing events have left or did not have them
		t.giveUp(now, s, out)
		return
	case t.cfg.NoWait && s.firstHeld() > 0:
		t.giveUp(now, s, out)
		return
	case late >= (patience-1)*t.cfg.OrderWait || late >= 0 && s.evicted > s.next && !s.isOwed(t.links):
		t.giveUp(now, s, out)
		return
	}
	if t.passOver(now, s, out) { // the wait for further neighbours is over
		return
	}
	t.disturb(now)
	to := s.high
	if held := s.firstHeld(); held > 0 && s.early >= t.cfg.HistoryBytes/4 {
		to = held // events after these would not be stored; see receive
	}
	missing := s.appendMissing(nil, s.next, to)
	if len(missing) == 0 {
		t.deliver(now, s, out)
		return
	}
	l := s.chooseHolder(t.links)
	// The wait doubles each time all neighbours have been asked.
	again := now.Add(graftRetry << min(s.rounds, 4))
	if s.giveUpAt.After(now) && s.giveUpAt.Before(again) {
		again = s.giveUpAt
	}
	t.repairs.askFrom(s, again)
	if l == nil {
		return
	}
	s.asked = l.id
	if !s.delivered {
		s.rewound = max(s.rewound, missing[len(missing)-1].To)
	}
	t.late.recordAsked(missing, s.since)
	t.inquiries.add(l.id, missing, t.maxAge(now, s))
}

// doubleCheck requests an event from a second neighbour. The event arrived unrequested
// and was skipped as too old. Its age is a claim: if the sender lied, another neighbour
// sends the event with its true age, and takeBack delivers it. If the event really is too
// old, that neighbour does not send it.
func (t *Tree) doubleCheck(now time.Time, e *Event) {
	var other *link
	for _, n := range t.cfg.Rand.Perm(len(t.links)) {
		l := &t.links[n]
		if l.id == e.via {
			continue
		}
		if other = l; !l.role.isInTree() {
			break // that neighbour got the event by another path, not from this node
		}
	}
	if other == nil || !t.doubts.AllowN(now, 1) {
		return
	}
	t.inquiries = append(t.inquiries, inquiry{other.id, &Graft{
		Ranges: []Range{{e.Origin, e.Seq, e.end()}}, MaxAge: now.Sub(t.started),
	}})
}

// sendInquiries sends the queued requests. Both ends of their links push on them from
// then on.
func (t *Tree) sendInquiries(now time.Time, out Out) {
	for _, q := range t.inquiries {
		// If the limit is reached, the request is dropped and repeated later, as if it
		// had been lost.
		if l := t.links.find(q.of); l != nil && l.asks.AllowN(now, 8+len(q.Ranges)) {
			t.Stats.Grafts++
			out.Send(q.of, q.Graft)
			if q.Eager {
				t.makeEager(l, out)
			}
		}
	}
	clear(t.inquiries)
	t.inquiries = t.inquiries[:0]
}

// maxAge returns the age up to which events are requested. For a new origin, it covers
// the time since this node's start, plus the rewind. For a known origin it is unlimited,
// because all later events are wanted, however long the request takes.
func (t *Tree) maxAge(now time.Time, s *stream) time.Duration {
	if s.delivered {
		return maxAge
	}
	return min(now.Sub(t.started)+t.rewind, maxAge)
}

// IsShort reports whether events are missing that neighbours will soon evict, because
// events arrive at a high rate.
func (t *Tree) IsShort(now time.Time) bool {
	if len(t.repairs) == 0 || t.historySpan(now) > t.cfg.OrderWait {
		return false
	}
	return slices.ContainsFunc(t.repairs, func(s *stream) bool {
		return s.early > 0 && now.Sub(s.since) >= shortAfter
	})
}
