package plumtree

import (
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/ident"
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
		s := t.stream(now, r.Origin)
		s.high = max(s.high, r.To)
		if m.Sync {
			r.From = s.next // whatever is before what it holds, it may have had
		}
		if !s.misses(r.From, r.To) {
			continue
		}
		fresh := s.repair == nil
		t.miss(now, s, l.id)
		s.mayAsk(l.id) // if it said before that it has nothing, now it has
		switch {
		case m.Sync && s.asked == 0:
			s.askAt = now
			t.pull(now, s, out)
		case fresh:
			s.askAt = now.Add(t.wait(now))
		}
	}
}

// miss begins the repair of a stream, with holder as the first to ask.
func (t *Tree) miss(now time.Time, s *stream, holder ident.Link) {
	if s.repair != nil {
		s.holder = holder
		return
	}
	s.repair = &repair{
		holder:   holder,
		since:    now,
		askAt:    now.Add(t.wait(now) / 4), // it may be on its way on another link
		giveUpAt: now.Add(t.cfg.OrderWait),
	}
	t.repairs = append(t.repairs, s)
}

// mayAsk lets a neighbour be asked that was asked before.
func (s *stream) mayAsk(id ident.Link) {
	same := func(x ident.Link) bool { return x == id }
	s.tried = slices.DeleteFunc(s.tried, same)
	s.denied = slices.DeleteFunc(s.denied, same)
	s.older = slices.DeleteFunc(s.older, func(o older) bool { return o.by == id })
}

func (t *Tree) complete(s *stream) {
	if s.repair != nil {
		s.repair = nil
		t.repairs = slices.DeleteFunc(t.repairs, func(x *stream) bool { return x == s })
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
		s.askAt = s.giveUpAt
		return
	case t.cfg.NoWait && s.firstHeld() > 0:
		t.giveUp(now, s, out)
		return
	case late >= (patience-1)*t.cfg.OrderWait || late >= 0 && s.evicted > s.next && !t.isOwed(s):
		t.giveUp(now, s, out)
		return
	}
	t.disturb(now)
	missing := s.appendMissing(nil, s.next, s.high)
	if len(missing) == 0 {
		t.deliver(now, s, out)
		return
	}
	l := t.chooseHolder(s)
	// Each round of all neighbours takes twice as long as the one before.
	s.askAt = now.Add(graftRetry << min(s.rounds, 4))
	if s.giveUpAt.After(now) && s.giveUpAt.Before(s.askAt) {
		s.askAt = s.giveUpAt
	}
	if l == nil {
		return
	}
	s.asked = l.id
	t.late.asks(missing, s.since)
	t.Stats.Grafts++
	out.Send(l.id, &Graft{Ranges: missing, Eager: true, MaxAge: t.maxAge(now, s)})
	t.makeEager(l, out)
}

