package engine

import (
	"time"

	"github.com/smokesignal-go/smokesignal/internal/plumtree"
)

// Figures are the figures of one life at one moment.
type Figures struct {
	Peers, Guests   int           // the number of neighbours, and the number of neighbours beyond MaxPeers
	Known           int           // number of addresses in the book
	RefusedContacts uint64        // number of addresses dropped because neighbours sent too many
	History         int           // bytes of events in the history
	Lag             int           // the most bytes that wait for any link
	RTT             time.Duration // the longest round trip to a neighbour; 0: not measured yet
	SeedsLost       int
	IsSplit         bool   // a netsplit was found and is not over
	Emitted         uint64 // number of events that this node has emitted
	Missed          uint64 // number of events of other nodes that will never arrive
	Tree            plumtree.Stats
}

// Figures returns the figures of this life, and false if the life is over.
func (d *Driver) Figures() (f Figures, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.machine == nil {
		return Figures{}, false
	}
	m := d.machine
	f = Figures{
		Peers: m.Degree(), Guests: m.Guests(), Known: m.BookLen(), RefusedContacts: m.RefusedContacts(),
		History: m.HistoryBytes(), SeedsLost: m.SeedsLost(), IsSplit: d.isSplit,
		Emitted: m.Emitted(), Missed: d.missed, Tree: m.Stats(),
	}
	for id := range d.links {
		f.Lag = max(f.Lag, m.Lag(id))
		f.RTT = max(f.RTT, m.RTT(id))
	}
	return f, true
}
