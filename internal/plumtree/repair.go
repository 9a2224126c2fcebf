package plumtree

import (
	"container/heap"
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// onIHave looks for what we miss. An announcement on a fresh link is pulled at
// once; any other has a moment to come by itself.
func (t *Tree) onIHave(now time.Time, l *link, m *IHave, out Out) {
	for _, r := range m.Ranges {
		if r.To < r.From || r.From == 0 || r.Origin == t.cfg.Self {
			continue
		}
		if !l.eager {
			l.hears(r)
		}
		s := t.streams.find(r.Origin)
		isNew := s == nil
		if isNew {
			if s = t.hearsay(now, l, r.Origin); s == nil {
				continue // it claims too much
			}
		}
		if r.To > s.high {
			if s.repair != nil {
				s.tear(now, s.high)
			}
			s.high = r.To
		}
		if m.Sync {
			r.From = s.next // whatever is before what it holds, it may have had
		}
		if !s.misses(r.From, r.To) {
			if isNew {
				t.complete(s)
			}
			continue
		}
		fresh := isNew || s.repair == nil
		t.miss(now, s, l.id)
		s.claims(l.id, r)
		switch {
		case m.Sync && s.asked == 0:
			t.askFrom(s, now)
			t.pull(now, s, out)
		case fresh:
			t.askFrom(s, now.Add(t.wait(now)))
		}
	}
}

// miss begins the repair of a stream, with holder as the first to ask.
func (t *Tree) miss(now time.Time, s *stream, holder ident.Link) {
	if s.repair != nil {
		s.holder = holder
		return
	}
	wait := t.cfg.OrderWait
	if !s.delivered && now.Sub(t.linked) < wait {
		wait = min(wait, joinWait) // every origin is new to a node that joins
	}
	s.repair = &repair{
		holder:   holder,
		since:    now,
		askAt:    now.Add(t.wait(now) / 4), // it may be on its way on another link
		giveUpAt: now.Add(wait),
		holes:    []hole{{s.next, now}},
	}
	heap.Push(&t.repairs, s)
}

// claims notes that a neighbour has announced events that are missing. It may be
// asked, whatever it said before: unless it said so of the first ones that are
// missing, and has announced only later ones.
func (s *stream) claims(id ident.Link, r Range) {
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

// renounces takes a claim back.
func (s *stream) renounces(id ident.Link) {
	s.claimants = slices.DeleteFunc(s.claimants, func(x ident.Link) bool { return x == id })
}

// exists reports whether more than announcements speak for what is missing: a later
// event of that origin, or a neighbour that had the missing ones once.
func (s *stream) exists() bool { return s.next < s.shown || s.next < s.evicted }

// mayHave reports whether a neighbour can be asked. What exists, all can; who has what
// was merely announced says so itself, sooner or later.
func (s *stream) mayHave(id ident.Link) bool {
	return s.exists() || slices.Contains(s.claimants, id)
}

func (t *Tree) complete(s *stream) {
	if s.repair == nil {
		return
	}
	t.dropSponsor(s)
	heap.Remove(&t.repairs, s.place)
	s.repair = nil
	if !s.isHeard {
		t.streams.remove(s) // nothing came of it
	}
}

// pull asks a neighbour for what a stream misses, or gives it up.
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
		t.askFrom(s, s.giveUpAt)
		return
	case len(s.claimants) == 0 && !s.exists(): // who announced them is gone, or was wrong
		t.giveUp(now, s, out)
		return
	case t.cfg.NoWait && s.firstHeld() > 0:
		t.giveUp(now, s, out)
		return
	case late >= (patience-1)*t.cfg.OrderWait || late >= 0 && s.evicted > s.next && !t.isOwed(s):
		t.giveUp(now, s, out)
		return
	}
	if t.passOver(now, s, out) { // the wait for further neighbours is over
		return
	}
	t.disturb(now)
	to := s.high
	if held := s.firstHeld(); held > 0 && s.early >= t.cfg.HistoryBytes/4 {
		to = held // what is behind that would not be kept, see take
	}
	missing := s.appendMissing(nil, s.next, to)
	if len(missing) == 0 {
		t.deliver(now, s, out)
		return
	}
	l := t.chooseHolder(s)
	// Each round of all neighbours takes twice as long as the one before.
	again := now.Add(graftRetry << min(s.rounds, 4))
	if s.giveUpAt.After(now) && s.giveUpAt.Before(again) {
		again = s.giveUpAt
	}
	t.askFrom(s, again)
	if l == nil {
		return
	}
	s.asked = l.id
	if !s.delivered {
		s.rewound = max(s.rewound, missing[len(missing)-1].To)
	}
	t.late.asks(missing, s.since)
	t.inquire(l.id, missing, t.maxAge(now, s))
}

