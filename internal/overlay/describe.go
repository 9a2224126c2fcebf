package overlay

import (
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/census"
	"github.com/smokesignal-go/smokesignal/internal/hyparview"
)

// Describe returns the digest that the node sends in a survey.
func (m *Machine) Describe(now time.Time) census.Digest {
	s := &m.tree.Stats
	d := census.Digest{
		Node: m.self, Addr: m.members.Self().Addr, Age: now.Sub(m.born), Component: m.watch.Component(),
		MinPeers: uint64(max(m.minPeers, 0)), MaxPeers: uint64(max(m.maxPeers, 0)),
		Known: uint64(m.members.BookLen()), History: uint64(m.tree.HistoryBytes()),
		Emitted: m.tree.Emitted(), Delivered: s.Delivered, Duplicates: s.Duplicates, Gaps: s.Gaps,
		Refused: s.Refused + m.members.RefusedContacts(), SeedsLost: uint64(m.watch.SeedsLost()),
		Degree: uint64(m.members.Degree()),
	}
	eager := make(map[ident.Link]bool)
	for id := range m.tree.Eager {
		eager[id] = true
	}
	m.members.Neighbors(func(c hyparview.Conn) bool {
		d.Links = append(d.Links, census.Link{
			Peer: c.Peer.ID, RTT: m.members.RTT(c.Link), Eager: eager[c.Link], Dialled: c.Dialled != "", Lag: uint64(m.tree.Lag(c.Link)),
		})
		return len(d.Links) < census.MaxLinks
	})
	for _, g := range m.left {
		if now.Sub(g.at) < leftFor {
			d.Left = append(d.Left, g.id)
		}
	}
	if m.complete != nil {
		m.complete(&d)
	}
	return d
}

// goodbye records when a neighbour said that it stops.
type goodbye struct {
	id ident.ID
	at time.Time
}

// leftFor is how long a survey lists a neighbour that has stopped. In that time, a
// program makes one or two surveys.
const leftFor = time.Minute

// noteLeft records that a neighbour has said goodbye, and drops the oldest such record
// if there are more than census.MaxLeft.
func (m *Machine) noteLeft(id ident.ID) {
	m.left = append(m.left, goodbye{id, m.now})
	m.left = m.left[max(0, len(m.left)-census.MaxLeft):]
}
