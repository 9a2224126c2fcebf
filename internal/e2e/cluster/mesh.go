package cluster

import "slices"

// Parts counts the components of the overlay from all link tables. A link counts if both
// ends have it. If only one end has it, it is just opening or closing.
func Parts(nodes []*Actor) int {
	byID := make(map[string]*Actor, len(nodes))
	for _, a := range nodes {
		byID[a.ID] = a
	}
	seen := make(map[*Actor]bool, len(nodes))
	count := 0
	for _, start := range nodes {
		if seen[start] {
			continue
		}
		count++
		seen[start] = true
		for reached := []*Actor{start}; len(reached) > 0; {
			a := reached[0]
			reached = reached[1:]
			for _, id := range a.Links {
				b := byID[id]
				if b != nil && !seen[b] && slices.Contains(b.Links, a.ID) {
					seen[b] = true
					reached = append(reached, b)
				}
			}
		}
	}
	return count
}

// Degrees returns the smallest and the largest number of links of a node.
func Degrees(nodes []*Actor) (fewest, most int) {
	for i, a := range nodes {
		n := len(a.Links)
		if i == 0 || n < fewest {
			fewest = n
		}
		most = max(most, n)
	}
	return fewest, most
}

// IsWhole reports whether the nodes form one component and each has the expected number of
// links. A node may have fewer than minLinks only if there are not enough other nodes.
func IsWhole(nodes []*Actor, minLinks, maxLinks int) bool {
	fewest, most := Degrees(nodes)
	return fewest >= min(minLinks, len(nodes)-1) && most <= maxLinks && Parts(nodes) == 1
}

// Crossing counts the link table entries from one group to another.
func Crossing(from, to []*Actor) int {
	count := 0
	for _, a := range from {
		for _, b := range to {
			if slices.Contains(a.Links, b.ID) {
				count++
			}
		}
	}
	return count
}
