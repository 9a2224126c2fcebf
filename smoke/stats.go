package smoke

import (
	"time"

	"github.com/smokesignal-go/smokesignal/internal/engine"
)

// Refused counts what a node has refused, since CreateNode unless a field says otherwise.
type Refused struct {
	Handshakes   uint64 // connections without a valid HELLO: no TLS, not a node, or too slow
	NotAdmitted  uint64 // nodes that Secret, Allow, Admit or TLS did not admit
	Incompatible uint64 // nodes of another network, or another version of the protocol
	Backlog      uint64 // connections closed because too many waited for their handshake
	RateLimited  uint64 // connections from addresses that opened too many
	Frames       uint64 // links closed because of bytes that are not a frame
	Floods       uint64 // links closed because of too many frames
	Contacts     uint64 // addresses from neighbours that sent too many; since the last Start
	Forgeries    uint64 // frames with an event that its origin has not signed; see Options.Signed
	Origins      uint64 // frames with an event of a new origin from neighbours that brought too many, while all places are taken; since the last Start
}

func newRefused(r *engine.Refusals) Refused {
	return Refused{
		Handshakes: r.Handshakes.Load(), NotAdmitted: r.NotAdmitted.Load(), Incompatible: r.Incompatible.Load(), Backlog: r.Backlog.Load(),
		RateLimited: r.RateLimited.Load(), Frames: r.Frames.Load(), Floods: r.Floods.Load(), Forgeries: r.Forgeries.Load(),
	}
}

// Stats are figures of a node. Counters count from CreateNode, except those of events and
// Grafts, which count from the last Start. All other figures are the values at one moment.
type Stats struct {
	Peers     int // neighbours
	Guests    int // those of the neighbours that are beyond Options.MaxPeers; no node can dial them
	MinPeers  int // neighbours that the node tries to have: Options.MinPeers
	Known     int // addresses of nodes in the book
	SeedsLost int // addresses of Options.Seeds that do not answer, as reported by OnSeedLost
	Lag       int // bytes, not a time: the size of the events that wait for the neighbour with the longest queue
	Queued    int // events that wait for the handlers
	History   int // bytes of the events that the node keeps for others

	// Split is true between OnNetsplit and OnHeal: another part of the network was found
	// and has not merged with this one yet.
	Split bool

	// RTT is the time that the farthest neighbour took to answer. It is measured on links
	// that this node has dialled: every PingInterval while a link is quiet, and more rarely
	// while it is not. 0: not measured yet.
	RTT time.Duration

	Emitted    uint64 // events of this node
	Delivered  uint64 // events of others
	Duplicates uint64 // events that arrived again
	Gaps       uint64 // runs of events that were lost, as reported by OnGap
	Missed     uint64 // events in these runs
	Grafts     uint64 // requests for events that were announced but not sent, or for links to send them at once

	BytesIn, BytesOut uint64        // of frames on all links, before encryption
	PeersAdded        uint64        // neighbours that were added, whether they stayed or not
	DialsFailed       uint64        // dials of this node that ended without a link
	Netsplits         uint64        // as reported by OnNetsplit
	Heals             uint64        // as reported by OnHeal
	ShutOut           uint64        // how often this node had no neighbour and was refused everywhere, as reported by OnRefused
	Conflicts         uint64        // as reported by OnConflict
	Waited            time.Duration // the total time for which calls of Emit waited for slow nodes
	Handlers          HandlerStats
	Calls             CallStats
	Refused           Refused
}

// Stats returns the node's figures. It may be called from any goroutine.
func (n *Node) Stats() Stats {
	events := n.events.Stats()
	s := Stats{Refused: newRefused(&n.refusals), Queued: events.Queued + events.Aside, MinPeers: n.opts.MinPeers}
	s.Handlers.Dropped = events.Dropped
	n.counters.into(&s)
	lost, panics := n.log.Counts()
	s.Calls.LogsDropped, s.Calls.Panics = lost, s.Calls.Panics+panics
	l, err := n.life()
	if err != nil {
		return s
	}
	f, ok := l.driver.Figures()
	if !ok {
		return s
	}
	s.Peers, s.Guests, s.Known = f.Peers, f.Guests, f.Known
	s.Refused.Contacts, s.Refused.Origins = f.RefusedContacts, f.Tree.Unwanted
	s.History, s.Lag, s.RTT, s.SeedsLost, s.Split = f.History, f.Lag, f.RTT, f.SeedsLost, f.IsSplit
	s.Emitted, s.Missed = f.Emitted, f.Missed
	s.Delivered, s.Duplicates, s.Gaps, s.Grafts = f.Tree.Delivered, f.Tree.Duplicates, f.Tree.Gaps, f.Tree.Grafts
	return s
}
