package hyparview

import (
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// shunned is how this node treats a peer that was removed or banned.
type shunned struct {
	until  time.Time // this node does not dial the peer before this time
	mayAsk bool      // requests of the peer are accepted, because this node's program ended the link and may restore it
}

// shun makes this node neither dial nor accept a peer before the given time.
func (m *Membership) shun(peer ident.ID, until time.Time) {
	m.remember(peer, shunned{until: until})
}

// avoid makes this node not dial a peer before the given time. If the peer is shunned, it
// stays shunned.
func (m *Membership) avoid(peer ident.ID, until time.Time) {
	m.remember(peer, shunned{until: until, mayAsk: true})
}

// remember stores how to treat a peer. If the table is full, the entry whose time ends
// first is dropped.
func (m *Membership) remember(peer ident.ID, s shunned) {
	if _, known := m.removed[peer]; !known && len(m.removed) >= maxRemoved {
		var first ident.ID
		var at time.Time
		for id, old := range m.removed { // the order does not matter, because the entry that ends first is chosen
			t := old.until
			if at.IsZero() || t.Before(at) || t.Equal(at) && id.Less(first) {
				first, at = id, t
			}
		}
		delete(m.removed, first)
	}
	old, known := m.removed[peer]
	s.mayAsk = s.mayAsk && (!known || old.mayAsk)
	if old.until.After(s.until) {
		s.until = old.until
	}
	m.removed[peer] = s
}
