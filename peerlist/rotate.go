package peerlist

import (
	"time"

	"github.com/smokesignal-go/smokesignal/internal/retry"
)

// rotate swaps one link for a random one from the book, slowly, so that an
// overlay in which everybody is content keeps mixing: two halves that were
// healed by one bridge grow together. It begins quickly: who joins together knows
// the same few nodes and links up with them, and ways through such clusters are
// twice as long as through a network that is mixed.
func (m *Membership) rotate(now time.Time, out Out) {
	if m.rotateAt.IsZero() || now.Before(m.rotateAt) {
		return
	}
	m.rotateIn = min(2*m.rotateIn, m.cfg.RotateInterval)
	m.rotateAt = now.Add(retry.Blur(2*m.rotateIn, m.cfg.Rand))
	if len(m.active) < m.cfg.MinPeers || m.cfg.MaxPeers == m.cfg.MinPeers || len(m.dials) > 0 {
		return
	}
	if c, ok := m.choose(now, nil); ok {
		m.dial(c.Addr, toRotate, out)
	}
}

// choose draws an address of the book for a dial that can wait: none from a
// source that has sent us to dead ones, and none that also refuses.
func (m *Membership) choose(now time.Time, also func(*entry) bool) (Contact, bool) {
	last := m.avoided(now)
	return m.book.pick(now, m.cfg.Rand, last, func(e *entry) bool {
		return also != nil && also(e) || last.isBlamed(e) || !m.canDial(e.Contact)
	})
}

// feel dials an address of the book that was never tried, only to see whether
// anybody is there. So the book knows more nodes that live than this one ever had
// for neighbours. Where as many have been tried as there is room for, every other
// feeler goes to one of those: it loses its place if it is dead.
func (m *Membership) dialFeeler(now time.Time, out Out) {
	if m.feelAt.IsZero() || now.Before(m.feelAt) {
		return
	}
	m.feelAt = now.Add(retry.Blur(m.cfg.FeelerInterval/3*4, m.cfg.Rand))
	if len(m.active) < m.cfg.MinPeers || len(m.dials) > 0 {
		return
	}
	old := m.book.isTriedFull() && m.cfg.Rand.IntN(2) == 0
	if c, ok := m.choose(now, func(e *entry) bool { return e.worked != old }); ok {
		m.dial(c.Addr, toFeel, out)
	}
}

// hurry brings the next rotation forward where this node is flooded and has lost
// the neighbours that it chose: others may have taken their places meanwhile.
// (Elsewhere that can wait. Each rotation takes a link from somebody, who would
// have to hurry then.)
func (m *Membership) hastenRotation(now time.Time) {
	soon := now.Add(hurriedRotation)
	if len(m.costs.list) == 0 || m.rotateAt.Before(soon) || m.cfg.NoLimits {
		return
	}
	if have, want := m.ownLinks(now); have < want && len(m.costs.flooding(m.book.clock(now))) > 0 {
		m.rotateAt = now.Add(retry.Blur(hurriedRotation, m.cfg.Rand))
	}
}

// freeForRotation lets the neighbour go that is needed least, for the one that
// rotation brings, if both can spare it. Links in use stay: what they carry
// would come late.
//
// How many neighbours a peer has only itself says. So some rotations take any
// neighbour that is not in use: else who lies would stay and who does not would
// go, one after another. Whose group floods this node is the first to go, in use
// or not.
func (m *Membership) evictForRotation(now time.Time, out Out) {
	if m.countRegular() <= m.cfg.MinPeers {
		return
	}
	mayRotate := func(l *link) bool {
		return !m.isKept(now, l) && !m.isGuestOnly(l) && !m.cfg.IsInUse(now, l.Link)
	}
	victim := m.leastNeeded(now, m.cfg.MinPeers+1, mayRotate)
	flood := m.leastNeeded(now, 0, func(l *link) bool { return !m.isGuestOnly(l) && m.isFlooding(now, l) })
	switch have, want := m.ownLinks(now); {
	case m.cfg.NoLimits:
	case flood != nil:
		victim = flood
	case m.cfg.Rand.IntN(anyRotation) == 0:
		victim = m.randomEvictable(now)
	case victim == nil && have < want:
		victim = m.leastNeeded(now, 0, func(l *link) bool {
			return !l.isOwn() && !m.isOnly(now, l) && mayRotate(l)
		})
	}
	if victim != nil {
		m.disconnect(now, victim, ReasonRotate, nil, out)
	}
}

// anyNeighbor draws a neighbour that may be let go.
func (m *Membership) randomEvictable(now time.Time) (victim *link) {
	n := 0
	for _, l := range m.active {
		if !m.isEvictable(now, l) || m.isKept(now, l) || m.isGuestOnly(l) || m.isOnly(now, l) || m.cfg.IsInUse(now, l.Link) {
			continue
		}
		if n++; m.cfg.Rand.IntN(n) == 0 {
			victim = l
		}
	}
	return victim
}
