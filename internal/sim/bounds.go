package sim

import "fmt"

// CheckBounds fails the network if a node holds more than it may: neighbours,
// addresses in its book, or history. These hold at any time.
// Guests are nodes that cannot be dialled, beyond maxPeers.
func (n *Net) CheckBounds(maxPeers, maxGuests, maxBook, maxHistory int) {
	for _, node := range n.Nodes {
		if !node.Alive {
			continue
		}
		g := node.Machine.Guests()
		if d := node.Machine.Degree() - g; d > maxPeers || g > maxGuests {
			n.Fail(fmt.Errorf("node %d has %d neighbours and %d guests, at most %d and %d", node.Index, d, g, maxPeers, maxGuests))
		}
		if b := node.Machine.BookLen(); b > maxBook {
			n.Fail(fmt.Errorf("node %d has %d addresses in its book, at most %d", node.Index, b, maxBook))
		}
		if b := node.Machine.HistoryBytes(); b > maxHistory {
			n.Fail(fmt.Errorf("node %d holds %d bytes of history, at most %d", node.Index, b, maxHistory))
		}
	}
}

// Unsettled says what keeps the network from being settled, or "": each living
// node has at least that many neighbours (or all others), both ends of every
// link count it, and no two nodes count two links to each other. It does not
// look at components.
func (n *Net) Unsettled(minPeers int) string {
	living := 0
	for _, node := range n.Nodes {
		if node.Alive {
			living++
		}
	}
	least := min(minPeers, living-1)
	for _, node := range n.Nodes {
		if !node.Alive {
			continue
		}
		if d := node.Machine.Degree(); d < least {
			return fmt.Sprintf("node %d has %d neighbours", node.Index, d)
		}
		for i, l := range node.links {
			if !l.half.counted {
				continue
			}
			if !l.half.peer.counted {
				return fmt.Sprintf("node %d counts a link to node %d, and not the other way round", node.Index, l.half.peer.node.Index)
			}
			for _, other := range node.links[:i] {
				if other.half.counted && other.half.peer.node == l.half.peer.node {
					return fmt.Sprintf("node %d counts two links to node %d", node.Index, l.half.peer.node.Index)
				}
			}
		}
	}
	return ""
}
