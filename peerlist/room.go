package peerlist

import (
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// makeRoomFor ends a neighbour's link for a peer that asks for its place, if the peer
// may have it: one that insists may, but a source that insists all the time only takes
// the place of one that does so more. The links of such a source give way to every
// other request.
func (m *Membership) evictFor(now time.Time, newcomer *link, prio Priority, join bool, out Out) {
	if newcomer.access == shut && prio != Bridge {
		m.evictForGuest(now, newcomer, prio, join, out)
		return
	}
	if prio != Low {
		m.costs.of(m.book.clock(now), newcomer.source).asked++
	}
	m.replaceNeighbor(now, newcomer, m.victimFor(now, newcomer, prio), out)
}

// victimFor is the neighbour that would make room for such a peer; nil if none.
func (m *Membership) victimFor(now time.Time, newcomer *link, prio Priority) *link {
	clock := m.book.clock(now)
	asked := func(l *link) float32 { return m.costs.look(clock, l.source).asked }
	flooding := func(l *link) bool { return m.isFlooding(now, l) && !m.isGuestOnly(l) }
	may := func(l *link) bool { return !m.isGuestOnly(l) }
	isFlood := m.isFlooding(now, newcomer)
	switch own := asked(newcomer); {
	case isFlood && prio == Low:
		return nil
	case isFlood:
		may = func(l *link) bool {
			return !m.isGuestOnly(l) && (l.source == newcomer.source || asked(l) >= own)
		}
	case prio == Low || slices.ContainsFunc(m.active, func(l *link) bool { return flooding(l) && m.isEvictable(now, l) }):
		may = flooding
	}
	victim := m.recentCaller(now, may)
	if victim == nil {
		victim = m.leastNeeded(now, 0, may)
	}
	if victim == nil && prio == Bridge && !isFlood {
		victim = m.victimForBridge(now)
	}
	return victim
}

// recentCaller is the youngest neighbour that came by itself, if that was lately:
// a node that insists takes its place first. However many insist, a node loses one
// of its older neighbours to them, and the others displace each other.
func (m *Membership) recentCaller(now time.Time, may func(*link) bool) (youngest *link) {
	if m.cfg.NoLimits {
		return nil
	}
	for _, l := range m.active { // oldest first
		if !l.isOwn() && now.Sub(l.since) < recentFor && m.isEvictable(now, l) && (may == nil || may(l)) {
			youngest = l
		}
	}
	return youngest
}

func (m *Membership) isFlooding(now time.Time, l *link) bool {
	if m.cfg.NoLimits {
		return false
	}
	x := m.costs.look(m.book.clock(now), l.source)
	return x.isFlooding()
}

// makeRoom lets a neighbour go, if there is one to let go, and offers it the
// newcomer, so that the newcomer is spliced into the link between two full nodes
// and none of the three ends with fewer links than before.
func (m *Membership) replaceNeighbor(now time.Time, newcomer, victim *link, out Out) {
	if victim == nil {
		return
	}
	var try []Contact
	if newcomer.access != shut && newcomer.Addr != "" && (victim.Local || !ident.IsLoopback(newcomer.Addr)) {
		try = append(try, Contact{newcomer.Peer.ID, newcomer.Addr})
	}
	m.disconnect(now, victim, ReasonMakeRoom, try, out)
}

// isOwn reports whether this node chose the neighbour: it dialled it, and not
// because somebody told it to at that moment.
func (l *link) isOwn() bool { return l.Dialled != "" && l.purpose != toAnswer }

// ownLinks is how many neighbours this node has chosen itself, apart from such as
// flood it, and how many it wants: half, and at least two. They are the last to
// make room while they are no more.
func (m *Membership) ownLinks(now time.Time) (have, want int) {
	for _, l := range m.active {
		if l.isOwn() && !m.isFlooding(now, l) {
			have++
		}
	}
	return have, max(2, (m.countRegular()+1)/2)
}

// leastNeeded is the neighbour to let go where one must, of those that may be
// asked for (nil: all) and have at least so many neighbours: one that this node
// did not choose, if it has no more than enough that it did; of these one whose
// link is not in use; of these the one with most neighbours.
func (m *Membership) leastNeeded(now time.Time, degree int, may func(*link) bool) (victim *link) {
	have, want := m.ownLinks(now)
	spare := have > want || m.cfg.NoLimits // links that it chose
	needed := func(l *link) int {
		n := 0
		if !spare && l.isOwn() {
			n += 2
		}
		if m.cfg.IsInUse(now, l.Link) {
			n++
		}
		return n
	}
	least := 0
	for _, l := range m.active {
		if l.degree < degree || !m.isEvictable(now, l) || may != nil && !may(l) {
			continue
		}
		if n := needed(l); victim == nil || n < least || n == least && l.degree > victim.degree {
			victim, least = l, n
		}
	}
	return victim
}
