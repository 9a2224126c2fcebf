package plumtree

import (
	"slices"
	"time"
)

// onIHave finds out which of the announced events this node misses. Events announced on a
// new link are pulled at once. Events announced on any other link get time to arrive by
// push.
func (t *Tree) onIHave(now time.Time, l *link, m *IHave, out Out) {
	for _, r := range m.Ranges {
		if r.To < r.From || r.From == 0 || r.Origin == t.cfg.Self {
			continue
		}
		if !l.role.isEager() {
			l.known.add(r)
		}
		s := t.streams.find(r.Origin)
		isNew := s == nil
		if isNew {
			if s = t.beginHearsay(now, l, r.Origin); s == nil {
				continue // the neighbour announces too many origins
			}
		}
		if r.To > s.high {
			if s.repair != nil {
				s.addHole(now, s.high)
			}
			s.high = r.To
		}
		if m.Sync {
			r.From = s.next // the neighbour may have held the events before r.From once
		}
		if !s.hasMissing(r.From, r.To) {
			if isNew {
				t.complete(s)
			}
			continue
		}
		fresh := isNew || s.repair == nil
		t.miss(now, s, l.id)
		s.addClaimant(l.id, r)
		switch {
		case m.Sync && s.asked == 0:
			t.repairs.askFrom(s, now)
			t.pull(now, s, out)
		case fresh:
			t.repairs.askFrom(s, now.Add(t.pullDelay(now)))
		}
	}
}

// onMiss processes a reply that some requested events do not come from this neighbour.
func (t *Tree) onMiss(now time.Time, l *link, m *Miss, out Out) {
	s := t.streams.find(m.Range.Origin)
	if s == nil || s == t.own || s.repair == nil || s.asked != l.id {
		return
	}
	born := now.Add(-m.Age)
	if m.Why == Gone && !s.delivered && (!born.After(t.started) || m.Age >= maxAge) {
		// These events were emitted before this node's start, so their absence is no
		// loss. With a rewind, another neighbour may still hold them.
		if t.cfg.VerifyAll || t.rewind > 0 && m.Age < t.maxAge(now, s) {
			t.onOlder(now, l, s, m.Range, out)
			return
		}
		if !s.isHeard && !l.goneClaims.AllowN(now, 1) {
			t.complete(s)
			return
		}
		if m.Range.From <= s.next && m.Range.To > s.next {
			s.noteForgotten(t.moment(born))
			to := min(m.Range.To, s.high)
			if held := s.firstHeld(); held > 0 {
				to = min(to, held)
			}
			t.skip(now, s, to, out)
		}
		t.pull(now, s, out)
		return
	}
	// Another neighbour may have these events. If all neighbours have denied them,
	// OrderWait ends the repair.
	if m.Why == Gone && (s.isProven() || l.goneClaims.AllowN(now, 1)) {
		if s.evicted <= s.next {
			s.goneBorn = t.moment(born)
		}
		s.evicted, s.goneBorn = max(s.evicted, min(m.Range.To, s.high)), max(s.goneBorn, t.moment(born))
	}
	s.removeClaimant(l.id)
	if !slices.Contains(s.denied, l.id) {
		s.denied = append(s.denied, l.id)
	}
	s.asked = 0
	again := now.Add(graftRetry / 10)
	switch {
	case len(s.claimants) == 0 && !s.isProven(): // no neighbour that announced them has them
		t.giveUp(now, s, out)
		return
	case s.untried(t.links) == nil:
		if s.firstHeld() == 0 && s.evicted <= s.next && !s.isOwed(t.links) {
			t.giveUp(now, s, out)
			return
		}
		again = now.Add(graftRetry)
	}
	t.repairs.askFrom(s, again)
	t.pull(now, s, out)
}

// onOlder handles the claim that events are older than this node. It runs with VerifyAll
// or a rewind, and counts the claim as one vote. If one vote were enough, one neighbour
// could withhold an origin's first events, and a new node would skip them without a
// report. So all neighbours are asked.
func (t *Tree) onOlder(now time.Time, l *link, s *stream, r Range, out Out) {
	at := slices.IndexFunc(s.older, func(o older) bool { return o.by == l.id })
	if at < 0 {
		at = len(s.older)
		s.older = append(s.older, older{l.id, s.next})
	}
	if o := &s.older[at]; r.From <= o.to {
		o.to = max(o.to, r.To)
	}
	end := s.firstHeld()
	if end == 0 {
		end = s.high
	}
	if s.older[at].to < end {
		return // the other parts of its answer follow
	}
	if t.passOver(now, s, out) {
		return
	}
	if !slices.Contains(s.denied, l.id) {
		s.denied = append(s.denied, l.id)
	}
	s.removeClaimant(l.id)
	s.asked = 0
	again := now
	if s.untried(t.links) == nil {
		if s.firstHeld() == 0 && s.evicted <= s.next && !s.isOwed(t.links) {
			t.giveUp(now, s, out) // no event proves that the missing ones exist
			return
		}
		again = now.Add(graftRetry)
	}
	t.repairs.askFrom(s, again)
	t.pull(now, s, out)
}
