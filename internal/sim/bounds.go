package sim

import "fmt"

// CheckBounds fails the network if a node holds more neighbours, guests, addresses in its
// book or bytes of history than it may. The bounds hold at any time. Guests are neighbours
// beyond maxPeers that can't be dialled.
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

// Unsettled returns why the network is not settled, or "". It is settled if each living
// node has at least minPeers neighbours (or all others), both ends of every link count
// it, and no two nodes count two links to each other. Components are not considered.
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
