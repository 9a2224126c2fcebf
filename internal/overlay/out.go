package overlay

import (
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/census"
	"github.com/smokesignal-go/smokesignal/internal/frame"
	"github.com/smokesignal-go/smokesignal/internal/hyparview"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/netsplit"
)

// Out receives the actions of a [Machine]. Its methods only record them. It consists of
// one small interface for each part; a new part adds another one.
type Out interface {
	LinkOut
	MembersOut
	WatchOut
	EventOut
	CensusOut
}

// LinkOut sends frames on links, for every part.
type LinkOut interface {
	// Send sends a frame on a link. GOSSIP frames are sent by EventOut.Push instead.
	Send(to ident.Link, message frame.Message)
}

// MembersOut receives the actions of membership: links, and reports for the program.
type MembersOut interface {
	Dial(d Dial)
	// Close ends a link after all frames that were sent on it are written.
	Close(id ident.Link, why hyparview.Reason)

	// PeerUp and PeerDown report neighbours. When a link replaces another link to the
	// same peer, PeerUp of the new link comes before PeerDown of the old one.
	PeerUp(c hyparview.Conn)
	PeerDown(c hyparview.Conn, why hyparview.Reason)
	Added(token uint64, err error)
	// ShutOut reports that this node has no neighbour, and the results of its dials.
	// It is called every ten seconds until there is a neighbour.
	ShutOut(tried []hyparview.Attempt)
	// Conflict reports that another node has this node's ID. It may be called often.
	Conflict(c Conflict)
}

// WatchOut takes the actions of netsplit, except frames on links.
type WatchOut interface {
	Resolve(seed string)
	Notify(n netsplit.Notice)
}

// EventOut takes the actions of the broadcast.
type EventOut interface {
	// Ready reports that events wait for a link. It is not repeated until Fill has taken
	// them all.
	Ready(to ident.Link)
	// Push sends events on a link. Only Fill calls it, and Close for the events that
	// still wait. The frame is valid during the call; its Body may be kept.
	Push(to ident.Link, g *plumtree.Gossip)
	Deliver(e *plumtree.Event)
	Gap(missing plumtree.Range)
	// Refused reports events from a neighbour whose signature is missing or false. If
	// banned is set, the neighbour has sent too many of them, and its link ends.
	Refused(from hyparview.Conn, events plumtree.Range, banned bool)
}

// CensusOut takes the results of the census.
type CensusOut interface {
	Counted(token, nodes uint64, complete bool)
	// Digests reports some of the answers to a Survey. After the last of them, Counted is
	// called.
	Digests(token uint64, digests []census.Digest)
}

// Conflict says that another node, or another run of this node, is running with this
// node's ID.
type Conflict struct {
	By   hyparview.Conn // the link on which this node learnt of the conflict; zero if it is not known
	Addr string         // the address of the other node, as reported by that node or by By; may be empty
	// Yields is set if the other node replaces this one as a neighbour, because it
	// started later, or because By keeps it as its neighbour.
	Yields bool
	Met    bool // By is a link to the other node itself; if false, By only reported that node
}

// Dial is a request to dial an address. The owner returns it with the answer.
type Dial struct {
	Addr  string
	Probe bool // netsplit wants a probe; if false, membership wants a neighbour
}

// deadline is the time of a part's next Advance, as the part last reported it.
type deadline struct {
	at time.Time
	ok bool
}
