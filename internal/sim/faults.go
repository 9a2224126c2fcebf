package sim

import (
	"slices"
	"time"
)

// heldByCuts is for how long bytes may wait behind a cut and arrive after it. A guess:
// twice as long as it takes to find a silent link dead.
const heldByCuts = 10 * time.Second

// Cut partitions the network: no bytes pass between nodes of different sides.
func (n *Net) Cut(side func(i int) int) {
	n.parted = true
	n.held = max(n.held, heldByCuts)
	for i := range n.sides {
		n.sides[i] = side(i)
	}
}

// CutPair cuts all traffic between two nodes and nothing else.
func (n *Net) CutPair(a, b *Node) {
	n.CutOneWay(a, b)
	n.CutOneWay(b, a)
}

// CutOneWay blocks what one node sends to another one. The other direction works, but no
// new connection can be made, because that needs both.
func (n *Net) CutOneWay(from, to *Node) {
	n.parted = true
	n.held = max(n.held, heldByCuts)
	n.pairs[[2]int{from.Index, to.Index}] = true
}

// Heal ends all cuts. Bytes in flight arrive.
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

// isCut reports whether a cut blocks the frames of one node to another. Cuts do not affect
// Sybils.
func (n *Net) isCut(from, to *Node) bool {
	return n.parted && !from.IsSybil() && !to.IsSybil() && (n.sides[from.Index] != n.sides[to.Index] ||
		len(n.pairs) > 0 && n.pairs[[2]int{from.Index, to.Index}])
}

// Leave stops a node with goodbyes to its neighbours.
func (n *Net) Leave(node *Node) {
	node.Machine.Leave(n.now, node)
	n.Crash(node, true)
}

// Crash ends a node without notice. With reset its peers notice at once, like when a
// process dies and its machine lives on. Without reset they get nothing from it until it is
// started again.
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

// Stall stops a node's processor for a while. Its kernel keeps accepting connections and
// bytes, which the node handles late.
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
