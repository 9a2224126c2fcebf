package sim

import "slices"

// finder groups the nodes into components. It groups them anew only after a link has
// changed.
type finder struct {
	changed bool
	sides   bool // Net.parted when it last grouped them
	parent  []int32
	parts   int
	largest int
}

// find returns the representative of a node's group.
func (f *finder) find(i int32) int32 {
	for f.parent[i] != i {
		f.parent[i] = f.parent[f.parent[i]]
		i = f.parent[i]
	}
	return i
}

// Parts returns the number of components among the living nodes, and the size of the
// largest. Nodes belong together if they reach each other over links that both ends have
// and that no cut blocks. Sybils connect no nodes.
func (n *Net) Parts() (parts, largest int) {
	n.look()
	return n.parts, n.largest
}

func (n *Net) look() {
	f := &n.finder
	if !f.changed && !n.parted && !f.sides && len(f.parent) == len(n.Nodes) {
		return
	}
	f.changed, f.sides = false, n.parted
	f.parent = f.parent[:0]
	for i := range n.Nodes {
		f.parent = append(f.parent, int32(i))
	}
	living := 0
	joined := 0
	for _, node := range n.Nodes {
		if !node.Alive {
			continue
		}
		living++
		for _, l := range node.links {
			h, p := l.half, l.half.peer
			if p.node.Index <= node.Index || p.node.IsSybil() || !h.counted || !p.counted || n.isCut(node, p.node) || n.isCut(p.node, node) {
				continue
			}
			if a, b := f.find(int32(node.Index)), f.find(int32(p.node.Index)); a != b {
				f.parent[a] = b
				joined++
			}
		}
	}
	f.parts, f.largest = living-joined, 0
	sizes := make([]int, len(n.Nodes))
	for _, node := range n.Nodes {
		if node.Alive {
			root := f.find(int32(node.Index))
			sizes[root]++
			f.largest = max(f.largest, sizes[root])
		}
	}
}

// Components returns the living nodes by component, as Parts defines it. The largest
// component comes first.
func (n *Net) Components() [][]*Node {
	n.look()
	at := make(map[int32]int)
	var groups [][]*Node
	for _, node := range n.Nodes {
		if !node.Alive {
			continue
		}
		root := n.find(int32(node.Index))
		if _, ok := at[root]; !ok {
			at[root] = len(groups)
			groups = append(groups, nil)
		}
		groups[at[root]] = append(groups[at[root]], node)
	}
	slices.SortStableFunc(groups, func(a, b []*Node) int { return len(b) - len(a) })
	return groups
}

// Living returns the nodes that run.
func (n *Net) Living() (list []*Node) {
	for _, node := range n.Nodes {
		if node.Alive {
			list = append(list, node)
		}
	}
	return list
}
