package meshview

import (
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// Picture is the mesh at one moment, as the page gets it.
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
	// Rate is how many events a second the node delivers, over five seconds; in a
	// simulation, the average of all. nil: not known yet.
	Rate *float64 `json:"rate"`
	// Healed is the last cut, in the half minute after it; else nil.
	Healed *Healed `json:"healed"`
	// Settling: a cut is about to be over, or was a moment ago. Not all that looks wrong is.
	Settling bool `json:"settling"`
}

// NodeView is a node, and when it was heard.
type NodeView struct {
	smoke.NodeInfo
	Seen   float64 `json:"seen"` // seconds ago
	Silent bool    `json:"silent"`
	// LostLately: it gave events up in the last five minutes, as far as one looked.
	LostLately bool `json:"lostLately"`
}

// Problem is what is wrong, and what to do.
type Problem struct {
	Node smoke.ID `json:"node"` // zero: it concerns the mesh
	Text string   `json:"text"`
	Do   string   `json:"do"`
}

// picture draws the mesh as it was last seen. It asks the mesh before it takes mu, since
// who brings events may hold a lock of the mesh's.
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
		p.Problems = slices.Insert(p.Problems, 0, Problem{p.Self, health.Text, "Check the seeds and the firewall: smoke doctor tells what it finds."})
	}
	return p
}

// fillIn puts in what was seen.
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

// Arrange puts the nodes in order, and finds the parts and the problems.
func (p *Picture) Arrange() {
	sort.Slice(p.Nodes, func(i, j int) bool { return p.Nodes[i].ID.Compare(p.Nodes[j].ID) < 0 })
	p.Parts = parts(p.Nodes)
	p.Problems = problems(p)
}

// parts are the nodes that links connect, silent ones aside.
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
	manyQueued = 4096    // events before handlers: from there on the node asks others for less
	manyLag    = 1 << 20 // bytes that wait for a link
	settled    = 10      // seconds after which a node should have its links
	lostFor    = 5 * time.Minute
	kinds      = 5 // of problems that single nodes have
	few        = 3 // nodes with the same problem; of more, only the number is said
)

// cutOrDown is what to do about nodes that do not answer.
const cutOrDown = "They are down, or cut off. If they run, look at the network between: the mesh heals by itself when it can."

// problems says in words what is wrong: what concerns the mesh first.
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
		add(smoke.ID{}, "Links between the parts come about by themselves if the parts can reach a seed of each other.",
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
			ofNode(0, n.ID, "Make its handlers quicker, or hand the work to goroutines of your own. Everybody emits less meanwhile.",
				"Handlers of %d nodes are behind.", "Handlers are behind: %d events wait.", n.Queued)
		}
		for _, l := range n.Links {
			if l.Lag >= manyLag {
				ofNode(1, n.ID, "The network to that node or the node itself is slow; after ten seconds without a byte the link ends.",
					"On %d links more than 1 MiB of events waits.", "%.1f MiB of events wait for the link to %s.", float64(l.Lag)/(1<<20), l.Peer.Short())
			}
		}
		if n.SeedsLost > 0 && (!p.Settling || isParted || len(silent) > 0) {
			do := "Start them, or take them off the list; without any, a split can't be healed from here."
			if isParted || len(silent) > 0 {
				do = "They may be on the other side of a cut: leave them on the list, they heal it."
			}
			ofNode(2, n.ID, do, "Of the seeds of %d nodes some do not answer.", "%s not answer.", count(n.SeedsLost, "seed does", "seeds do"))
		}
		if want := min(n.MinPeers, len(p.Nodes)-len(silent)-1); n.Degree < want && n.Uptime > settled && p.Complete && !isParted && len(silent) == 0 {
			ofNode(3, n.ID, "Can others dial the address that it advertises? Is there room: MaxPeers?",
				"%d nodes have fewer links than they want.", "It has %s of the %d that it wants.", count(n.Degree, "link", "links"), n.MinPeers)
		}
		if n.LostLately {
			ofNode(4, n.ID, "Events left all histories before it could pull them: a long split, or handlers that are too slow. Its OnGap was told.",
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
