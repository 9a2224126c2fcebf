package hyparview

import (
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// shunned is how this node treats a peer that was removed or banned.
type shunned struct {
	until  time.Time // this node does not dial the peer before this time
	mayAsk bool      // requests of the peer are accepted, because this node's program ended the link and may restore it
	prefix uint16    // the network that the peer's link came from; see salt.prefix
}

// shun makes this node neither dial nor accept the peer of a link before the given time.
func (m *Membership) shun(l *link, until time.Time) {
	m.remember(l.Peer.ID, shunned{until: until, prefix: l.prefix})
}

// avoid makes this node not dial the peer of a link before the given time. If the peer is
// shunned, it stays shunned.
func (m *Membership) avoid(l *link, until time.Time) {
	m.remember(l.Peer.ID, shunned{until: until, mayAsk: true, prefix: l.prefix})
}

// remember stores how to treat a peer. If the table is full, another entry is dropped: one
// of the network with the most entries, so that an attacker with many ids in one network
// ends no ban of a peer in another.
func (m *Membership) remember(peer ident.ID, s shunned) {
	if _, known := m.removed[peer]; !known && len(m.removed) >= maxRemoved {
		delete(m.removed, m.removedVictim())
	}
	old, known := m.removed[peer]
	s.mayAsk = s.mayAsk && (!known || old.mayAsk)
	if old.until.After(s.until) {
		s.until = old.until
	}
	m.removed[peer] = s
}

// removedVictim returns the peer whose entry is dropped to make room: of the network with
// the most entries, a peer that is not banned if there is one, and the one whose time ends
// first.
func (m *Membership) removedVictim() (victim ident.ID) {
	counts := make(map[uint16]int)
	for _, s := range m.removed { // order does not matter: only counts
		counts[s.prefix]++
	}
	var first shunned
	for id, s := range m.removed { // order does not matter: the entries are sorted by all their fields
		goes := false
		switch a, b := counts[s.prefix], counts[first.prefix]; {
		case victim.IsZero():
			goes = true
		case a != b:
			goes = a > b
		case s.prefix != first.prefix:
			goes = s.prefix < first.prefix
		case s.mayAsk != first.mayAsk:
			goes = s.mayAsk
		case !s.until.Equal(first.until):
			goes = s.until.Before(first.until)
		default:
			goes = id.Less(victim)
		}
		if goes {
			victim, first = id, s
		}
	}
	return victim
}
