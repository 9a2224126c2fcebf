package smoketest

import (
	"time"
)

// Partition divides the nodes into parts: those of each part reach only their own part.
// Nodes in no part, including nodes that are added later, form another part together. So
// Partition([]int{0, 1}) makes two halves of four nodes.
//
// Partitions add up: another Partition divides the existing parts further. Heal ends all of
// them.
func (n *Network) Partition(parts ...[]int) {
	n.t.Helper()
	in := make(map[int]int) // 0 is the part of the remaining nodes
	for p, part := range parts {
		for _, i := range part {
			n.member(i)
			if in[i] != 0 {
				n.t.Fatalf("node %d is in two parts of the partition %v", i, parts)
			}
			in[i] = p + 1
		}
	}
	n.cut(func(i, j int) bool { return in[i] != in[j] })
}

// Isolate cuts a node off from all others.
func (n *Network) Isolate(i int) {
	n.t.Helper()
	n.Partition([]int{i})
}

// Cut removes the direct path between two nodes. Events take other paths.
func (n *Network) Cut(i, j int) {
	n.t.Helper()
	n.member(i)
	n.member(j)
	n.cut(func(x, y int) bool { return x == i && y == j || x == j && y == i })
}

// Heal ends all cuts and partitions. The nodes find each other by themselves; call Settle
// to wait for that.
func (n *Network) Heal() {
	n.cuts = nil
	n.lay()
}

// Latency sets the one-way delay of bytes from now on: d plus a random time of up to
// jitter. Both must be 0 or more. A network starts with a millisecond and no jitter. Bytes
// of one link stay in order, so a late byte delays those behind it, like a loss in TCP. If
// the round trip exceeds [smoke.Options.PingTimeout], nodes consider each other dead.
func (n *Network) Latency(d, jitter time.Duration) {
	n.mem.Latency(d)
	n.mem.Jitter(jitter)
}

func (n *Network) cut(between func(i, j int) bool) {
	n.cuts = append(n.cuts, between)
	n.lay()
}

// isCut reports whether nothing passes between two nodes. The order of the two does not
// matter.
func (n *Network) isCut(i, j int) bool {
	for _, between := range n.cuts {
		if between(i, j) {
			return true
		}
	}
	return false
}

// lay applies the cuts to the memory network. A crashed node is cut off from all others
// until its next life, so that the others get no sign of its end.
func (n *Network) lay() {
	for i, m := range n.members {
		var cut, open []string
		for j := range i {
			if n.isCut(i, j) || m.state == crashed || n.members[j].state == crashed {
				cut = append(cut, ip(j))
			} else {
				open = append(open, ip(j))
			}
		}
		n.mem.Cut([]string{ip(i)}, cut)
		n.mem.Mend([]string{ip(i)}, open)
	}
}
