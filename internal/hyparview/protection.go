package hyparview

import (
	"slices"
	"time"
)

// markWanted records that the program asked for a link, and sends the peer a NEIGHBOR
// with Kept.
func (m *Membership) markWanted(l *link, out Out) {
	if !l.wanted {
		l.wanted = true
		out.Send(l.Link, &Neighbor{Kept: true})
	}
}

// isEvictable reports whether a neighbour's link may end in favour of another. A link
// that this node's program asked for is not evictable. The exception is a bridge over a
// netsplit, if no other link may end. The peer's claim that its program asked for the
// link protects only from rotation: if it also protected from eviction, Sybils that make
// the claim would split an honest network.
func (m *Membership) isEvictable(now time.Time, l *link) bool {
	return !now.Before(l.protected) && !l.wanted
}

// isKept reports whether this node believes a peer's claim that its program asked for
// the link.
func (m *Membership) isKept(now time.Time, l *link) bool {
	return m.isBelieved(now, l, func(x *link) bool { return x.asksKeep })
}

// isOnly reports whether this node believes that a link is the only one of a guest: the
// guest dialled this node, cannot be reached at its address, and reports at most one
// neighbour. A rotation does not end such a link.
func (m *Membership) isOnly(now time.Time, l *link) bool {
	return m.isBelieved(now, l, func(x *link) bool { return x.Dialled == "" && x.access == shut && x.degree <= 1 })
}

// isBelieved reports whether this node believes a claim that protects a link. It believes
// claims on up to half of MaxPeers links: the oldest links with the claim, one per
// source, and none of a source that floods this node. So one lying peer holds one link,
// and many lying peers hold half of the links.
func (m *Membership) isBelieved(now time.Time, l *link, claims func(*link) bool) bool {
	if !claims(l) {
		return false
	}
	var sources []uint16
	for _, x := range m.active { // oldest first
		if !claims(x) || m.isFlooding(now, x) || slices.Contains(sources, x.source) {
			continue
		}
		if x == l {
			return true
		}
		if sources = append(sources, x.source); len(sources) >= (m.cfg.MaxPeers+1)/2 {
			return false
		}
	}
	return false
}

// victimForBridge returns the neighbour to evict for a bridge. If the program asked for
// all links, it is the neighbour with the highest degree.
func (m *Membership) victimForBridge(now time.Time) *link {
	victim := m.leastNeeded(now, 0, func(l *link) bool { return !m.isGuestOnly(l) })
	if victim != nil {
		return victim
	}
	for _, l := range m.active {
		if !now.Before(l.protected) && !m.isGuestOnly(l) && (victim == nil || l.degree > victim.degree) {
			victim = l
		}
	}
	return victim
}
