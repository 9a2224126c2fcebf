package plumtree

import (
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// repair is the search for the missing events of a stream. It is allocated separately,
// because most streams miss nothing most of the time.
type repair struct {
	holder    ident.Link   // the last neighbour that announced or sent later events
	claimants []ident.Link // neighbours that announced the missing events
	asked     ident.Link   // the neighbour asked last; 0: none
	tried     []ident.Link // neighbours asked in this round
	denied    []ident.Link // neighbours that denied the events after the last progress
	rounds    int          // how often all neighbours were asked after the last progress
	since     time.Time    // the last progress, or when the first event was missed
	askAt     time.Time    // time of the next request; see agenda.askFrom
	place     int          // its index in Tree.repairs
	giveUpAt  time.Time
	relayed   []Range    // early events that left the history after they were forwarded; see wasRelayed
	holes     []hole     // sorted by number, each with the time of its discovery
	evicted   uint64     // events below this number exist: a neighbour says that it has evicted them
	goneBorn  moment     // upper bound for the birth of evicted events, from the replies of neighbours
	shown     uint64     // one past the highest number of an event that arrived
	older     []older    // the claims counted by onOlder after the last progress
	rewound   uint64     // events below this number were requested before any event was delivered
	sponsor   ident.Link // the neighbour that announced the origin, if no event of it has arrived; see beginHearsay
}

// hole holds the first number of a run of missing events, and when the run was found
// missing.
type hole struct {
	from  uint64
	since time.Time
}

// older is a neighbour's claim that the events of an origin with numbers below to were
// emitted before this node's start, so that this node does not want them.
type older struct {
	by ident.Link
	to uint64
}

// addHole records that events from here on are missing. If the list is full, the hole
// counts as found together with the last one.
func (s *stream) addHole(now time.Time, from uint64) {
	if last := len(s.holes) - 1; last >= maxHoles-1 {
		s.holes[last].since = now
		return
	}
	s.holes = append(s.holes, hole{from, now})
}

// missedSince returns when the next event to deliver was found missing.
func (s *stream) missedSince() time.Time {
	for len(s.holes) > 1 && s.holes[1].from <= s.next {
		s.holes = s.holes[1:]
	}
	return s.holes[0].since
}

// recordRelayed records that an early event leaves the history. The event may arrive again;
// see wasRelayed.
func (s *stream) recordRelayed(e *Event) {
	if s.repair == nil || e.Seq < s.next {
		return
	}
	for i := range s.relayed {
		if r := &s.relayed[i]; r.From <= e.end() && e.Seq <= r.To {
			r.From, r.To = min(r.From, e.Seq), max(r.To, e.end())
			return
		}
	}
	if len(s.relayed) >= maxHoles {
		s.relayed = s.relayed[1:]
	}
	s.relayed = append(s.relayed, Range{s.origin, e.Seq, e.end()})
}

// wasRelayed reports whether events were forwarded before. If events were forwarded on
// each arrival, they would circle forever through nodes whose histories are shorter than
// the cycle.
func (s *stream) wasRelayed(e *Event) bool {
	return s.repair != nil && slices.ContainsFunc(s.relayed, func(r Range) bool { return r.From <= e.Seq && e.end() <= r.To })
}

// addClaimant records that a neighbour has announced missing events. The neighbour may be
// asked again, even if it denied them before. The exception is a neighbour that denied
// the first missing events and announces only later ones.
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

// isProven reports whether more than announcements show that the missing events exist: a
// later event of the origin arrived, or a neighbour has evicted the missing ones.
func (s *stream) isProven() bool { return s.next < s.shown || s.next < s.evicted }

// mayHave reports whether a neighbour can be asked. Proven events can be requested from
// all neighbours. Events that are only announced can be requested only from the
// neighbours that announced them.
func (s *stream) mayHave(id ident.Link) bool {
	return s.isProven() || slices.Contains(s.claimants, id)
}

// isOwed reports whether a neighbour that may have the missing events has not denied
// them yet.
func (s *stream) isOwed(links links) bool {
	return slices.ContainsFunc(links, func(l link) bool { return s.mayHave(l.id) && !slices.Contains(s.denied, l.id) })
}

// chooseHolder returns the neighbour to ask next. The first choice is the one that last
// showed that it has these or later events. Then come those that announced them, then all
// others that may have them. If a later event proves that the missing ones exist,
// neighbours that denied them are asked again in the next round, because they may have
// learned meanwhile that the events are gone.
func (s *stream) chooseHolder(links links) *link {
	l := s.untried(links)
	if l == nil && len(s.tried) > 0 {
		s.tried = s.tried[:0] // the next round begins
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
