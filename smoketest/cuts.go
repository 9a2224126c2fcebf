package smoketest

import (
	"time"
)

// Partition parts nodes from each other: those of each part reach their own part
// only. Nodes that no part names, those added later among them, are one more part
// together. So Partition([]int{0, 1}) makes two halves of four nodes.
//
// Cuts add up: partitions of what is parted already part it further. Heal ends
// them all.
func (n *Network) Partition(parts ...[]int) {
	n.t.Helper()
	in := make(map[int]int) // 0 is the part of the rest
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

// Cut takes away the direct way between two nodes. Events go round by others.
func (n *Network) Cut(i, j int) {
	n.t.Helper()
	n.member(i)
	n.member(j)
	n.cut(func(x, y int) bool { return x == i && y == j || x == j && y == i })
}

// Heal ends all cuts. The nodes find each other by themselves: Settle to wait for
// that.
func (n *Network) Heal() {
	n.cuts = nil
	n.lay()
}

// Latency sets how long bytes travel from now on, one way: d, and by chance up to
// jitter more. Both are 0 or more; a network begins with a millisecond, and no
// jitter. Bytes of one link never overtake each other, so a late one holds up those
// behind it, as after a loss in TCP. With round trips of more than
// [smoke.Options.PingTimeout], nodes take each other for dead.
func (n *Network) Latency(d, jitter time.Duration) {
	n.mem.Latency(d)
	n.mem.Jitter(jitter)
}

func (n *Network) cut(between func(i, j int) bool) {
	n.cuts = append(n.cuts, between)
	n.lay()
}

// isCut reports whether nothing passes between two nodes. No order of the two
// makes a difference.
func (n *Network) isCut(i, j int) bool {
	for _, between := range n.cuts {
		if between(i, j) {
			return true
		}
	}
	return false
}

// lay brings the network in memory in line with the cuts. A node that has crashed
// is cut off from all others until its next life, so that nothing betrays it.
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
