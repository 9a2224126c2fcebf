package engine

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/emitter"
	"github.com/smokesignal-go/smokesignal/internal/hyparview"
)

// Neighbour is the node at the other end of a link. If a better link to the same node
// replaces the link, the Neighbour stays the same. Its methods may be called from any
// goroutine.
type Neighbour struct {
	driver *Driver
	id     ident.ID
	addr   string
	events *emitter.Emitter
	link   atomic.Pointer[link]
	gone   atomic.Pointer[Departure] // nil while the node is a neighbour

	received uint64 // number of direct events received; guarded by Driver.mu
}

// Departure says why a node is not a neighbour any more.
type Departure struct {
	Why    hyparview.Reason
	ByPeer bool // the peer sent the reason; otherwise this node noticed or decided it
}

// ID returns the ID of the node.
func (n *Neighbour) ID() ident.ID { return n.id }

// Addr returns the address that the node advertises, "host:port"; empty if it can't be
// dialled.
func (n *Neighbour) Addr() string { return n.addr }

// RemoteAddr returns the address at the other end of the link.
func (n *Neighbour) RemoteAddr() string { return n.link.Load().addr }

// Events returns the handlers of the direct events of the node.
func (n *Neighbour) Events() *emitter.Emitter { return n.events }

// Context returns a context that ends with the life of this node.
func (n *Neighbour) Context() context.Context { return n.driver.ctx }

// Departure returns why the node is not a neighbour any more, and false while it is one.
func (n *Neighbour) Departure() (Departure, bool) {
	if d := n.gone.Load(); d != nil {
		return *d, true
	}
	return Departure{}, false
}

func (n *Neighbour) isGone() bool { return n.gone.Load() != nil }

// finish records that no further event of the neighbour will arrive.
func (n *Neighbour) finish() {
	if n.events.HasQueues() {
		n.events.Do(n.events.Finish)
	}
}

// Emit sends a body to this node only. If the outbox of the link is full, it waits for room until
// ctx ends. Errors: [ErrPeerGone], [ErrStopped], the error of ctx.
func (n *Neighbour) Emit(ctx context.Context, body []byte) error {
	d := n.driver
	for {
		d.mu.Lock()
		l := n.link.Load()
		if !d.isOpen() || n.isGone() {
			stopped := !d.isOpen()
			d.mu.Unlock()
			if stopped {
				return ErrStopped
			}
			return ErrPeerGone
		}
		if !l.isFull() {
			l.putDirect(body)
			d.settle(time.Now())
			d.unlock((*link).writeSoon)
			return nil
		}
		if d.capacity == nil {
			d.capacity = make(chan struct{})
		}
		capacity := d.capacity
		d.mu.Unlock()
		select {
		case <-capacity:
		case <-ctx.Done():
			return ctx.Err()
		case <-d.ctx.Done():
			return ErrStopped
		}
	}
}
