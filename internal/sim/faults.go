package sim

import (
	"slices"
	"time"
)

// heldByCuts is for how long bytes may wait behind a cut and arrive after it. A guess:
// twice as long as it takes to find a silent link dead.
const heldByCuts = 10 * time.Second

// Cut parts the network: nodes of different sides hear nothing of each other.
func (n *Net) Cut(side func(i int) int) {
	n.parted = true
	n.held = max(n.held, heldByCuts)
	for i := range n.sides {
		n.sides[i] = side(i)
	}
}

// CutPair parts two nodes: they hear nothing of each other, all others do.
func (n *Net) CutPair(a, b *Node) {
	n.CutOneWay(a, b)
	n.CutOneWay(b, a)
}

// CutOneWay keeps what one node sends from another one. The other direction
// works, but no new connection comes about, because that takes both.
func (n *Net) CutOneWay(from, to *Node) {
	n.parted = true
	n.held = max(n.held, heldByCuts)
	n.pairs[[2]int{from.Index, to.Index}] = true
}

// Heal ends all cuts. What was under way arrives.
func (n *Net) Heal() {
	n.parted = false
	for i := range n.sides {
		n.sides[i] = 0
	}
	clear(n.pairs)
	for _, node := range n.Nodes {
		for _, l := range node.links {
			l.half.release(n)
		}
	}
}

// isCut reports whether the second node does not hear the first. Sybils are on
// all sides.
func (n *Net) isCut(from, to *Node) bool {
	return n.parted && !from.IsSybil() && !to.IsSybil() && (n.sides[from.Index] != n.sides[to.Index] ||
		len(n.pairs) > 0 && n.pairs[[2]int{from.Index, to.Index}])
}

// Leave ends a node in good manners.
func (n *Net) Leave(node *Node) {
	node.Machine.Leave(n.now, node)
	n.Crash(node, true)
}

// Crash ends a node without a word. With reset its peers notice at once, as
// when a process dies and its machine lives on; without, they hear nothing
// until it is started again.
func (n *Net) Crash(node *Node, reset bool) {
	node.Alive = false
	node.Machine = nil
	node.silent = !reset
	node.stalled, node.backlog = false, nil
	n.changed = true
	for _, l := range slices.Clone(node.links) {
		if reset {
			l.half.close()
		} else {
			l.half.forget()
		}
	}
}

// Stall keeps a node's processor from running for a while: what comes meanwhile
// waits in its kernel, which goes on taking connections, and is handled late.
func (n *Net) Stall(node *Node, d time.Duration) {
	if !node.Alive || node.stalled {
		return
	}
	node.stalled = true
	n.held = max(n.held, d)
	life := node.life
	n.After(d, func() {
		if node.life != life || !node.Alive {
			return
		}
		node.stalled = false
		backlog := node.backlog
		node.backlog = nil
		for _, e := range backlog {
			n.handle(e)
		}
	})
}
