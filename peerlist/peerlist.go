// Package peerlist is the list of a node's neighbours as a program sees it, with hooks for
// those that come and go. Package hyparview, inside the module, decides which they are.
//
// Programs use smoke.Peerlist, which the method Peers of a node returns: it shows a list of this
// package without the methods that change it.
package peerlist

import (
	"iter"
	"slices"
	"sync"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/roster"
)

// Peer is an element of a [Peerlist].
type Peer interface{ ID() ident.ID }

// Peerlist is the active view as a program sees it: the neighbours of a node, oldest
// first, with hooks for additions and removals.
//
// All methods may be called from any goroutine. Hooks run one after another, in the
// order of the changes, where the owner of the list runs them. In a smoke.Node that is
// the goroutine of the node's handlers. The list may have changed again before a hook
// runs.
type Peerlist[P Peer] struct {
	min, max int
	run      func(func()) // runs the hooks, in order

	mu       sync.RWMutex // guards all fields below; never held while a hook runs
	peers    []P
	onAdd    roster.Roster[func(P)]
	onRemove roster.Roster[func(P)]
}

// New returns an empty list. IsFilled is true from minPeers peers on, and IsFull from
// maxPeers on. The list passes hook calls to run, in order; if run is nil, it calls
// hooks at once.
func New[P Peer](minPeers, maxPeers int, run func(func())) *Peerlist[P] {
	if run == nil {
		run = func(f func()) { f() }
	}
	return &Peerlist[P]{min: minPeers, max: maxPeers, run: run}
}

// OnAdd registers a hook for every peer that is added from now on. The returned
// function removes the hook.
func (l *Peerlist[P]) OnAdd(hook func(P)) (off func()) { return l.hook(&l.onAdd, hook) }

// OnRemove registers a hook for every peer that is removed from now on. The returned
// function removes the hook.
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

// Add appends a peer. Only the owner of the list may call it, with a peer whose ID is
// not in the list.
func (l *Peerlist[P]) Add(p P) {
	l.mu.Lock()
	l.peers = append(slices.Clip(l.peers), p)
	hooks := l.onAdd.All()
	l.mu.Unlock()
	l.call(hooks, p)
}

// Remove removes a peer. Only the owner of the list may call it.
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

// call passes the hooks to run one by one, so that a panic in one hook does not affect
// the others.
func (l *Peerlist[P]) call(hooks []func(P), p P) {
	for _, hook := range hooks {
		l.run(func() { hook(p) })
	}
}

// Len returns the number of peers.
func (l *Peerlist[P]) Len() int {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return len(l.peers)
}

// Has reports whether the list contains a peer with that ID.
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

// Min returns the number of peers from which on IsFilled is true.
func (l *Peerlist[P]) Min() int { return l.min }

// Max returns the number of peers from which on IsFull is true.
func (l *Peerlist[P]) Max() int { return l.max }

// IsFilled reports whether the node has enough peers and looks for no more.
func (l *Peerlist[P]) IsFilled() bool { return l.Len() >= l.min }

// IsFull reports whether there is no room for another peer.
func (l *Peerlist[P]) IsFull() bool { return l.Len() >= l.max }

// All iterates over the peers as they are when the loop begins, oldest first.
func (l *Peerlist[P]) All() iter.Seq[P] {
	l.mu.RLock()
	peers := l.peers
	l.mu.RUnlock()
	return slices.Values(peers)
}
