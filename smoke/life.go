package smoke

import (
	"sync"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/emitter"
	"github.com/smokesignal-go/smokesignal/internal/engine"
	"github.com/smokesignal-go/smokesignal/internal/logging"
	"github.com/smokesignal-go/smokesignal/internal/overlay"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/netsplit"
)

// life is the state of a node from one Start to the Stop that follows. The driver runs the
// protocols and reports to the life.
type life struct {
	node   *Node
	driver *engine.Driver
	ended  chan struct{} // closed when Shutdown has ended this life

	mu      sync.Mutex // guards all below; taken inside the driver's lock
	refusal *Refusal   // immutable; nil: this node is not refused everywhere
	reason  int        // the reason of the refusal; see newRefusal
}

var _ engine.Host = (*life)(nil)

// life returns the present life.
func (n *Node) life() (*life, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.present != nil:
		return n.present, nil
	case n.stopped:
		return nil, ErrStopped
	}
	return nil, ErrNotStarted
}

// PeerEvents implements engine.Host.
func (l *life) PeerEvents(id ident.ID) *emitter.Emitter {
	return emitter.New(l.node.reports("peer "+id.Short(), nil))
}

// PeerUp implements engine.Host.
func (l *life) PeerUp(nb *engine.Neighbour) {
	n := l.node
	l.mu.Lock()
	l.refusal = nil
	l.mu.Unlock()
	n.peers.Add(&Peer{node: n, neighbour: nb})
	n.peerlist.tell()
	if n.peers.Len() == 1 {
		n.hooks.connect.run(n, struct{}{})
	}
}

// PeerDown implements engine.Host.
func (l *life) PeerDown(nb *engine.Neighbour) {
	n := l.node
	n.peers.Remove(nb.ID())
	if n.peers.Len() == 0 {
		n.hooks.disconnect.run(n, struct{}{})
	}
}

// Gap implements engine.Host.
func (l *life) Gap(missing plumtree.Range) {
	l.node.hooks.gap.run(l.node, Gap{
		Origin: missing.Origin.ID, From: missing.From, To: missing.To, Events: int(missing.To - missing.From)})
}

// Netsplit implements engine.Host.
func (l *life) Netsplit(notice netsplit.Notice) {
	n := l.node
	switch notice := notice.(type) {
	case netsplit.Found:
		n.hooks.netsplit.run(n, Netsplit{Ours: notice.Ours, Other: notice.Other})
	case netsplit.Healed:
		n.hooks.heal.run(n, Heal{After: notice.For})
	case netsplit.SeedLost:
		n.hooks.seedLost.run(n, SeedLost{Addr: notice.Addr, Err: publicError(notice.Err)})
	case netsplit.SeedBack:
		n.hooks.seedBack.run(n, SeedBack{Addr: notice.Addr})
	}
}

// Conflict implements engine.Host.
func (l *life) Conflict(c overlay.Conflict) {
	conflict := Conflict{ID: l.node.id, Addr: c.Addr, Yields: c.Yields}
	if !c.Met {
		conflict.By = c.By.Peer.ID
	}
	l.node.hooks.conflict.run(l.node, conflict)
}

// ShutOut implements engine.Host.
func (l *life) ShutOut(tried []*engine.DialError) (report func()) {
	n := l.node
	r, reason := newRefusal(tried)
	l.mu.Lock()
	isFirst, isSame := l.refusal == nil, l.refusal != nil && l.reason == reason
	l.refusal, l.reason = &r, reason
	l.mu.Unlock()
	if isFirst {
		n.counters.shutOut.Add(1)
	}
	if isSame {
		return nil
	}
	n.hooks.refused.run(n, r.copied())
	return func() {
		n.log.About("refused everywhere").Warn("this node has no neighbour and is refused everywhere; still looking",
			logging.Fields{"error": r.Err, "tried": r.String()})
	}
}

// publicError converts a DialError of the engine to one of this package. It returns other
// errors unchanged. The engine never wraps a DialError in another error.
func publicError(err error) error {
	if e, ok := err.(*engine.DialError); ok {
		return (*DialError)(e)
	}
	return err
}
