package plumtree

import (
	"container/heap"
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// onIHave finds out what this node misses. Announcements on a new link are pulled at
// once. For any other, the event gets time to arrive by push.
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
			r.From = s.next // the neighbour may have had everything before what it holds
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

// miss begins the repair of a stream. holder is asked first.
func (t *Tree) miss(now time.Time, s *stream, holder ident.Link) {
	if s.repair != nil {
		s.holder = holder
		return
	}
	wait := t.cfg.OrderWait
	if !s.delivered && now.Sub(t.linked) < wait {
		wait = min(wait, joinWait) // to a node that joins, every origin is new
	}
	s.repair = &repair{
		holder:   holder,
		since:    now,
		askAt:    now.Add(t.pullDelay(now) / 4), // the event may be on its way on another link
		giveUpAt: now.Add(wait),
		holes:    []hole{{s.next, now}},
	}
	heap.Push(&t.repairs, s)
}

// addClaimant records that a neighbour has announced missing events. The neighbour may
// be asked again, even if it denied them before, unless the first missing events were
// denied and only later ones are announced.
func (s *stream) addClaimant(id ident.Link, r Range) {
	same := func(x ident.Link) bool { return x == id }
	if r.From <= s.next {
		s.tried = slices.DeleteFunc(s.tried, same)
		s.denied = slices.DeleteFunc(s.denied, same)
		s.older = slices.DeleteFunc(s.older, func(o older) bool { return o.by == id })
	}
	if !slices.ContainsFunc(s.claimants, same) {
		s.claimants = append(s.claimants, id)
	}
}

// removeClaimant withdraws a neighbour's announcement.
func (s *stream) removeClaimant(id ident.Link) {
	s.claimants = slices.DeleteFunc(s.claimants, func(x ident.Link) bool { return x == id })
}

// isProven reports whether the missing events are known from more than announcements:
// from a later event of the origin, or from a neighbour that had the missing ones once.
func (s *stream) isProven() bool { return s.next < s.shown || s.next < s.evicted }

// mayHave reports whether a neighbour can be asked. Proven events can be requested from
// all neighbours, announced ones only from those that announced them.
func (s *stream) mayHave(id ident.Link) bool {
	return s.isProven() || slices.Contains(s.claimants, id)
}

func (t *Tree) complete(s *stream) {
	if s.repair == nil {
		return
	}
	t.dropSponsor(s)
	heap.Remove(&t.repairs, s.place)
	s.repair = nil
	if !s.isHeard {
		t.streams.remove(s) // no event arrived
	}
}

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
	case len(t.links) == 0: // the next neighbour may have them
		s.giveUpAt = now.Add(t.cfg.OrderWait)
		t.repairs.askFrom(s, s.giveUpAt)
		return
	case len(s.claimants) == 0 && !s.isProven(): // the neighbours that announced them are gone or were wrong
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
		to = held // events behind that would not be stored; see receive
	}
	missing := s.appendMissing(nil, s.next, to)
	if len(missing) == 0 {
		t.deliver(now, s, out)
		return
	}
	l := s.chooseHolder(t.links)
	// Each round of all neighbours waits twice as long as the one before.
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

// inquiries are the requests that are sent at the end of the current call.
type inquiries []inquiry

// add queues a request for missing events. Those of many origins share a few frames.
func (list *inquiries) add(of ident.Link, missing []Range, maxAge time.Duration) {
	for i := len(*list) - 1; i >= 0; i-- {
		if q := &(*list)[i]; q.of == of && q.Eager && q.MaxAge == maxAge && len(q.Ranges)+len(missing) <= maxRanges {
			q.Ranges = append(q.Ranges, missing...)
			return
		}
	}
	*list = append(*list, inquiry{of, &Graft{Ranges: missing, Eager: true, MaxAge: maxAge}})
}

// inquiry is a request to a neighbour.
type inquiry struct {
	of ident.Link
	*Graft
}

