package smoke

import (
	"context"
	"errors"
	"net"
	"strconv"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/emitter"
	"github.com/smokesignal-go/smokesignal/internal/engine"
	"github.com/smokesignal-go/smokesignal/internal/handshake"
)

// Peer is a neighbour: the node at the other end of a link. All its methods may be called
// from any goroutine.
//
// Its handlers run one after another, in the order of the events, and after the hook of
// [Peerlist.OnAdd] that registered them. If a better link to the same node replaces the
// link, the Peer stays.
type Peer struct {
	node      *Node
	neighbour *engine.Neighbour
}

// ID returns the ID of the node.
func (p *Peer) ID() ID { return p.neighbour.ID() }

// Addr returns the address that the node advertises, "host:port"; empty if it can't be
// dialled.
func (p *Peer) Addr() string { return p.neighbour.Addr() }

// RemoteAddr returns the address at the other end of the link. If the peer dialled, its
// port has no meaning.
func (p *Peer) RemoteAddr() string { return p.neighbour.RemoteAddr() }

// RemoteHost is the host of [Peer.RemoteAddr].
func (p *Peer) RemoteHost() string { return handshake.HostOf(p.RemoteAddr()) }

// RemotePort is the port of [Peer.RemoteAddr], or 0 if it has none.
func (p *Peer) RemotePort() int {
	_, port, _ := net.SplitHostPort(p.RemoteAddr())
	n, _ := strconv.Atoi(port)
	return n
}

// Emit sends an event to this peer only. The handlers of the Peer that represents this node
// there receive it. Events between two nodes arrive in order and at most once. An event is
// lost if the link ends before it arrives.
//
// If the outbox of the link is full, Emit waits for one second at most, and then returns
// [ErrBusy]. Other errors: a *[NameError], an *[EncodeError], a [TooLargeError],
// [ErrPeerGone], [ErrStopped].
func (p *Peer) Emit(name string, args ...any) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := p.EmitContext(ctx, name, args...)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil {
		return ErrBusy
	}
	return err
}

// EmitContext is like Emit, with a context. The context limits the waiting, and the event
// gets its headers; see [ContextWithHeader]. If ctx ends first, no event is sent, and
// EmitContext returns the error of ctx.
func (p *Peer) EmitContext(ctx context.Context, name string, args ...any) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	body, err := p.node.encode(ctx, nil, name, args)
	if err != nil {
		return err
	}
	return p.neighbour.Emit(ctx, body)
}

// On registers a handler for the events that this peer emits to this node; see
// [Broadcast.On] for the possible types of fn.
func (p *Peer) On(name string, fn any, opts ...HandlerOption) (off func()) {
	return register(p, name, fn, nil, newSettings(opts))
}

// Once is like On, for one event only: the next one that fits.
func (p *Peer) Once(name string, fn any, opts ...HandlerOption) (off func()) {
	return register(p, name, fn, nil, newSettings(opts).withOnce())
}

// OnAny registers a handler for the events of all names.
func (p *Peer) OnAny(fn func(Event), opts ...HandlerOption) (off func()) {
	return onAny(p, fn, newSettings(opts), p.neighbour.Events().RegisterAny)
}

// Off removes all handlers of a name.
func (p *Peer) Off(name string) { p.neighbour.Events().Off(name) }

// Close ends the link to the peer, like [Node.RemovePeer].
func (p *Peer) Close() error { return p.node.RemovePeer(p.ID()) }

func (p *Peer) refuse(err error) { p.node.refuse(err) }

func (p *Peer) listen(name string, h emitter.Handler, s settings) (off func()) {
	return p.neighbour.Events().Register(name, h, s.Settings)
}
