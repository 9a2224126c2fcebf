package plumtree

import (
	"container/heap"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// miss begins the repair of a stream. holder is asked first.
func (t *Tree) miss(now time.Time, s *stream, holder ident.Link) {
	if s.repair != nil {
		s.holder = holder
		return
	}
	wait := t.cfg.OrderWait
	if !s.delivered && now.Sub(t.linked) < wait {
		wait = min(wait, joinWait) // at a node that has just joined, every origin is new
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

// progress restarts the wait before missing events are given up.
func (t *Tree) progress(now time.Time, s *stream) {
	if s.repair != nil {
		s.tried, s.denied, s.older, s.rounds = s.tried[:0], s.denied[:0], s.older[:0], 0
		s.since = now
		s.giveUpAt = now.Add(t.cfg.OrderWait)
		t.repairs.askFrom(s, now.Add(graftRetry))
	}
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

// dropSponsor no longer counts a stream for the neighbour that introduced it, because an
// event arrived or the search has ended.
func (t *Tree) dropSponsor(s *stream) {
	if s.repair == nil || s.sponsor == 0 {
		return
	}
	if l := t.links.find(s.sponsor); l != nil {
		l.sponsored--
	}
	s.sponsor = 0
	t.hearsays--
}
