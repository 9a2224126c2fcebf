package hyparview

import (
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// shunned is how this node treats a peer that was removed.
type shunned struct {
	until  time.Time // this node does not dial it before then
	mayAsk bool      // its requests are accepted, because its own program ended the link and may restore it
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

// remember stores how to treat a peer. If the table is full, the entry that ends first
// is dropped.
func (m *Membership) remember(peer ident.ID, s shunned) {
	if _, known := m.removed[peer]; !known && len(m.removed) >= maxRemoved {
		var first ident.ID
		var at time.Time
		for id, old := range m.removed { // order does not matter: one of them comes first
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
