package engine

import (
	"sync/atomic"

	"github.com/smokesignal-go/smokesignal/discovery"
	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/callout"
	"github.com/smokesignal-go/smokesignal/internal/emitter"
	"github.com/smokesignal-go/smokesignal/internal/logging"
	"github.com/smokesignal-go/smokesignal/internal/overlay"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/netsplit"
	"github.com/smokesignal-go/smokesignal/peerlist"
	"github.com/smokesignal-go/smokesignal/transport"
	"github.com/smokesignal-go/smokesignal/trust"
)

// Config is what a [Driver] needs. Its values have been validated.
type Config struct {
	ID        ident.ID
	Version   string // of this library in the program, for surveys
	Network   string
	Seeds     []string
	Bind      string // the address to listen on
	Advertise func(listening string) Advertised
	StateFile string // empty: no file

	Transport   transport.Transport // nil: TCP
	Resolver    discovery.Resolver  // nil: DNS
	Guard       *trust.Guard        // nil: links are plaintext
	HasTLS      bool                // Guard has callbacks of the program, which may hang
	EncryptedBy string              // the option that would make the links of this node encrypted, for the log
	Signing     *Signing

	Membership peerlist.Config // without Anchors
	Tree       plumtree.Config // without Heard, and without what Signing adds
	Memory     Memory          // of the node's last life; zero for its first one

	// These are the node's, and are shared by all its lives.
	Log      *logging.Logger
	Events   *emitter.Emitter // handlers of the broadcast, and hooks
	Counters *Counters
	Refusals *Refusals
	Calls    *callout.Calls // calls of the program's functions; of this life
	Host     Host
}

// Advertised is how other nodes reach this one.
type Advertised struct {
	Hello string // in the HELLO: "host:port"; ":port" if peers see the host better; empty if none can dial this node
	Addr  string // "host:port", or empty
	// Elsewhere reports whether another node may answer at Addr, because the program
	// chose it.
	Elsewhere bool
}

// Memory is the data that one life of a node leaves to the next.
type Memory struct {
	Heard   []plumtree.Range // events that handlers have got
	Anchors []string         // addresses of neighbours
}

// Host is what a Driver reports to. A Driver knows nothing else of the node.
//
// The methods are called with the driver's lock held. They must not block, nor call the
// driver. Hooks that they run are queued for the handlers.
type Host interface {
	// PeerEvents makes the emitter for the direct events of a new neighbour.
	PeerEvents(id ident.ID) *emitter.Emitter
	// PeerUp reports a new neighbour.
	PeerUp(n *Neighbour)
	// PeerDown reports that a node is not a neighbour any more.
	PeerDown(n *Neighbour)

	// Gap reports events that will not be delivered.
	Gap(missing plumtree.Range)
	// Netsplit reports what package netsplit has found. A dial that failed is a
	// *[DialError].
	Netsplit(n netsplit.Notice)
	// Conflict reports another living node with the ID of this one.
	Conflict(c overlay.Conflict)
	// ShutOut reports that no node lets this one in, with the last try of each address.
	// It is called again whenever these have changed, until PeerUp.
	ShutOut(tried []*DialError)
}

// Counters are figures of a node since it was made, over all its lives. They are written
// next to I/O, waits or rare events, so the atomics cost nothing there.
type Counters struct {
	BytesIn, BytesOut       atomic.Uint64
	PeersAdded, DialsFailed atomic.Uint64
	Netsplits, Heals        atomic.Uint64
	Conflicts               atomic.Uint64
	Waited                  atomic.Int64   // nanoseconds, by Emit
	Calls                   callout.Counts // of the program's functions that are no handlers
}
