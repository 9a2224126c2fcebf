package peerlist

import (
	"iter"
	"slices"
	"sync"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/roster"
)

// Peer is what a [Peerlist] holds.
type Peer interface{ ID() ident.ID }

// Peerlist is the active view as a program sees it: the neighbours of a node,
// in the order in which they came, with hooks for those that come and go.
//
// All methods may be called from any goroutine. Hooks run one after another, in
// the order of the changes, where the owner of the list lets them run (in a
// smoke.Node: on the goroutine of the node's handlers); the list may by then
// have changed again.
type Peerlist[P Peer] struct {
	min, max int
	run      func(func()) // runs hooks, in order

	mu       sync.RWMutex // guards all below; never held while a hook runs
	peers    []P
	onAdd    roster.Roster[func(P)]
	onRemove roster.Roster[func(P)]
}

// New makes an empty list. The list is filled from minPeers on and full at
// maxPeers; run is given the hook calls in order, nil calls them at once.
func New[P Peer](minPeers, maxPeers int, run func(func())) *Peerlist[P] {
	if run == nil {
		run = func(f func()) { f() }
	}
	return &Peerlist[P]{min: minPeers, max: maxPeers, run: run}
}

// OnAdd registers a hook for every peer that is added from now on, and returns
// its remover.
func (l *Peerlist[P]) OnAdd(hook func(P)) (off func()) { return l.hook(&l.onAdd, hook) }

// OnRemove registers a hook for every peer that is removed from now on, and
// returns its remover.
func (l *Peerlist[P]) OnRemove(hook func(P)) (off func()) { return l.hook(&l.onRemove, hook) }

func (l *Peerlist[P]) hook(list *roster.Roster[func(P)], hook func(P)) func() {
	if hook == nil {
		return func() {}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	mine := list.Add(hook)
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		list.Remove(mine)
	}
}

// Add appends a peer. The owner of the list calls it, with a peer whose ID is
// not in it.
func (l *Peerlist[P]) Add(p P) {
	l.mu.Lock()
	l.peers = append(slices.Clip(l.peers), p)
	hooks := l.onAdd.All()
	l.mu.Unlock()
	l.call(hooks, p)
}

// Remove takes a peer out. The owner of the list calls it.
func (l *Peerlist[P]) Remove(id ident.ID) {
	l.mu.Lock()
	at := l.index(id)
	if at < 0 {
		l.mu.Unlock()
		return
	}
	p := l.peers[at]
	l.peers = slices.Delete(slices.Clone(l.peers), at, at+1)
	hooks := l.onRemove.All()
	l.mu.Unlock()
	l.call(hooks, p)
}

// call hands the hooks over one by one, so that one that panics harms no other.
func (l *Peerlist[P]) call(hooks []func(P), p P) {
	for _, hook := range hooks {
		l.run(func() { hook(p) })
	}
}

// Len is the number of peers.
func (l *Peerlist[P]) Len() int {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return len(l.peers)
}

// Has reports whether the node is a peer.
func (l *Peerlist[P]) Has(id ident.ID) bool {
	_, ok := l.Get(id)
	return ok
}

// Get returns the peer with that ID.
func (l *Peerlist[P]) Get(id ident.ID) (p P, ok bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if at := l.index(id); at >= 0 {
		return l.peers[at], true
	}
	return p, false
}

func (l *Peerlist[P]) index(id ident.ID) int {
	return slices.IndexFunc(l.peers, func(p P) bool { return p.ID() == id })
}

// Min is the number of peers from which on the list is filled.
func (l *Peerlist[P]) Min() int { return l.min }

// Max is the number of peers from which on the list is full.
func (l *Peerlist[P]) Max() int { return l.max }

// IsFilled reports whether there are enough peers: the node looks for no more.
func (l *Peerlist[P]) IsFilled() bool { return l.Len() >= l.min }

// IsFull reports whether there is no room for another peer.
func (l *Peerlist[P]) IsFull() bool { return l.Len() >= l.max }

// All iterates over the peers as they are when the loop begins, in the order in
// which they came.
func (l *Peerlist[P]) All() iter.Seq[P] {
	l.mu.RLock()
	peers := l.peers
	l.mu.RUnlock()
	return slices.Values(peers)
}
