package overlay

import (
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/census"
	"github.com/smokesignal-go/smokesignal/internal/frame"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/netsplit"
	"github.com/smokesignal-go/smokesignal/peerlist"
)

// Out takes what a [Machine] wants done. Its methods only note it down. It is the
// sum of one small interface for each part; a new part adds its own.
type Out interface {
	LinkOut
	MembersOut
	WatchOut
	EventOut
	CensusOut
}

// LinkOut is what every part may want: frames on links.
type LinkOut interface {
	// Send puts a frame on a link, except GOSSIP: see EventOut.
	Send(to ident.Link, message frame.Message)
}

// MembersOut is what membership wants: links, and news for the program.
type MembersOut interface {
	Dial(d Dial)
	// Close ends a link after what was sent on it.
	Close(id ident.Link, why peerlist.Reason)

	// PeerUp and PeerDown report neighbours. When a link takes the place of
	// another to the same peer, PeerUp of the new one comes before PeerDown of
	// the old one.
	PeerUp(c peerlist.Conn)
	PeerDown(c peerlist.Conn, why peerlist.Reason)
	Added(token uint64, err error)
	// ShutOut reports that this node has no neighbour, and the results of its dials.
	// It is repeated every ten seconds until there is a neighbour.
	ShutOut(tried []peerlist.Attempt)
	// Conflict reports that another node has this node's ID. It may come often.
	Conflict(c Conflict)
}

// WatchOut is what netsplit wants, beyond links.
type WatchOut interface {
	Resolve(seed string)
	Notify(n netsplit.Notice)
}

// EventOut is what the broadcast wants.
type EventOut interface {
	// Ready reports, once, that events wait for a link: see Machine.Fill.
	Ready(to ident.Link)
	// Push puts events on a link. Only Fill does, and Close with what waited. The
	// frame is valid during the call; its Body may be kept.
	Push(to ident.Link, g *plumtree.Gossip)
	Deliver(e *plumtree.Event)
	Gap(missing plumtree.Range)
	// Refused reports events from a neighbour whose signature is missing or false. If
	// banned is set, they were one time too many, and the link ends.
	Refused(from peerlist.Conn, events plumtree.Range, banned bool)
}

// CensusOut is what the census wants.
type CensusOut interface {
	Counted(token, nodes uint64, complete bool)
	// Digests brings some of the answers to a Survey. Counted follows the last of them.
	Digests(token uint64, digests []census.Digest)
}

// Conflict says that another life of this node's ID is alive: two nodes have one ID.
type Conflict struct {
	By   peerlist.Conn // the link on which this node learnt of it; zero if it is not known
	Addr string        // where the other life is, as it or By says; may be empty
	// Yields says that the other life takes the places of this one: it is the later
	// one, or By keeps it as its neighbour.
	Yields bool
	Met    bool // the other life is at the end of By; else By only says so
}

// Dial is a wish to reach an address. It is handed back with the answer.
type Dial struct {
	Addr  string
	Probe bool // netsplit wants to look, membership does not want a neighbour
}

// deadline is when a part wants its Advance, as it last said.
type deadline struct {
	at time.Time
	ok bool
}
