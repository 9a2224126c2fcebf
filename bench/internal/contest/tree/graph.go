package tree

import "math/rand/v2"

// spanning draws a random 4-regular graph, as the sum of two random circles, and
// gives the tree that a breadth-first walk from node 0 finds in it: the parent
// of each node, -1 for the root.
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
