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
}

func newRefused(r *engine.Refusals) Refused {
	return Refused{
		Handshakes: r.Handshakes.Load(), NotAdmitted: r.NotAdmitted.Load(), Incompatible: r.Incompatible.Load(), Backlog: r.Backlog.Load(),
		RateLimited: r.RateLimited.Load(), Frames: r.Frames.Load(), Floods: r.Floods.Load(), Forgeries: r.Forgeries.Load(),
	}
}

// Stats are figures of a node. They are those of one moment, but for the counters,
// which count from CreateNode, or, of events and Grafts, from the last Start.
type Stats struct {
	Peers     int // neighbours
	Guests    int // neighbours among them beyond Options.MaxPeers, which no node can dial
	MinPeers  int // neighbours that the node tries to have: Options.MinPeers
	Known     int // addresses of nodes in the book
	SeedsLost int // addresses of Options.Seeds that do not answer, as reported by OnSeedLost
	Lag       int // bytes, not a time: of the events that wait for the neighbour for which most wait
	Queued    int // events that wait for the handlers
	History   int // bytes of the events that the node keeps for others

	// Split is whether a part of the network was found and has not merged with ours yet:
	// between OnNetsplit and OnHeal.
	Split bool

	// RTT is how long the farthest neighbour took to answer. It is measured on
	// links that this node has dialled, every PingInterval while they are quiet and more
	// rarely while they are not. 0: never yet.
	RTT time.Duration

	Emitted    uint64 // events of this node
	Delivered  uint64 // events of others
	Duplicates uint64 // events that came again
	Gaps       uint64 // runs of events that were lost, as reported by OnGap
	Missed     uint64 // events in these runs
	Grafts     uint64 // requests for events that were announced but not sent, or for links to send them at once

	BytesIn, BytesOut uint64        // of frames on all links, before encryption
	PeersAdded        uint64        // neighbours that came, whether they stayed or not
	DialsFailed       uint64        // dials of this node that ended without a link
	Netsplits         uint64        // as reported by OnNetsplit
	Heals             uint64        // as reported by OnHeal
	ShutOut           uint64        // how often this node had no neighbour and was refused everywhere, as reported by OnRefused
	Conflicts         uint64        // as reported by OnConflict
	Waited            time.Duration // by Emit for others to keep up, all its calls together
	Handlers          HandlerStats
	Calls             CallStats
	Refused           Refused
}

// Stats gives the node's figures. It may be called from any goroutine.
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
	s.Peers, s.Guests, s.Known, s.Refused.Contacts = f.Peers, f.Guests, f.Known, f.RefusedContacts
	s.History, s.Lag, s.RTT, s.SeedsLost, s.Split = f.History, f.Lag, f.RTT, f.SeedsLost, f.IsSplit
	s.Emitted, s.Missed = f.Emitted, f.Missed
	s.Delivered, s.Duplicates, s.Gaps, s.Grafts = f.Tree.Delivered, f.Tree.Duplicates, f.Tree.Gaps, f.Tree.Grafts
	return s
}
