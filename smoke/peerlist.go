package smoke

import (
	"context"
	"iter"
	"sync"

	"github.com/smokesignal-go/smokesignal/peerlist"
)

// Peerlist is the list of a node's neighbours, in the order in which they came, with
// hooks for those that come and go. The node alone changes it: see [Node.AddPeer] and
// [Node.RemovePeer]. All methods may be called from any goroutine, before Start and
// after Stop too; the list is empty then.
type Peerlist struct {
	node *Node
	list *peerlist.Peerlist[*Peer]

	mu      sync.Mutex    // guards changed; no other lock is taken under it
	changed chan struct{} // closed when a peer came or the node stopped; nil while no Wait is under way
}

// OnAdd registers a hook for every peer that is added from now on. It runs on the
// goroutine of the node's handlers, in order with the events and other hooks; the list
// may by then have changed again. The returned function removes the hook.
func (l *Peerlist) OnAdd(hook func(*Peer)) (off func()) { return l.list.OnAdd(hook) }

// OnRemove registers a hook for every peer that is removed from now on, like OnAdd.
func (l *Peerlist) OnRemove(hook func(*Peer)) (off func()) { return l.list.OnRemove(hook) }

// Len is the number of peers.
func (l *Peerlist) Len() int { return l.list.Len() }

// Has reports whether the node with that ID is a peer.
func (l *Peerlist) Has(id ID) bool { return l.list.Has(id) }

// Get returns the peer with that ID.
func (l *Peerlist) Get(id ID) (p *Peer, ok bool) { return l.list.Get(id) }

// All iterates over the peers as they are when the loop begins, in the order in which
// they came.
func (l *Peerlist) All() iter.Seq[*Peer] { return l.list.All() }

// Min is the number of peers that the node looks for: [Options.MinPeers].
func (l *Peerlist) Min() int { return l.list.Min() }

// Max is the number of peers from which on there is no room for another one:
// [Options.MaxPeers], or, without a limit, a number that no list reaches.
func (l *Peerlist) Max() int { return l.list.Max() }

// IsFilled reports whether there are at least Min peers: the node looks for no more.
func (l *Peerlist) IsFilled() bool { return l.list.IsFilled() }

// IsFull reports whether there are at least Max peers: there is no room for another.
func (l *Peerlist) IsFull() bool { return l.list.IsFull() }

// Wait returns nil as soon as the node has at least n peers; at once if it has them, or
// if n is 0 or less. It may be called before Start, and waits for that too. If ctx ends
// first, Wait returns its error; if the node is stopped, [ErrStopped]. For an n above
// Max nothing but these two ends the wait.
//
// The network may be larger than what a node sees of it: [Node.Count] counts all nodes.
// In a handler or hook Wait holds up the other handlers, and the peers come all the
// same.
func (l *Peerlist) Wait(ctx context.Context, n int) error {
	for {
		changed := l.change()
		switch {
		case n <= 0:
			return nil
		case l.node.isStopped():
			return ErrStopped
		case l.Len() >= n:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

// change returns a channel that the next tell closes.
func (l *Peerlist) change() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	return l.changed
}

// tell has those in Wait look again.
func (l *Peerlist) tell() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

// isStopped reports whether there was a life, and there is none.
func (n *Node) isStopped() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.driver == nil && n.stopped
}
