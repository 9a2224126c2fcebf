package smoke

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/wire"
)

// What others may ask of a node. Beyond that they are refused, and counted.
//
// The limits of single frames stand in package wire (their lengths, the lists in
// them, the structure of arguments), those of what is kept in the machines' packages
// (the history, the address book, what a peer may pull), those of what waits in
// backpressure.go and outbox.go, and those of connections that come in in package
// handshake.
const (
	// Frames of a neighbour that are no events. In 10 000 nodes that start at once
	// with one seed, its neighbours get some thousands in a second.
	controlPerSecond = 2000
	controlAtOnce    = 20_000

	// Answers to requests of this node: MISS frames, or the digests of a survey. There are
	// many if events are missing or the network is large, and each costs little.
	answersPerSecond = 20_000
	answersAtOnce    = 200_000
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

// refusals has the counters of [Refused].
type refusals struct {
	handshakes, notAdmitted, incompatible, backlog, rateLimited, frames, floods, forgeries atomic.Uint64
}

func (r *refusals) counts() Refused {
	return Refused{
		Handshakes: r.handshakes.Load(), NotAdmitted: r.notAdmitted.Load(), Incompatible: r.incompatible.Load(), Backlog: r.backlog.Load(),
		RateLimited: r.rateLimited.Load(), Frames: r.frames.Load(), Floods: r.floods.Load(), Forgeries: r.forgeries.Load(),
	}
}

// count sorts a greeting that failed.
func (r *refusals) count(err error) {
	switch {
	case errors.Is(err, ErrNotAdmitted):
		r.notAdmitted.Add(1)
	case errors.Is(err, ErrOtherNetwork), errors.Is(err, ErrOtherVersion):
		r.incompatible.Add(1)
	default:
		r.handshakes.Add(1)
	}
}

// errFlood ends a link.
var errFlood = &wire.FrameError{Reason: "too many frames that are no events", Err: wire.ErrTooLarge}

// Stats are figures of a node. They are those of one moment, but for the counters,
// which count from CreateNode, or, of events and Grafts, from the last Start.
type Stats struct {
	Peers     int // neighbours
	Guests    int // neighbours among them beyond Options.MaxPeers, which no node can dial
	MinPeers  int // neighbours that the node tries to have: Options.MinPeers
	Known     int // addresses of nodes in the book
	SeedsLost int // addresses of Options.Seeds that do not answer, as reported by OnSeedLost
	Lag       int // bytes of events that wait for the neighbour for which most wait
	Queued    int // events that wait for the handlers
	History   int // bytes

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
	Grafts     uint64 // requests for events that others had announced, or for a place in the tree

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
	s := Stats{Refused: n.refusals.counts(), Queued: events.Queued + events.Aside, MinPeers: n.opts.MinPeers}
	s.Handlers.Dropped = events.Dropped
	n.counters.into(&s)
	lost, panics := n.log.Counts()
	s.Calls.LogsDropped, s.Calls.Panics = lost, s.Calls.Panics+panics
	d, err := n.life()
	if err != nil {
		return s
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.machine == nil {
		return s
	}
	s.Refused.Contacts = d.machine.RefusedContacts()
	s.Guests = d.machine.Guests()
	s.Peers, s.Known, s.History = d.machine.Degree(), d.machine.BookLen(), d.machine.HistoryBytes()
	for id := range d.links {
		s.Lag = max(s.Lag, d.machine.Lag(id))
		s.RTT = max(s.RTT, d.machine.RTT(id))
	}
	tree := d.machine.Stats()
	s.Delivered, s.Duplicates, s.Gaps, s.Grafts = tree.Delivered, tree.Duplicates, tree.Gaps, tree.Grafts
	s.SeedsLost, s.Emitted, s.Missed, s.Split = d.machine.SeedsLost(), d.machine.Emitted(), d.missed, d.isSplit
	return s
}
