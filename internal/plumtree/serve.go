package plumtree

import (
	"time"

	"github.com/smokesignal-go/smokesignal/internal/batch"
)

// onGraft queues the events that the peer requests. With Eager, it pushes to the peer
// from now on.
func (t *Tree) onGraft(now time.Time, l *link, g *Graft, out Out) {
	if g.Eager {
		t.makeEager(l, out)
		l.role.exemptFromPulse()
	}
	if g.Parent {
		t.pulse.setChild(l, t.shape(out))
	}
	if len(g.Ranges) > 0 {
		t.disturb(now)
	}
	bornAfter := now.Add(-max(g.MaxAge, 0))
	for _, r := range g.Ranges {
		if r.To > r.From && len(l.serve) < maxServe {
			l.serve = append(l.serve, request{r, bornAfter})
		}
	}
	if t.settle(now, l); t.isServed(l) {
		t.ready(l, out)
	}
}

// serve answers requests with about room bytes. It returns how many of these bytes are
// left.
func (t *Tree) serve(now time.Time, l *link, room int, out Out) int {
	t.settle(now, l)
	for room > 0 && t.isServed(l) {
		r := &l.serve[0]
		for r.From < r.To && room > 0 && t.isServed(l) {
			e, miss := t.find(now, *r)
			if miss != nil {
				out.Send(l.id, miss)
				r.From = miss.Range.To
				room -= serveCost
				t.charge(l, serveCost)
				continue
			}
			to := min(r.To, e.end())
			t.push(now, l, e, r.From, to, out)
			r.From = to
			room -= len(e.Body) + serveCost
			t.charge(l, len(e.Body)+serveCost)
		}
		if r.From >= r.To {
			l.serve = l.serve[1:]
		}
	}
	return max(room, 0)
}

// find returns the first event of a request, or the reason why a run of events does not
// come. The run may extend beyond the request, so that the peer learns at once how many
// of its later requests would fail. The length of the scan is bounded, because a request
// costs the peer nothing.
func (t *Tree) find(now time.Time, r request) (*Event, *Miss) {
	s := t.streams.find(r.Origin)
	if s == nil {
		return nil, &Miss{Range: r.Range}
	}
	e := s.at(r.From)
	since := t.moment(r.bornAfter.Add(-askSlack))
	if e != nil && e.born >= since {
		return e, nil
	}
	miss := &Miss{Range: Range{r.Origin, r.From, r.From + 1}}
	to := &miss.Range.To
	switch {
	case e != nil:
		youngest := e.born
		*to = e.end()
		for x, n := s.at(*to), 0; x != nil && x.born < since && n < maxRanges; x, n = s.at(*to), n+1 {
			youngest = max(youngest, x.born)
			*to = x.end()
		}
		miss.Why, miss.Age = Gone, time.Duration(t.moment(now)-youngest)
	case r.From >= s.next && s.repair != nil && s.evicted > r.From:
		// A neighbour of this node has evicted these events. With this reply, the peer
		// need not ask the same of each further node.
		_, *to = s.unknown(r.From, min(r.To, s.evicted))
		miss.Why, miss.Age = Gone, min(time.Duration(t.moment(now)-s.goneBorn), maxAge)
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
