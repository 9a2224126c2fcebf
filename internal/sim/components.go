package sim

// Components groups the living nodes by who can reach whom over links that both
// ends count as theirs. The largest group comes first.
func (n *Net) Components() [][]*Node {
	seen := make([]bool, len(n.Nodes))
	var groups [][]*Node
	for _, node := range n.Nodes {
		if !node.Alive || seen[node.Index] {
			continue
		}
		seen[node.Index] = true
		group := []*Node{node}
		for i := 0; i < len(group); i++ {
			for _, p := range group[i].Peers() {
				if p.Alive && !seen[p.Index] && p.counts(group[i]) && !n.isCut(p, group[i]) {
					seen[p.Index] = true
					group = append(group, p)
				}
			}
		}
		groups = append(groups, group)
		if last := len(groups) - 1; len(groups[last]) > len(groups[0]) {
			groups[0], groups[last] = groups[last], groups[0]
		}
	}
	return groups
}

func (node *Node) counts(peer *Node) bool {
	for _, p := range node.Peers() {
		if p == peer {
			return true
		}
	}
	return false
}

// Living are the nodes that run.
func (n *Net) Living() (list []*Node) {
	for _, node := range n.Nodes {
		if node.Alive {
			list = append(list, node)
		}
	}
	return list
}
