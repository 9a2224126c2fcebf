package plumtree

import (
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/batch"
)

// isBelieved reports whether all events of a frame that are new to this node pass
// verification. It runs before any other effect of a frame: a forged number must not be
// taken for the genuine event, nor an invented origin for an existing one.
//
// s is the stream of the origin; nil if the origin is unknown.
func (t *Tree) isBelieved(s *stream, g *Gossip) bool {
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

// mayTake reports whether an event with that number would be accepted: it was not
// received, or it was given up and may be taken back.
func (s *stream) mayTake(seq uint64) bool {
	return s.hasMissing(seq, seq+1) || s.skipped != 0 && seq >= s.skipped && s.at(seq) == nil
}

// WantsVerdict reports whether a Gossip has new events that must be verified.
// Verification takes longer than everything else, so an owner may call [Judge] itself
// without its lock, and store the verdict in the Gossip.
func (t *Tree) WantsVerdict(id ident.Link, g *Gossip) bool {
	if t.cfg.Verify == nil || !g.Signed && !t.cfg.VerifyAll || t.links.find(id) == nil || g.Origin == t.cfg.Self {
		return false
	}
	s := t.streams.find(g.Origin)
	return s == nil || s.hasMissing(g.Seq, g.end())
}

// Judge verifies all events of a Gossip.
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

// provenTo returns how far a stream may skip events that no neighbour has: up to the
// highest number known to exist. With VerifyAll, only events prove that a number
// exists, and announcements do not.
func (t *Tree) provenTo(s *stream) uint64 {
	if t.cfg.VerifyAll {
		return min(s.shown, s.high)
	}
	return s.high
}

// older is a neighbour's claim that the first events of an origin, those below to, were
// emitted before this node's start and are not wanted.
type older struct {
	by ident.Link
	to uint64
}

// onOlder counts such a claim, with VerifyAll or a rewind, as one vote. If one vote
// were enough, a neighbour that withholds the first events of an origin from a new node
// could make it skip them without a report. So all neighbours are asked.
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
	s.removeClaimant(l.id)
	s.asked = 0
	again := now
	if s.untried(t.links) == nil {
		if s.firstHeld() == 0 && s.evicted <= s.next && !s.isOwed(t.links) {
			t.giveUp(now, s, out) // no event proves that they exist
			return
		}
		again = now.Add(graftRetry)
	}
	t.repairs.askFrom(s, again)
	t.pull(now, s, out)
}

// passOver skips the first events of an origin if every neighbour has denied them, and
// at least one with the reason that they are older than this node.
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
			t.repairs.askFrom(s, now) // the next neighbour
		}
	}
	if ready := t.linked.Add(joinWait); t.rewind > 0 && now.Before(ready) {
		t.repairs.askFrom(s, ready) // further neighbours may hold them
		return false
	}
	if s.isOwed(t.links) || !slices.ContainsFunc(s.older, func(o older) bool { return o.to >= end }) {
		return false
	}
	s.noteForgotten(t.moment(t.started))
	t.skip(now, s, end, out)
	return true
}
