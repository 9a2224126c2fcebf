package engine

import (
	"sync/atomic"

	"github.com/smokesignal-go/smokesignal/discovery"
	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/callout"
	"github.com/smokesignal-go/smokesignal/internal/emitter"
	"github.com/smokesignal-go/smokesignal/internal/hyparview"
	"github.com/smokesignal-go/smokesignal/internal/logging"
	"github.com/smokesignal-go/smokesignal/internal/overlay"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/netsplit"
	"github.com/smokesignal-go/smokesignal/transport"
	"github.com/smokesignal-go/smokesignal/trust"
)

// Config is what a [Driver] needs. Its values have been validated.
type Config struct {
	ID        ident.ID
	Version   string // the version of this library, for surveys
	Network   string
	Seeds     []string
	Bind      string // the address to listen on
	Advertise func(listening string) Advertised
	StateFile string // empty: no file

	Transport   transport.Transport // nil: TCP
	Resolver    discovery.Resolver  // nil: DNS
	Guard       *trust.Guard        // nil: links are plaintext
	HasTLS      bool                // Guard has callbacks of the program, which may block forever
	EncryptedBy string              // the option that would make the links of this node encrypted, for the log
	Signing     *Signing

	Membership hyparview.Config // without Anchors, which come from Memory
	Tree       plumtree.Config  // without Heard, which comes from Memory, and without the fields that Signing sets
	Memory     Memory           // the Memory of the node's last life; zero for its first life

	// These values belong to the node, and all its lives share them.
	Log      *logging.Logger
	Events   *emitter.Emitter // handlers of the broadcast, and hooks
	Counters *Counters
	Refusals *Refusals
	Calls    *callout.Calls // the calls of the program's functions in this life
	Host     Host
}

// Advertised says how other nodes reach this one.
type Advertised struct {
	Hello string // the address in the HELLO: "host:port"; ":port" if peers see the host better than this node; empty if this node can't be dialled
	Addr  string // the address that this node sends to others, "host:port"; may be empty
	// Elsewhere reports whether another node may answer at Addr, because the program
	// chose that address.
	Elsewhere bool
}

// Memory is the state that is kept when one life of a node ends, for the next life.
type Memory struct {
	Heard   []plumtree.Range // events that handlers of this node have got
	Anchors []string         // addresses of neighbours
}

// Host gets the reports of a Driver. The Driver uses the node only through this
// interface.
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
	// Netsplit reports a notice of package netsplit. If a dial failed, its error is a
	// *[DialError].
	Netsplit(n netsplit.Notice)
	// Conflict reports another living node with the ID of this one.
	Conflict(c overlay.Conflict)
	// ShutOut reports that no node accepts this one, with the last attempt for each
	// address. The call is repeated from time to time, until PeerUp. If report is not
	// nil, the driver calls it after it has unlocked, because report may call methods of
	// the program's errors.
	ShutOut(tried []*DialError) (report func())
}

// Counters are sums over all lives of a node. They change only near I/O, waits or rare
// events, where the cost of an atomic operation does not matter.
type Counters struct {
	BytesIn, BytesOut       atomic.Uint64
	PeersAdded, DialsFailed atomic.Uint64
	Netsplits, Heals        atomic.Uint64
	Conflicts               atomic.Uint64
	Waited                  atomic.Int64   // nanoseconds that calls of Emit waited
	Calls                   callout.Counts // calls of the program's functions that are not handlers
}
