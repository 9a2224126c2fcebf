package plumtree

import (
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/batch"
)

// believes reports whether all events of a frame are to be believed that were not
// received before. It comes before everything else that a frame does: a number that
// somebody made up must not pass for the event that will have it, nor a name for an
// origin that there is.
//
// s is the stream of the origin, nil if nothing is known of it.
func (t *Tree) believes(s *stream, g *Gossip) bool {
	if t.cfg.Verify == nil || g.Verdict != Open {
		return g.Verdict != Forged
	}
	rest := g.Body
	for seq := g.Seq; seq < g.end(); seq++ {
		body, next, ok := batch.Next(rest)
		if !ok {
			return false
		}
		rest = next
		if (s == nil || s.mayTake(seq)) && !t.cfg.Verify(g.Origin, seq, body) {
			return false
		}
	}
	return true
}

// mayTake reports whether an event with that number would be taken: it was not
// received, or it was given up and may be taken back.
func (s *stream) mayTake(seq uint64) bool {
	return s.misses(seq, seq+1) || s.skipped != 0 && seq >= s.skipped && s.at(seq) == nil
}

// WantsVerdict reports whether a Gossip has events that are new here and have to be
// verified. That takes longer than all else, so an owner who has other things to do
// meanwhile may find out by itself, with [Judge], and put the verdict into the Gossip.
func (t *Tree) WantsVerdict(id ident.Link, g *Gossip) bool {
	if t.cfg.Verify == nil || !g.Signed && !t.cfg.VerifyAll || t.link(id) == nil || g.Origin == t.cfg.Self {
		return false
	}
	s := t.streams.find(g.Origin)
	return s == nil || s.misses(g.Seq, g.end())
}

// Judge gives the verdict on a Gossip.
func Judge(g *Gossip, verify func(o ident.Origin, seq uint64, body []byte) bool) Verdict {
	rest := g.Body
	for seq := g.Seq; seq < g.end(); seq++ {
		body, next, ok := batch.Next(rest)
		if !ok || !verify(g.Origin, seq, body) {
			return Forged
		}
		rest = next
	}
	return Believed
}

// provenTo is how far a stream may be skipped, for want of events that nobody has:
// up to what exists. With VerifyAll that is what an event has shown, and no claim.
func (t *Tree) provenTo(s *stream) uint64 {
	if t.cfg.VerifyAll {
		return min(s.shown, s.high)
	}
	return s.high
}

// older is what a neighbour says of the first events of an origin: that those below
// to are older than this node, so that they are none of its business.
type older struct {
	by ident.Link
	to uint64
}

// onOlder takes that, with VerifyAll, for one voice. If one were enough, whoever
// keeps the first events of an origin from a node that is new to it could make it go
// on without them, and without a word. So all neighbours are asked.
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
		return // the rest of its answer follows
	}
	if t.passOver(now, s, out) {
		return
	}
	if !slices.Contains(s.denied, l.id) {
		s.denied = append(s.denied, l.id)
	}
	s.renounces(l.id)
	s.asked = 0
	again := now
	if t.untried(s) == nil {
		if s.firstHeld() == 0 && s.evicted <= s.next && !t.isOwed(s) {
			t.giveUp(now, s, out) // no event shows that there is anything
			return
		}
		again = now.Add(graftRetry)
	}
	t.askFrom(s, again)
	t.pull(now, s, out)
}

// passOver goes on without the first events of an origin if every neighbour has said
// that it does not have them, and one at least why: they are older than this node.
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
			t.askFrom(s, now) // the next one
		}
	}
	if ready := t.linked.Add(joinWait); t.rewind > 0 && now.Before(ready) {
		t.askFrom(s, ready) // further neighbours may come that hold them
		return false
	}
	if t.isOwed(s) || !slices.ContainsFunc(s.older, func(o older) bool { return o.to >= end }) {
		return false
	}
	s.forgets(t.moment(t.started))
	t.skip(now, s, end, out)
	return true
}
