package smoke

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/emitter"
	"github.com/smokesignal-go/smokesignal/internal/engine"
	"github.com/smokesignal-go/smokesignal/internal/hyparview"
	"github.com/smokesignal-go/smokesignal/internal/logging"
	"github.com/smokesignal-go/smokesignal/internal/redact"
	"github.com/smokesignal-go/smokesignal/peerlist"
	"github.com/smokesignal-go/smokesignal/trust"
)

// Node is one instance of a program in the network. [CreateNode] makes one. All its
// methods may be called from any goroutine, and from handlers.
type Node struct {
	given     Options // as CreateNode got them
	opts      Options // with defaults
	id        ID
	guard     *trust.Guard // secures the links; nil if they are plaintext
	key       *trust.Key   // the key that determines the node's ID; nil if it has none
	signing   *engine.Signing
	log       *logging.Logger
	events    *emitter.Emitter // handlers of the broadcast, and hooks
	broadcast *Broadcast
	peers     *peerlist.Peerlist[*Peer]
	peerlist  *Peerlist // the neighbours, as the program sees them
	hooks     hooks
	refusals  engine.Refusals
	counters  *counters

	mu       sync.Mutex    // guards all below; never held while code of the program runs or a link is waited for
	refused  []error       // registrations that failed before Start
	starting *startup      // the Start that is under way; nil if none is
	present  *life         // nil before Start and after Stop
	ending   chan struct{} // closed when the last life has ended; nil before the first Stop
	stopped  bool          // there was a life, and there is none now
	lastAddr string        // of the last listener
	memory   engine.Memory // of the last life; zero before the first Stop
}

// CreateNode makes a node. The node does nothing before [Node.Start]. Handlers and hooks
// that are registered in between miss no event. Start returns an error if the options are
// wrong.
func CreateNode(opts Options) *Node {
	opts = opts.copied()
	n := &Node{given: opts, opts: opts.Canonical().withDefaults(), id: opts.ID, counters: new(counters)}
	log, err := logging.New(opts.Logger)
	if err != nil {
		log, _ = logging.New(nil) // Start reports the error of the given Logger
	}
	n.log = log // until the id is known
	guarded := n.given
	guarded.Admit = n.protectAdmit(opts.Admit)
	n.guard, n.key, _ = guarded.handshakeOptions().Guard() // Start reports the error
	switch {
	case n.guard != nil:
		n.id = n.guard.ID()
	case n.id.IsZero():
		// crypto/rand's Reader never fails: it ends the program instead.
		n.id, _ = ident.New(rand.Reader)
	}
	n.signing = engine.NewSigning(n.opts.Network, n.key, opts.Signed)
	n.signing.Allow(opts.Allow)
	n.log = log.With(logging.Fields{"node": n.id.Short()})
	n.events = emitter.New(n.reports("broadcast", n.onLost))
	n.broadcast = &Broadcast{n}
	n.peers = peerlist.New[*Peer](n.opts.MinPeers, maxPeers(n.opts), func(f func()) { n.events.Do(f) })
	n.peerlist = &Peerlist{node: n, list: n.peers}
	return n
}

func maxPeers(o Options) int {
	if o.MaxPeers < 0 || o.MaxPeers > hyparview.Unlimited {
		return hyparview.Unlimited
	}
	return o.MaxPeers
}

// ID returns the ID of the node. On encrypted links it follows from the key. Else it is
// Options.ID, or a random one that CreateNode made.
func (n *Node) ID() ID { return n.id }

// Options returns a copy of the node's options, with defaults in place of zero values and
// with each address in its canonical form. The copy includes the Secret.
func (n *Node) Options() Options { return n.opts.copied() }

// Broadcast returns the source and destination of events from and to all nodes.
func (n *Node) Broadcast() *Broadcast { return n.broadcast }

// Peers returns the list of neighbours, which the node keeps up to date.
func (n *Node) Peers() *Peerlist { return n.peerlist }

