package peerlist

import (
	"slices"
	"time"
)

// want notes that the program asked for a neighbour, and tells the peer.
func (m *Membership) want(l *link, out Out) {
	if !l.wanted {
		l.wanted = true
		out.Send(l.Link, &Neighbor{Kept: true})
	}
}

// mayGo reports whether a neighbour's link may end so that another one gets its
// place. A link that a program asked for may not, at either end; it goes for a bridge
// over a netsplit where there is no other.
func (m *Membership) mayGo(now time.Time, l *link) bool {
	return !now.Before(l.protected) && !l.wanted && !m.isKept(now, l)
}

// isKept reports whether this node believes a peer that its program asked for the
// link. It believes as many as half of MaxPeers, the oldest first and one for each
// source, and none that floods it: so a peer that lies holds one place, and many of
// them hold half.
func (m *Membership) isKept(now time.Time, l *link) bool {
	if !l.asksKeep {
		return false
	}
	kept := 0
	var sources []uint16
	for _, x := range m.active { // oldest first
		if !x.asksKeep || m.isFlooding(now, x) || slices.Contains(sources, x.source) {
			continue
		}
		kept++
		sources = append(sources, x.source)
		if x == l {
			return true
		}
		if kept >= (m.cfg.MaxPeers+1)/2 {
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
