package hyparview

import (
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// evictFor ends a neighbour's link for a peer that asks to replace it, if the rules allow
// that. A high-priority request may evict a neighbour. A source that repeats such
// requests can evict only links of sources that repeat them more often, and its own links
// may be evicted by any other request.
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

// victimFor returns the neighbour that evictFor evicts, or nil if it evicts none.
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

// recentCaller returns the youngest neighbour that dialled this node within recentFor.
// High-priority requests evict that neighbour first. However many such requests arrive, a
// node loses only one older neighbour to them, because the newcomers evict each other.
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

// replaceNeighbor disconnects the victim, if any, and offers it the newcomer as a
// contact. The victim then dials the newcomer. The newcomer is thus between the two nodes
// that had the link, and none of the three has fewer links than before.
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

// isOwn reports whether this node chose the neighbour. It did if it dialled the link, and
// if no peer had suggested the address at that moment.
func (l *link) isOwn() bool { return l.Dialled != "" && l.purpose != toAnswer }

// ownLinks returns two numbers: the neighbours that this node has chosen itself, without
// those that flood it, and the number of them that it wants. It wants half of its
// neighbours, and at least two. While it has no more than it wants, they are evicted
// last.
func (m *Membership) ownLinks(now time.Time) (have, want int) {
	for _, l := range m.active {
		if l.isOwn() && !m.isFlooding(now, l) {
			have++
		}
	}
	return have, max(2, (m.countRegular()+1)/2)
}

// leastNeeded returns the neighbour to evict, among those that may allows (nil: all) and
// that have at least the given degree. It prefers neighbours that this node did not
// choose, unless it has more chosen ones than it wants. Among these, it prefers links
// that are not in use, and then the highest degree.
func (m *Membership) leastNeeded(now time.Time, degree int, may func(*link) bool) (victim *link) {
	have, want := m.ownLinks(now)
	spare := have > want || m.cfg.NoLimits // this node has more chosen links than it wants
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
