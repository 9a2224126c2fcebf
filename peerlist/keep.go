package peerlist

import (
	"slices"
	"time"
)

// want notes that the program asked for a neighbour, and tells the peer.
func (m *Membership) markWanted(l *link, out Out) {
	if !l.wanted {
		l.wanted = true
		out.Send(l.Link, &Neighbor{Kept: true})
	}
}

// mayGo reports whether a neighbour's link may end so that another one gets its
// place. A link that this node's program asked for may not; it goes for a bridge over a
// netsplit where there is no other. What a peer says of its program spares a link from
// rotation only: if it held a place, Sybils that say so would split an honest network.
func (m *Membership) isEvictable(now time.Time, l *link) bool {
	return !now.Before(l.protected) && !l.wanted
}

// isKept reports whether this node believes a peer that its program asked for the
// link.
func (m *Membership) isKept(now time.Time, l *link) bool {
	return m.isBelieved(now, l, func(x *link) bool { return x.asksKeep })
}

// isOnly reports whether this node believes that the link is the only one of a peer
// that is a guest: it came by itself, can not be reached at its address, and says to
// have no other neighbour. Rotation spares it.
func (m *Membership) isOnly(now time.Time, l *link) bool {
	return m.isBelieved(now, l, func(x *link) bool { return x.Dialled == "" && x.access == shut && x.degree <= 1 })
}

// believes reports whether a claim that spares a link is believed of this one. Of all
// links with such a claim those of half of MaxPeers are, the oldest first and one for
// each source, and none of a source that floods this node: so a peer that lies holds
// one place, and many of them hold half.
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

// victimForBridge is the neighbour that makes room for a bridge. Where the program
// asked for all links, it is the one of these whose peer has most neighbours.
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