// maxAge is how old events may be that we ask for. Of an origin that is new to
// us we want those emitted while we were alive. Of one that we have heard, all
// that came later, however long the question takes.
func (t *Tree) maxAge(now time.Time, s *stream) time.Duration {
	if s.delivered {
		return maxAge
	}
	return now.Sub(t.started)
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

// isOwed reports whether some neighbour has not said yet that it has nothing.
func (t *Tree) isOwed(s *stream) bool {
	return slices.ContainsFunc(t.links, func(l link) bool { return !slices.Contains(s.denied, l.id) })
}

// chooseHolder is whom to ask next: who last showed that it has later events,
// then every other neighbour in turn.
func (t *Tree) chooseHolder(s *stream) *link {
	if l := t.link(s.holder); l != nil && !slices.Contains(s.tried, l.id) {
		s.tried = append(s.tried, l.id)
		return l
	}
	for i := range t.links {
		if l := &t.links[i]; !slices.Contains(s.tried, l.id) {
			s.tried = append(s.tried, l.id)
			return l
		}
	}
	s.tried = append(s.tried[:0], s.holder) // the next round
	s.rounds++
	return t.link(s.holder)
}

func (t *Tree) hasUntried(s *stream) bool {
	return slices.ContainsFunc(t.links, func(l link) bool { return !slices.Contains(s.tried, l.id) })
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
	t.skip(now, s, to, out)
}

// skip moves past events that will not come.
func (t *Tree) skip(now time.Time, s *stream, to uint64, out Out) {
	if s.firstHeld() == 0 {
		t.tellSkipped(now, s)
	}
	s.next = to
	s.high = max(s.high, to)
	s.tried = s.tried[:0]
	t.deliver(now, s, out)
	if s.repair != nil {
		s.askAt = now
	}
}

// onGraft serves what the peer misses, and pushes to it from now on.
func (t *Tree) onGraft(now time.Time, l *link, g *Graft, out Out) {
	if g.Eager {
		t.makeEager(l, out)
		t.keep(l)
	}
	if g.Parent {
		t.adopt(l, out)
	}
	if len(g.Ranges) > 0 {
		t.disturb(now)
	}
	bornAfter := now.Add(-max(g.MaxAge, 0))
	for _, r := range g.Ranges {
		if r.To > r.From && len(l.serve) < 2*maxRanges {
			l.serve = append(l.serve, request{r, bornAfter})
		}
	}
	if t.allow(now, l); l.isServed() {
		t.ready(l, out)
	}
}

// serve answers pulls, with about room bytes; it returns how many of these were
// not needed.
func (t *Tree) serve(now time.Time, l *link, room int, out Out) int {
	t.allow(now, l)
	for len(l.serve) > 0 && room > 0 && l.allowed > 0 {
		r := &l.serve[0]
		for r.From < r.To && room > 0 && l.allowed > 0 {
			e, miss := t.find(now, *r)
			if miss != nil {
				out.Send(l.id, miss)
				r.From = miss.Range.To
				room -= serveCost
				l.allowed -= serveCost
				continue
			}
			to := min(r.To, e.end())
			t.push(now, l, e, r.From, to, out)
			r.From = to
			room -= len(e.Body) + serveCost
			l.allowed -= len(e.Body) + serveCost
		}
		if r.From >= r.To {
			l.serve = l.serve[1:]
		}
	}
	return max(room, 0)
}

// find is the first event of a request, or why a run of them does not come. The
// run may go beyond the request, to say at once how far it is in vain.
func (t *Tree) find(now time.Time, r request) (*Event, *Miss) {
	s := t.streams.find(r.Origin)
	if s == nil {
		return nil, &Miss{Range: r.Range}
	}
	e := s.at(r.From)
	since := t.moment(r.bornAfter.Add(-bornSlack))
	if e != nil && e.born >= since {
		return e, nil
	}
	miss := &Miss{Range: Range{r.Origin, r.From, r.From + 1}}
	to := &miss.Range.To
	switch {
	case e != nil:
		youngest := e.born
		*to = e.end()
		for x := s.at(*to); x != nil && x.born < since; x = s.at(*to) {
			youngest = max(youngest, x.born)
			*to = x.end()
		}
		miss.Why, miss.Age = Gone, time.Duration(t.moment(now)-youngest)
	case r.From >= s.next:
		_, *to = s.unknown(r.From, r.To)
	default:
		miss.Why, miss.Age = Gone, min(time.Duration(t.moment(now)-s.forgot), maxAge)
		*to = s.next
		if i := s.search(r.From); i < len(s.held) {
			*to = min(*to, s.held[i].Seq)
		}
	}
	return nil, miss
}

// onMiss takes the news that some events do not come from this neighbour.
func (t *Tree) onMiss(now time.Time, l *link, m *Miss, out Out) {
	s := t.streams.find(m.Range.Origin)
	if s == nil || s == t.own || s.repair == nil || s.asked != l.id {
		return
	}
	born := now.Add(-m.Age)
	if m.Why == Gone && !s.delivered && (!born.After(t.started) || m.Age >= maxAge) {
		// Older than we are: nothing is lost.
		if t.cfg.VerifyAll {
			t.onOlder(now, l, s, m.Range, out)
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
	if m.Why == Gone {
		s.evicted = max(s.evicted, min(m.Range.To, s.high))
	}
	if !slices.Contains(s.denied, l.id) {
		s.denied = append(s.denied, l.id)
	}
	s.asked, s.askAt = 0, now.Add(graftRetry/10)
	if !t.hasUntried(s) {
		if s.firstHeld() == 0 && s.evicted <= s.next && !t.isOwed(s) {
			// It was announced, and not even who announced it has it.
			t.giveUp(now, s, out)
			return
		}
		s.askAt = now.Add(graftRetry)
	}
	t.pull(now, s, out)
}

// A peer may pull so many histories at once, and one more in so long a time. Who
// has been away needs one. Without a bound, a few bytes that ask for all of it again
// and again would keep a node sending.
const (
	allowedAtOnce = 2
	allowedIn     = 8 * time.Second
)

// allow brings up to date what a peer may pull.
func (t *Tree) allow(now time.Time, l *link) {
	most := allowedAtOnce * t.cfg.HistoryBytes
	if l.allowedAt.IsZero() {
		l.allowed = most
	} else {
		more := float64(t.cfg.HistoryBytes) * now.Sub(l.allowedAt).Seconds() / allowedIn.Seconds()
		l.allowed = min(l.allowed+int(min(more, float64(most))), most)
	}
	l.allowedAt = now
	if len(l.serve) > 0 && l.allowed <= 0 && t.serveAt.IsZero() {
		t.serveAt = now.Add(allowedIn / 64)
	}
}

// isServed reports whether what a peer has asked for can be pushed now.
func (l *link) isServed() bool { return len(l.serve) > 0 && l.allowed > 0 }

// serveAgain goes on with those who had pulled too much.
func (t *Tree) serveAgain(now time.Time, out Out) {
	if t.serveAt.IsZero() || now.Before(t.serveAt) {
		return
	}
	t.serveAt = time.Time{}
	for i := range t.links {
		if l := &t.links[i]; len(l.serve) > 0 {
			if t.allow(now, l); l.allowed > 0 {
				t.ready(l, out)
			}
		}
	}
}

// forgets notes that an event born at that time is not held (any more).
func (s *stream) forgets(born moment) { s.forgot = max(s.forgot, born) }
