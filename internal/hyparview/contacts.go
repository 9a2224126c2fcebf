package hyparview

import (
	"slices"
	"time"
)

// addContacts adds contacts that a peer reported. A contact counts as fresh only if it
// was new and the book had room. A large overlay always has unknown nodes, so contacts
// for a full book are no reason to shuffle more often.
func (m *Membership) addContacts(now time.Time, from *link, list []Contact) {
	for _, c := range list {
		if m.isUsable(c, from) && m.addContact(now, from, c) {
			m.fresh++
		}
	}
}

// addContact adds a contact that the peer on the link from has reported. It returns true
// if the contact was new and the book was not full. In a full book, each source may
// displace only a limited number of entries.
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

// RefusedContacts returns the number of contacts that were dropped because the book was
// full of better ones, or because their source had reported too many.
func (m *Membership) RefusedContacts() uint64 { return m.refused }

// recordFailure records that a dial failed.
func (m *Membership) recordFailure(now time.Time, addr string) {
	if source, blame := m.book.markFailed(now, addr, m.cfg.Rand); blame {
		m.costs.of(m.book.clock(now), source).failed++
	}
}

// avoided lists the entries that are dialled last.
type avoided struct {
	sources []uint16 // sources that reported dead addresses
	groups  []uint16 // groups that send too many requests, never the group of nearby addresses, where each peer is a source
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