// inquire adds to what a neighbour is asked for. What is missing of many origins at
// once goes into few frames.
func (t *Tree) inquire(of ident.Link, missing []Range, maxAge time.Duration) {
	for i := len(t.inquiries) - 1; i >= 0; i-- {
		if q := &t.inquiries[i]; q.of == of && q.Eager && q.MaxAge == maxAge && len(q.Ranges)+len(missing) <= maxRanges {
			q.Ranges = append(q.Ranges, missing...)
			return
		}
	}
	t.inquiries = append(t.inquiries, inquiry{of, &Graft{Ranges: missing, Eager: true, MaxAge: maxAge}})
}

// inquiry is what a neighbour will be asked for at the end of this call.
type inquiry struct {
	of ident.Link
	*Graft
}

// sendInquiries asks. Whoever is asked pushes from now on, and so do we.
func (t *Tree) sendInquiries(now time.Time, out Out) {
	for _, q := range t.inquiries {
		// Over the limit it is as if the question were lost: it is asked again.
		if l := t.link(q.of); l != nil && l.asks.AllowN(now, 8+len(q.Ranges)) {
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

// maxAge is how old events may be that we ask for. Of an origin that is new to
// us we want those emitted while we were alive, and, with a rewind, those of some time
// before. Of one that we have heard, all that came later, however long the question
// takes.
func (t *Tree) maxAge(now time.Time, s *stream) time.Duration {
	if s.delivered {
		return maxAge
	}
	return min(now.Sub(t.started)+t.rewind, maxAge)
}

// IsShort reports whether events are missing that the histories of others will
// soon not hold any more, because so many come.
func (t *Tree) IsShort(now time.Time) bool {
	if len(t.repairs) == 0 || t.reach(now) > t.cfg.OrderWait {
		return false
	}
	return slices.ContainsFunc(t.repairs, func(s *stream) bool {
		return s.early > 0 && now.Sub(s.since) >= shortAfter
	})
}

// isOwed reports whether some neighbour that may have what is missing has not said
// yet that it has nothing.
func (t *Tree) isOwed(s *stream) bool {
	return slices.ContainsFunc(t.links, func(l link) bool { return s.mayHave(l.id) && !slices.Contains(s.denied, l.id) })
}

// chooseHolder is whom to ask next: who last showed that it has these events or later
// ones, then who has announced them, then every other neighbour that may have them. Who has
// said that it does not is asked again in the next round only where a later event shows
// that there are some: it may have learnt meanwhile that they are gone.
func (t *Tree) chooseHolder(s *stream) *link {
	l := t.untried(s)
	if l == nil && len(s.tried) > 0 {
		s.tried = s.tried[:0] // the next round
		s.rounds++
		l = t.untried(s)
	}
	if l != nil {
		s.tried = append(s.tried, l.id)
	}
	return l
}

func (t *Tree) untried(s *stream) *link {
	may := func(id ident.Link) bool {
		return s.mayHave(id) && !slices.Contains(s.tried, id) && (s.next < s.shown || !slices.Contains(s.denied, id))
	}
	if l := t.link(s.holder); l != nil && may(l.id) {
		return l
	}
	for _, id := range s.claimants {
		if l := t.link(id); l != nil && may(id) {
			return l
		}
	}
	for i := range t.links {
		if l := &t.links[i]; may(l.id) {
			return l
		}
	}
	return nil
}

// giveUp goes on without the first run of missing events, and says so: if later
// events are here, or a neighbour let go of the missing ones. What was merely
// announced, and is nowhere to be had, is forgotten: it may yet come.
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
	s.forgets(t.moment(now))
	t.Stats.Gaps++
	out.Gap(Range{s.origin, s.next, to})
	if s.firstHeld() == 0 {
		t.tellSkipped(now, s)
	}
	t.skip(now, s, to, out)
	if s.repair != nil {
		// The next hole has not to wait anew, except for the answers of all neighbours.
		s.giveUpAt = s.missedSince().Add(t.cfg.OrderWait)
	}
}

// skip moves past events that will not come.
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
		t.askFrom(s, now)
	}
}

