package peerlist

import (
	"slices"
	"time"
)

// learn takes contacts in that a peer told us. In a large overlay there are
// always new ones; those for which others must go are no reason to hurry.
func (m *Membership) addContacts(now time.Time, from *link, list []Contact) {
	for _, c := range list {
		if m.isUsable(c, from) && m.addContact(now, from, c) {
			m.fresh++
		}
	}
}

// take notes a contact for which the peer on a link is held to account. It
// reports whether the contact was new and there was room. Where others must go
// for it, a source may only do so much.
func (m *Membership) addContact(now time.Time, from *link, c Contact) bool {
	switch {
	case !m.book.isFull():
		return m.book.learn(c, from.source, m.cfg.Rand)
	case m.book.find(c.Addr) != nil:
		m.book.learn(c, from.source, m.cfg.Rand)
		return false
	}
	cost := m.costs.of(m.book.clock(now), from.source)
	if !m.cfg.NoLimits && cost.taken > takenBurst-1 || !m.book.learn(c, from.source, m.cfg.Rand) {
		m.refused++
	} else {
		cost.taken++
	}
	return false
}

// RefusedContacts counts contacts that were not taken in, because the book was
// full of better ones, or because their source had told too many.
func (m *Membership) RefusedContacts() uint64 { return m.refused }

// fails notes that a dial came to nothing.
func (m *Membership) recordFailure(now time.Time, addr string) {
	if source, blame := m.book.markFailed(now, addr, m.cfg.Rand); blame {
		m.costs.of(m.book.clock(now), source).failed++
	}
}

// avoided is what is dialled last.
type avoided struct {
	sources []uint16 // whose addresses lead nowhere
	groups  []uint16 // that ask for places all the time: near by none, for there a source is a peer
}

func (m *Membership) avoided(now time.Time) (a avoided) {
	if clock := m.book.clock(now); !m.cfg.NoLimits {
		a = avoided{m.costs.blamed(clock), m.costs.flooding(clock)}
	}
	return a
}

func (a *avoided) isBlamed(e *entry) bool {
	return !e.worked && len(a.sources) > 0 && slices.Contains(a.sources, e.source)
}

func (a *avoided) contains(e *entry) bool {
	return a.isBlamed(e) || len(a.groups) > 0 && slices.Contains(a.groups, e.group)
}
