package cluster

import "slices"

// Parts counts the components of the overlay, by everybody's link tables. A
// link counts when both ends have it; one that only one end knows is about to
// come or about to go.
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

// Degrees gives the fewest and the most links that a node has.
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

// IsWhole reports whether the nodes are one component, each with as many links
// as it should have: fewer than minLinks only where there are not so many others.
func IsWhole(nodes []*Actor, minLinks, maxLinks int) bool {
	fewest, most := Degrees(nodes)
	return fewest >= min(minLinks, len(nodes)-1) && most <= maxLinks && Parts(nodes) == 1
}

// Crossing counts the link table entries that lead from one group to another.
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