// takeBack goes back to an event that comes after all, though it was given up. Only
// what neighbours said spoke for the numbers that were skipped: no event with a higher
// one was ever delivered. So one who lies about how far an origin has come makes
// OnGap be called, and silences nobody.
//
// The event may be here, passed by because it seemed older than this node. The
// lowest age that a neighbour tells is believed.
func (t *Tree) takeBack(now time.Time, s *stream, g *Gossip, out Out) {
	born := t.moment(now) - moment(max(g.Age, 0))
	if s.skipped == 0 || g.Seq < s.skipped || g.Seq >= s.next || t.isBefore(born) {
		return // or it was emitted before this node was there, and none of its business
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

// onMiss takes the news that some events do not come from this neighbour.
func (t *Tree) onMiss(now time.Time, l *link, m *Miss, out Out) {
	s := t.streams.find(m.Range.Origin)
	if s == nil || s == t.own || s.repair == nil || s.asked != l.id {
		return
	}
	born := now.Add(-m.Age)
	if m.Why == Gone && !s.delivered && (!born.After(t.started) || m.Age >= maxAge) {
		// Older than we are: nothing is lost. But where it is wanted, another
		// neighbour may hold it.
		if t.cfg.VerifyAll || t.rewind > 0 && m.Age < t.maxAge(now, s) {
			t.onOlder(now, l, s, m.Range, out)
			return
		}
		if !s.isHeard && !l.vouches.AllowN(now, 1) {
			t.complete(s)
			return
		}
		if m.Range.From <= s.next && m.Range.To > s.next {
			s.forgets(t.moment(born))
			to := min(m.Range.To, s.high)
			if held := s.firstHeld(); held > 0 {
				to = min(to, held)
			}
			t.skip(now, s, to, out)
		}
		t.pull(now, s, out)
		return
	}
	// Another neighbour may have them. When all were asked in vain, the wait
	// for order ends it.
	if m.Why == Gone && (s.exists() || l.vouches.AllowN(now, 1)) {
		if s.evicted <= s.next {
			s.goneBorn = t.moment(born)
		}
		s.evicted, s.goneBorn = max(s.evicted, min(m.Range.To, s.high)), max(s.goneBorn, t.moment(born))
	}
	s.renounces(l.id)
	if !slices.Contains(s.denied, l.id) {
		s.denied = append(s.denied, l.id)
	}
	s.asked = 0
	again := now.Add(graftRetry / 10)
	switch {
	case len(s.claimants) == 0 && !s.exists(): // not even who announced it has it
		t.giveUp(now, s, out)
		return
	case t.untried(s) == nil:
		if s.firstHeld() == 0 && s.evicted <= s.next && !t.isOwed(s) {
			t.giveUp(now, s, out)
			return
		}
		again = now.Add(graftRetry)
	}
	t.askFrom(s, again)
	t.pull(now, s, out)
}

// forgets notes that an event born at that time is not held (any more).
func (s *stream) forgets(born moment) { s.forgot = max(s.forgot, born) }
