package meshview

import (
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// Picture is the mesh at one moment, as sent to the page.
type Picture struct {
	Self     smoke.ID     `json:"self"`
	Source   string       `json:"source"` // "node" or "simulation"
	Controls []string     `json:"controls"`
	CanEmit  bool         `json:"canEmit"`
	At       float64      `json:"at"` // seconds since the board was made
	Complete bool         `json:"complete"`
	Nodes    []NodeView   `json:"nodes"` // by id
	Parts    [][]smoke.ID `json:"parts"` // of the nodes that are not silent, the largest first
	Problems []Problem    `json:"problems"`
	Notices  []Notice     `json:"notices"`
	// Rate is the number of events that the node delivers per second, over five seconds; in
	// a simulation, the average of all nodes. nil: not known yet.
	Rate *float64 `json:"rate"`
	// Healed is the last partition, for half a minute after it; else nil.
	Healed *Healed `json:"healed"`
	// Settling means that a partition is about to end or has just ended. Some reported
	// problems may not be real.
	Settling bool `json:"settling"`
}

// NodeView is a node, and when it last answered.
type NodeView struct {
	smoke.NodeInfo
	Seen   float64 `json:"seen"` // seconds ago
	Silent bool    `json:"silent"`
	// LostLately means that the node gave up events in the last five minutes. The board
	// notices this only while surveys run.
	LostLately bool `json:"lostLately"`
}

// Problem is a problem and what to do about it.
type Problem struct {
	Node smoke.ID `json:"node"` // zero: a problem of the whole mesh
	Text string   `json:"text"`
	Do   string   `json:"do"`
}

// picture builds the picture of the last survey. It asks the mesh before it locks mu,
// because a goroutine that delivers events may hold a lock of the mesh.
func (b *Board) picture() Picture {
	health := b.mesh.Health()
	late, lost := b.tally()
	p := Picture{Self: b.mesh.ID(), Source: "node", Controls: []string{}, Nodes: []NodeView{}}
	if c, ok := b.mesh.(Controller); ok {
		p.Source, p.Controls = "simulation", c.Controls()
	}
	if e, ok := b.mesh.(Emitter); ok {
		p.CanEmit = e.CanEmit()
	}
	b.fillIn(&p, late, lost)
	p.Arrange()
	if health.State != "found" {
		p.Problems = slices.Insert(p.Problems, 0, Problem{p.Self, health.Text, "Check the seeds and the firewall with smoke doctor."})
	}
	return p
}

// fillIn adds the board's observations.
func (b *Board) fillIn(p *Picture, late, lost uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	p.At, p.Complete, p.Notices = b.since(now), b.complete, append([]Notice{}, b.notices...)
	p.Rate, p.Healed, p.Settling = b.rate(now, p.Self), b.toll(late, lost), b.isSettling(now)
	for _, n := range b.nodes {
		p.Nodes = append(p.Nodes, NodeView{n.NodeInfo, now.Sub(n.at).Seconds(), b.isSilent(now, n), now.Sub(n.lostAt) < lostFor})
	}
}

// Arrange sorts the nodes and finds the parts and the problems.
func (p *Picture) Arrange() {
	sort.Slice(p.Nodes, func(i, j int) bool { return p.Nodes[i].ID.Compare(p.Nodes[j].ID) < 0 })
	p.Parts = parts(p.Nodes)
	p.Problems = problems(p)
}

// parts returns the sets of nodes that are connected by links, without silent nodes.
func parts(nodes []NodeView) [][]smoke.ID {
	at := make(map[smoke.ID]int, len(nodes))
	for i, n := range nodes {
		if !n.Silent {
			at[n.ID] = i
		}
	}
	neighbors := make([][]int, len(nodes))
	for i, n := range nodes {
		for _, l := range n.Links {
			if j, ok := at[l.Peer]; ok && !n.Silent {
				neighbors[i] = append(neighbors[i], j)
				neighbors[j] = append(neighbors[j], i)
			}
		}
	}
	list := [][]smoke.ID{}
	done := make([]bool, len(nodes))
	for i, n := range nodes {
		if n.Silent || done[i] {
			continue
		}
		done[i] = true
		var part []smoke.ID
		for queue := []int{i}; len(queue) > 0; queue = queue[1:] {
			part = append(part, nodes[queue[0]].ID)
			for _, j := range neighbors[queue[0]] {
				if !done[j] {
					done[j] = true
					queue = append(queue, j)
				}
			}
		}
		sort.Slice(part, func(i, j int) bool { return part[i].Compare(part[j]) < 0 })
		list = append(list, part)
	}
	sort.SliceStable(list, func(i, j int) bool { return len(list[i]) > len(list[j]) })
	return list
}

const (
	manyQueued = 4096    // if a node has this many queued events, it slows emitters down
	manyLag    = 1 << 20 // bytes queued for a link
	settled    = 10      // seconds after which a node should have its links
	lostFor    = 5 * time.Minute
	kinds      = 5 // kinds of problems of single nodes
	few        = 3 // up to this many nodes with the same problem are listed
)

// cutOrDown is the advice for nodes that do not answer.
const cutOrDown = "They are down or cut off. If they run, check the network in between. The mesh heals by itself when the network returns."

// problems returns the problems as text, those of the mesh first.
func problems(p *Picture) []Problem {
	list := []Problem{}
	add := func(node smoke.ID, do, format string, args ...any) {
		list = append(list, Problem{node, fmt.Sprintf(format, args...), do})
	}
	var silent []string
	for _, n := range p.Nodes {
		if n.Silent {
			silent = append(silent, nameOf(n.NodeInfo))
		}
	}
	switch n := len(silent); {
	case n > few+1:
		add(smoke.ID{}, cutOrDown, "%d nodes do not answer any more: %s.", n, names(silent))
	case n > 1:
		add(smoke.ID{}, cutOrDown, "%s do not answer any more.", names(silent))
	case n == 1:
		add(smoke.ID{}, cutOrDown, "%s does not answer any more.", silent[0])
	}
	isParted := len(p.Parts) > 1
	if isParted {
		add(smoke.ID{}, "The parts reconnect by themselves if each can reach a seed of the other.",
			"The mesh is in %d parts: %s nodes.", len(p.Parts), sizes(p.Parts))
	}
	var crowd [kinds]struct {
		one  []Problem
		many string
		do   string
	}
	ofNode := func(kind int, node smoke.ID, do, many, one string, args ...any) {
		c := &crowd[kind]
		c.one, c.many, c.do = append(c.one, Problem{node, fmt.Sprintf(one, args...), do}), many, do
	}
	for _, n := range p.Nodes {
		if n.Silent {
			continue
		}
		if n.Queued >= manyQueued {
			ofNode(0, n.ID, "Make its handlers faster, or do the work on other goroutines. All nodes emit less meanwhile.",
				"The handlers of %d nodes are behind.", "Handlers are behind: %d events wait.", n.Queued)
		}
		for _, l := range n.Links {
			if l.Lag >= manyLag {
				ofNode(1, n.ID, "The network to that node, or the node itself, is slow. After ten seconds without a byte the link ends.",
					"On %d links, more than 1 MiB of events is queued.", "%.1f MiB of events are queued for the link to %s.", float64(l.Lag)/(1<<20), l.Peer.Short())
			}
		}
		if n.SeedsLost > 0 && (!p.Settling || isParted || len(silent) > 0) {
			do := "Start them, or remove them from the list. Without any seed, this node can't heal a partition."
			if isParted || len(silent) > 0 {
				do = "They may be on the other side of a partition. Keep them on the list: they heal it."
			}
			ofNode(2, n.ID, do, "Some seeds of %d nodes do not answer.", "%s not answer.", count(n.SeedsLost, "seed does", "seeds do"))
		}
		if want := min(n.MinPeers, len(p.Nodes)-len(silent)-1); n.Degree < want && n.Uptime > settled && p.Complete && !isParted && len(silent) == 0 {
			ofNode(3, n.ID, "Check that others can dial the address that it advertises, and that MaxPeers leaves room.",
				"%d nodes have fewer links than they want.", "It has %s of the %d that it wants.", count(n.Degree, "link", "links"), n.MinPeers)
		}
		if n.LostLately {
			ofNode(4, n.ID, "Events left all histories before it could request them: a long partition, or slow handlers. Its OnGap was called.",
				"%d nodes lost events.", "It lost events: %s since it started.", count(int(n.Gaps), "run", "runs"))
		}
	}
	for _, c := range crowd {
		if len(c.one) > few {
			add(smoke.ID{}, c.do, c.many, len(c.one))
		} else {
			list = append(list, c.one...)
		}
	}
	return list
}

func sizes(parts [][]smoke.ID) (text string) {
	for i, part := range parts {
		if i == 5 {
			return text + " …"
		}
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprint(len(part))
	}
	return text
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