// sendInquiries sends the queued requests. Both ends push on these links from then on.
func (t *Tree) sendInquiries(now time.Time, out Out) {
	for _, q := range t.inquiries {
		// Over the limit, the request is dropped and repeated later, as if it had been
		// lost.
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

// maxAge returns the age up to which events are requested. For a new origin, these are
// the events emitted since this node's start, extended by the rewind. For a known
// origin, these are all later events, however long the request takes.
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

// isOwed reports whether a neighbour that may have the missing events has not denied
// them yet.
func (s *stream) isOwed(links links) bool {
	return slices.ContainsFunc(links, func(l link) bool { return s.mayHave(l.id) && !slices.Contains(s.denied, l.id) })
}

// chooseHolder returns the neighbour to ask next: the one that last showed that it has
// these or later events, then those that announced them, then all others that may have
// them. A neighbour that has denied them is asked again in the next round only if a
// later event proves that they exist: it may have learned meanwhile that they are gone.
func (s *stream) chooseHolder(links links) *link {
	l := s.untried(links)
	if l == nil && len(s.tried) > 0 {
		s.tried = s.tried[:0] // next round
		s.rounds++
		l = s.untried(links)
	}
	if l != nil {
		s.tried = append(s.tried, l.id)
	}
	return l
}

func (s *stream) untried(links links) *link {
	may := func(id ident.Link) bool {
		return s.mayHave(id) && !slices.Contains(s.tried, id) && (s.next < s.shown || !slices.Contains(s.denied, id))
	}
	if l := links.find(s.holder); l != nil && may(l.id) {
		return l
	}
	for _, id := range s.claimants {
		if l := links.find(id); l != nil && may(id) {
			return l
		}
	}
	for i := range links {
		if l := &links[i]; may(l.id) {
			return l
		}
	}
	return nil
}

// giveUp skips the first run of missing events and reports a gap, if later events are
// here or if a neighbour has evicted the missing ones. If they were only announced and
// no neighbour has them, their repair ends without a gap: they may still arrive.
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
	s.noteForgotten(t.moment(now))
	t.Stats.Gaps++
	out.Gap(Range{s.origin, s.next, to})
	if s.firstHeld() == 0 {
		t.announceSkipped(now, s)
	}
	t.skip(now, s, to, out)
	if s.repair != nil {
		// The next hole need not wait again, except for the answers of all neighbours.
		s.giveUpAt = s.missedSince().Add(t.cfg.OrderWait)
	}
}

// skip moves past events that will not arrive.
func (t *Tree) skip(now time.Time, s *stream, to uint64, out Out) {
	t.remember(s)
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
// caused the skip. A neighbour that lies about how far an origin has come thus causes a
// call of OnGap, and suppresses no event.
//
// The event may be in the history already, skipped because it seemed older than this
// node. The lowest age that any neighbour reports is used.
func (t *Tree) takeBack(now time.Time, s *stream, g *Gossip, out Out) {
	born := t.moment(now) - moment(max(g.Age, 0))
	if s.skipped == 0 || g.Seq < s.skipped || g.Seq >= s.next || born.isBeforeStart() {
		return // emitted before this node's start: not wanted
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

// onMiss processes the reply that some events do not come from this neighbour.
func (t *Tree) onMiss(now time.Time, l *link, m *Miss, out Out) {
	s := t.streams.find(m.Range.Origin)
	if s == nil || s == t.own || s.repair == nil || s.asked != l.id {
		return
	}
	born := now.Add(-m.Age)
	if m.Why == Gone && !s.delivered && (!born.After(t.started) || m.Age >= maxAge) {
		// Emitted before this node's start, so nothing is lost. With a rewind, another
		// neighbour may still hold them.
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
	// Another neighbour may have them. If all have denied them, OrderWait ends the
	// repair.
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

// noteForgotten records that an event born at that time is not held, or not any more.
func (s *stream) noteForgotten(born moment) { s.forgot = max(s.forgot, born) }