// Addr returns the address on which the node listens, "ip:port" with the real port. It is
// empty before the first Start.
func (n *Node) Addr() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.lastAddr
}

// Advertised returns the address that the node tells other nodes. It is empty before
// Start, and if no other node could dial this one.
func (n *Node) Advertised() string {
	l, err := n.life()
	if err != nil {
		return ""
	}
	return l.driver.Advertised()
}

// Start listens, begins to look for the network, and returns without waiting for
// neighbours. After Stop a node can be started again, as a new life of the same node. If a
// handler of the last life has not returned, the handlers of the new one wait for it.
//
// Errors: an *[OptionsError] with all problems of the options; a *[HandlerError] or
// *[NameError] for each handler that could not be registered since the node was made or
// stopped, joined, which the next Start does not repeat; a *transport.Error if the node
// can't listen on the address; [ErrStarted] if the node runs or another Start is under
// way; [ErrStopping]; [ErrStopped] if Stop was called meanwhile; [ErrTimeout] if
// [Options].Transport does not listen within 30 seconds.
func (n *Node) Start() error {
	_, err := n.start()
	return withoutSecrets(err)
}

// withoutSecrets returns an error whose text shows nothing that could be a secret: an address or a
// file name may be one by mistake.
func withoutSecrets(err error) error {
	if err == nil || redact.TextWithIDs(err.Error()) == err.Error() {
		return err
	}
	return &redactedError{err}
}

type redactedError struct{ err error }

func (e *redactedError) Error() string { return redact.TextWithIDs(e.err.Error()) }
func (e *redactedError) Unwrap() error { return e.err }

// start implements Start. It returns the life that it has begun.
func (n *Node) start() (*life, error) {
	s, err := n.beginStart()
	if err != nil {
		return nil, err
	}
	// The log lines should be written before the program continues or exits.
	defer n.log.FlushBriefly()
	l := &life{node: n, ended: make(chan struct{})}
	l.driver, err = engine.New(s.ctx, n.engineConfig(s, l))
	return l, n.endStart(s, l, err)
}

// isEnding reports whether a Shutdown is under way. The caller holds mu.
func (n *Node) isEnding() bool {
	if n.ending == nil {
		return false
	}
	select {
	case <-n.ending:
		return false
	default:
		return true
	}
}

// AddPeer makes the node at addr ("host:port") a neighbour, in addition to those that the
// node finds itself. It returns nil as soon as the two are linked, also if they were
// linked before or if the other node dialled first. If the name resolves to several
// addresses, AddPeer tries them one soon after the other, and one link is enough.
//
// The link belongs to the program from then on. Neither end replaces it to mix the
// network, and this node does not evict it. It ends if the program calls
// [Node.RemovePeer], if the connection breaks or falls silent, if a node stops or breaks
// the protocol, if the other node is full and makes room for a node without links, or if
// a bridge over a netsplit needs its place. The node does not restore it.
//
// The other node treats the link as wanted by a program only for up to half of its
// MaxPeers, and for one link of each source: a peer on a private network, or a /16 of the
// Internet. It can replace links beyond that. A node of protocol version 1.0 can replace
// any of them.
//
// Errors, in a *[DialError]: [ErrFull], [ErrPeerFull], [ErrSelf], [ErrSameID],
// [ErrRefused], [ErrTimeout], [ErrOtherNetwork], [ErrOtherVersion], [ErrNotSmokesignal].
// Further errors: [ErrStopped], [ErrNotStarted], and the error of ctx, whose end leaves
// all links as they are.
func (n *Node) AddPeer(ctx context.Context, addr string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l, err := n.life()
	if err != nil {
		return err
	}
	errs := l.driver.Add(ctx, addr)
	for i := range errs {
		errs[i] = publicError(errs[i])
	}
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}

