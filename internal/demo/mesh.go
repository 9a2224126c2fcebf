package main

import "slices"

// parts counts the components of the overlay, by everybody's link tables. A
// link counts when both ends have it; one that only one end knows is about to
// come or about to go.
func parts(nodes []*actor) int {
	byID := make(map[string]*actor, len(nodes))
	for _, a := range nodes {
		byID[a.id] = a
	}
	seen := make(map[*actor]bool, len(nodes))
	count := 0
	for _, start := range nodes {
		if seen[start] {
			continue
		}
		count++
		seen[start] = true
		for reached := []*actor{start}; len(reached) > 0; {
			a := reached[0]
			reached = reached[1:]
			for _, id := range a.links {
				b := byID[id]
				if b != nil && !seen[b] && slices.Contains(b.links, a.id) {
					seen[b] = true
					reached = append(reached, b)
				}
			}
		}
	}
	return count
}

// degrees gives the fewest and the most links that a node has.
func degrees(nodes []*actor) (fewest, most int) {
	for i, a := range nodes {
		n := len(a.links)
		if i == 0 || n < fewest {
			fewest = n
		}
		most = max(most, n)
	}
	return fewest, most
}

// isWhole reports whether the nodes are one component, each with as many links
// as it should have: fewer only where there are not so many others.
func isWhole(nodes []*actor) bool {
	fewest, most := degrees(nodes)
	return fewest >= min(minLinks, len(nodes)-1) && most <= maxLinks && parts(nodes) == 1
}

// crossing counts the link table entries that lead from one group to another.
func crossing(from, to []*actor) int {
	count := 0
	for _, a := range from {
		for _, b := range to {
			if slices.Contains(a.links, b.id) {
				count++
			}
		}
	}
	return count
}
