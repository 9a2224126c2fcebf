package smoke

import (
	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/emitter"
	"github.com/smokesignal-go/smokesignal/internal/overlay"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/netsplit"
	"github.com/smokesignal-go/smokesignal/peerlist"
)

// host is what a life of a node, the driver, knows of the node. The driver calls it, and
// nothing else of the node.
//
// The methods are called with driver.mu held, unless they say otherwise. They must not
// block, nor call the driver. Hooks that they run are queued for the handlers.
type host interface {
	// newPeer makes the peer for a neighbour on a link.
	newPeer(d *driver, id ident.ID, addr string, l *link) *Peer
	// onPeerAdded follows each neighbour that was added to the list.
	onPeerAdded()
	// onLastPeerRemoved is called if no neighbour is left.
	onLastPeerRemoved()

	// onGap reports events that will not be delivered.
	onGap(missing plumtree.Range)
	// onNetsplit reports what package netsplit has found.
	onNetsplit(n netsplit.Notice)
	// onConflict reports another living node with the id of this one.
	onConflict(c overlay.Conflict)
	// onShutOut reports that no node lets this one in.
	onShutOut(r Refusal)

	// newVerifier makes what verifies events, for one goroutine. It is called with any
	// lock held.
	newVerifier() verifier
	// keep gets what the next life begins with. It is called without driver.mu; anchors
	// is empty if this life has none.
	keep(heard []plumtree.Range, anchors []string)
}

// shared is what all lives of a node use together. Its parts may be used by many
// goroutines.
type shared struct {
	host       host
	events     *emitter.Emitter // handlers of the broadcast, and hooks
	neighbours *peerlist.Peerlist[*Peer]
	counters   *counters
	refusals   *refusals
}

// shared returns what the lives of the node use together.
func (n *Node) shared() shared { return shared{n, n.events, n.peers, n.counters, &n.refusals} }

var _ host = (*Node)(nil)

func (n *Node) newPeer(d *driver, id ident.ID, addr string, l *link) *Peer {
	p := &Peer{node: n, driver: d, id: id, addr: addr, events: emitter.New(n.reports("peer "+id.Short(), nil))}
	p.events.Hold() // until the OnAdd hooks have run
	p.link.Store(l)
	return p
}

func (n *Node) onPeerAdded() {
	n.peerlist.tell()
	if n.peers.Len() == 1 {
		n.hooks.connect.run(n, struct{}{})
	}
}

func (n *Node) onLastPeerRemoved() { n.hooks.disconnect.run(n, struct{}{}) }

func (n *Node) onGap(missing plumtree.Range) {
	n.hooks.gap.run(n, Gap{
		Origin: missing.Origin.ID, From: missing.From, To: missing.To, Events: int(missing.To - missing.From)})
}

func (n *Node) onNetsplit(notice netsplit.Notice) {
	switch notice := notice.(type) {
	case netsplit.Found:
		n.hooks.netsplit.run(n, Netsplit{Ours: notice.Ours, Other: notice.Other})
	case netsplit.Healed:
		n.hooks.heal.run(n, Heal{After: notice.For})
	case netsplit.SeedLost:
		n.hooks.seedLost.run(n, SeedLost{Addr: notice.Addr, Err: notice.Err})
	case netsplit.SeedBack:
		n.hooks.seedBack.run(n, SeedBack{Addr: notice.Addr})
	}
}

func (n *Node) onConflict(c overlay.Conflict) {
	conflict := Conflict{ID: n.id, Addr: c.Addr, Yields: c.Yields}
	if !c.Met {
		conflict.By = c.By.Peer.ID
	}
	n.hooks.conflict.run(n, conflict)
}

func (n *Node) onShutOut(r Refusal) { n.hooks.refused.run(n, r) }

func (n *Node) keep(heard []plumtree.Range, anchors []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.heard = heard
	if len(anchors) > 0 {
		n.anchors = anchors
	}
}