// RemovePeer ends the link to a neighbour and notifies it. For a minute this node neither
// dials nor accepts it, unless the program calls AddPeer for it. RemovePeer returns
// [ErrPeerGone] if there is no such neighbour.
func (n *Node) RemovePeer(id ID) error {
	l, err := n.life()
	if err != nil {
		return err
	}
	return l.driver.Remove(id)
}

// Count counts the nodes of the whole network, this one included, by asking all of them:
// two small frames a link. It takes some round trips, four seconds at most. If links
// changed meanwhile, the number may be too low, and the error is [ErrIncomplete].
func (n *Node) Count(ctx context.Context) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	l, err := n.life()
	if err != nil {
		return 0, err
	}
	return l.driver.Count(ctx)
}

// refuse keeps a registration that failed, for the log and for Start.
func (n *Node) refuse(err error) {
	// The text of err has the event and the place, so no mistake hides another one.
	n.log.About(err.Error()).Error("a handler was not registered", logging.Fields{"error": err})
	n.log.FlushBriefly()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.present == nil {
		n.refused = append(n.refused, err)
	}
}

// reports returns the functions with which an emitter of this node reports panics, errors
// and losses. In the log the emitter has the name source: "broadcast", or "peer" with an
// id.
func (n *Node) reports(source string, lost func(emitter.Lost)) emitter.Config {
	if lost == nil {
		lost = func(l emitter.Lost) {
			n.counters.dropped.Add(uint64(l.Events))
			n.log.About(source).Warn("handlers are too slow: events had to make room", logging.Fields{"source": source, "events": l.Events})
		}
	}
	fields := func(name string) logging.Fields {
		if name == "" {
			return logging.Fields{"source": "hook"}
		}
		return logging.Fields{"event": name, "source": source}
	}
	return emitter.Config{
		SlowAfter: n.opts.SlowHandler,
		OnPanic: func(name string, value any, stack []byte) {
			n.counters.panics.Add(1)
			f := fields(name)
			f["panic"], f["stack"] = fmt.Sprint(value), string(stack)
			n.log.About(name).Error("a handler panicked", f)
		},
		OnError: func(name string, err error) {
			n.counters.errors.Add(1)
			f := logging.Fields{"event": name, "source": source, "error": err}
			switch err := err.(type) {
			case *returnedError:
				f["error"], f["origin"] = err.err, err.origin.Short()
				n.log.About(name).Warn("a handler returned an error", f)
				return
			case *ArgumentError:
				f["origin"] = err.Origin.Short()
			}
			n.log.About(name).Warn("a handler could not take an event", f)
		},
		OnSlow: func(name string, soFar time.Duration) {
			n.counters.slow.Add(1)
			f := fields(name)
			f["so far"] = soFar
			n.log.About(name).Warn("a handler takes long; events behind it wait", f)
		},
		OnDrop: lost,
	}
}

// onLost reports to OnGap the events that were dropped to make room. It runs on the
// handlers' goroutine, before any newer event.
func (n *Node) onLost(l emitter.Lost) {
	if l.Aside {
		n.log.About(l.Name).Warn("a handler with a queue is too slow: events had to make room in it", logging.Fields{
			"event": l.Name, "origin": l.Origin.Short(), "events": l.Events})
	} else {
		n.log.Warn("handlers are too slow: events had to make room", logging.Fields{"origin": l.Origin.Short(), "events": l.Events})
	}
	gap := Gap{Origin: l.Origin, From: l.First, To: l.Last + 1, Slow: true, Events: l.Events}
	if l.Aside {
		gap.Queue = l.Name
	}
	for _, fn := range n.hooks.gap.all() {
		func() {
			defer n.recoverHook()
			fn(gap)
		}()
	}
}

// recoverHook recovers the panic of a hook, so that the other hooks still run.
func (n *Node) recoverHook() {
	if v := recover(); v != nil {
		n.counters.panics.Add(1)
		n.log.Error("a handler panicked", logging.Fields{"source": "hook", "hook": "OnGap", "panic": fmt.Sprint(v), "stack": string(debug.Stack())})
	}
}
