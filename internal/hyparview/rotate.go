package hyparview

import (
	"time"

	"github.com/smokesignal-go/smokesignal/internal/retry"
)

// rotate replaces one link by a random one from the book, slowly, so that an overlay
// without other changes keeps mixing. If a split was healed by one bridge, rotations add
// links between its halves. The first rotations are fast. Nodes that join together know
// the same few nodes and connect to them, and paths through such clusters are twice as
// long as through a mixed network.
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

// choose draws an address of the book for a dial that is not urgent. It skips addresses
// from sources that reported dead ones, and entries that also rejects.
func (m *Membership) choose(now time.Time, also func(*entry) bool) (Contact, bool) {
	last := m.avoided(now)
	return m.book.pick(now, m.cfg.Rand, last, func(e *entry) bool {
		return also != nil && also(e) || last.isBlamed(e) || !m.canDial(e.Contact)
	})
}

// dialFeeler dials an untried address of the book, only to test whether a node answers.
// The book thus contains more live nodes than this node ever had as neighbours. If the
// tried half of the book is full, every other feeler tests a tried address. If that
// address is dead, it is no longer tried.
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

// hastenRotation moves the next rotation forward if this node is flooded and has lost
// neighbours that it chose, because the flooding peers may have replaced them. In all
// other cases the rotation can wait, because each rotation takes a link from another
// node, which would then have to hurry as well.
func (m *Membership) hastenRotation(now time.Time) {
	soon := now.Add(hurriedRotation)
	if len(m.costs.list) == 0 || m.rotateAt.Before(soon) || m.cfg.NoLimits {
		return
	}
	if have, want := m.ownLinks(now); have < want && len(m.costs.flooding(m.book.clock(now))) > 0 {
		m.rotateAt = now.Add(retry.Blur(hurriedRotation, m.cfg.Rand))
	}
}

// evictForRotation ends the link that is needed least, to make room for the one that
// rotation adds. Both ends of the link must have links to spare. Links in use stay,
// because otherwise the events that they carry would arrive late.
//
// Only the peer itself knows its degree. So some rotations evict a random neighbour whose
// link is not in use. Otherwise peers that report a false degree would stay, and honest
// ones would be evicted one after another. A peer whose group floods this node is evicted
// first, whether its link is in use or not.
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

// randomEvictable draws a neighbour that may be evicted.
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
