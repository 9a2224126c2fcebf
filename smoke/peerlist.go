package smoke

import (
	"context"
	"iter"
	"sync"

	"github.com/smokesignal-go/smokesignal/peerlist"
)

// Peerlist is the list of a node's neighbours, the oldest first, with hooks for
// neighbours that are added and removed. Only the node changes it: see [Node.AddPeer] and
// [Node.RemovePeer]. All methods may be called from any goroutine, also before Start and
// after Stop, when the list is empty.
type Peerlist struct {
	node *Node
	list *peerlist.Peerlist[*Peer]

	mu      sync.Mutex    // guards changed; no lock is taken while it is held
	changed chan struct{} // closed when a peer is added or the node stops; nil while no Wait runs
}

// OnAdd registers a hook for every peer that is added from now on. It runs on the
// goroutine of the node's handlers, in order with the events and other hooks. The list
// may have changed again when it runs. The returned function removes the hook.
func (l *Peerlist) OnAdd(hook func(*Peer)) (off func()) { return l.list.OnAdd(hook) }

// OnRemove registers a hook for every peer that is removed from now on. It runs like a
// hook of OnAdd.
func (l *Peerlist) OnRemove(hook func(*Peer)) (off func()) { return l.list.OnRemove(hook) }

// Len returns the number of peers.
func (l *Peerlist) Len() int { return l.list.Len() }

// Has reports whether the node with the given ID is a peer.
func (l *Peerlist) Has(id ID) bool { return l.list.Has(id) }

// Get returns the peer with the given ID. ok is false if there is none.
func (l *Peerlist) Get(id ID) (p *Peer, ok bool) { return l.list.Get(id) }

// All returns an iterator over the peers, the oldest first. The loop sees the list as it
// is when the loop begins.
func (l *Peerlist) All() iter.Seq[*Peer] { return l.list.All() }

// Min returns the number of peers that the node tries to have: [Options.MinPeers].
func (l *Peerlist) Min() int { return l.list.Min() }

// Max returns the highest number of peers: [Options.MaxPeers]. Without a limit it returns
// a number that no list reaches.
func (l *Peerlist) Max() int { return l.list.Max() }

// IsFilled reports whether there are at least Min peers. The node does not look for more.
func (l *Peerlist) IsFilled() bool { return l.list.IsFilled() }

// IsFull reports whether there are at least Max peers. The node accepts no further one.
func (l *Peerlist) IsFull() bool { return l.list.IsFull() }

// Wait waits until the node has at least n peers, and returns nil then. It returns nil at
// once if n is 0 or less. It may be called before Start. If ctx ends first, Wait returns
// its error; if the node stops, it returns [ErrStopped]. If n is above Max, the wait ends
// only in these two ways.
//
// The network may have more nodes than this node has peers: [Node.Count] counts all
// nodes. A Wait in a handler or hook blocks the other handlers. It does not keep peers
// from being added.
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

// change returns a channel that the next call of tell closes.
func (l *Peerlist) change() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	return l.changed
}

// tell wakes each Wait, which then checks the list again.
func (l *Peerlist) tell() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

// isStopped reports whether the node has been started and is stopped now.
func (n *Node) isStopped() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.present == nil && n.stopped
}
