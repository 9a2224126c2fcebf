package plumtree

import (
	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/batch"
)

// WantsVerdict reports whether a Gossip has new events that must be verified.
// Verification takes longer than all other work, so an owner may call [Judge] itself
// without its lock, and store the verdict in the Gossip.
func (t *Tree) WantsVerdict(id ident.Link, g *Gossip) bool {
	if t.cfg.Verify == nil || !g.Signed && !t.cfg.VerifyAll || t.links.find(id) == nil || g.Origin == t.cfg.Self {
		return false
	}
	s := t.streams.find(g.Origin)
	return s == nil || s.hasMissing(g.Seq, g.end())
}

// isBelieved reports whether all events of a frame that are new to this node pass
// verification. It runs before any other effect of a frame: a forged event must not be
// taken for the genuine one of the same number, nor an invented origin for an existing
// one.
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

// mayTake reports whether an event with that number would be accepted: either it was not
// received, or it was given up and may be taken back.
func (s *stream) mayTake(seq uint64) bool {
	return s.hasMissing(seq, seq+1) || s.skipped != 0 && seq >= s.skipped && s.at(seq) == nil
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
