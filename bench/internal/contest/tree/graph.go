package tree

import "math/rand/v2"

// spanning draws a random 4-regular graph, the union of two random circles. It returns the tree
// of a breadth-first search from node 0: the parent of each node, and -1 for the root.
func spanning(n int, seed uint64) (parent []int) {
	random := rand.New(rand.NewPCG(seed, 0))
	neighbours := make([][]int, n)
	for range 2 {
		circle := random.Perm(n)
		for i, a := range circle {
			b := circle[(i+1)%n]
			neighbours[a] = append(neighbours[a], b)
			neighbours[b] = append(neighbours[b], a)
		}
	}
	parent = make([]int, n)
	for i := range parent {
		parent[i] = n // not found yet
	}
	parent[0] = -1
	for queue := []int{0}; len(queue) > 0; queue = queue[1:] {
		for _, next := range neighbours[queue[0]] {
			if parent[next] == n {
				parent[next] = queue[0]
				queue = append(queue, next)
			}
		}
	}
	return parent
}
