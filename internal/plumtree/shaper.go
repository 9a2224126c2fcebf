package plumtree

import (
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// shaper is the [pulseOut] of a tree. It is a part of the tree, so that no call of the
// pulse allocates.
type shaper struct {
	t   *Tree
	out Out // of the call that runs
}

// shape returns what the pulse needs in order to act on the links.
func (t *Tree) shape(out Out) *shaper {
	t.shaper = shaper{t, out}
	return &t.shaper
}

func (s *shaper) sendPulse(to ident.Link, m *Pulse) { s.out.Send(to, m) }

func (s *shaper) askToPush(to ident.Link, isParent bool) {
	s.t.Stats.Grafts++
	s.out.Send(to, &Graft{Eager: true, Parent: isParent})
}

func (s *shaper) makeEager(l *link) { s.t.makeEager(l, s.out) }

func (s *shaper) makeLazy(l *link) { s.t.makeLazy(l) }

func (s *shaper) pullDelay(now time.Time) time.Duration { return s.t.pullDelay(now) }
