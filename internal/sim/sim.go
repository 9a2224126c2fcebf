// Package sim runs overlay machines on a virtual network in virtual time.
//
// The machines are the ones that drive TCP, frame for frame; only what lies
// below them is simulated: links with a delay, dials that are refused or time
// out, cuts behind which bytes wait, nodes that crash with or without a reset.
// There is no goroutine and no clock. One seed gives one run: what happens next
// is the earliest entry of one heap, ordered by time and then by number.
package sim

import (
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/ident"
	"github.com/smokesignal-go/smokesignal/internal/overlay"
)

// What a dial can come to.
var (
	ErrRefused = errors.New("connection refused")
	ErrTimeout = errors.New("no answer")
)

// Config sets a [Net] up. Fields left zero take the defaults.
type Config struct {
	Seed        uint64
	Delay       time.Duration // one way; a link draws its own between this and twice this. Zero means 1 ms
	DialTimeout time.Duration // zero means 1.5 s
	Overlay     overlay.Config
	Trace       func(line string) // takes a line for each thing that a node does; may be nil
}

// Net is the network and all its nodes. One goroutine may use it.
type Net struct {
	cfg   Config
	Rand  *rand.Rand
	now   time.Time
	start time.Time
	queue events
	count uint64 // entries put into the queue, ever
	Nodes []*Node
	addrs map[string]*Node   // look-ups only
	ids   map[ident.ID]*Node // look-ups only
	sides []int              // per node; nodes on different sides of a cut do not hear each other
	pairs map[[2]int]bool    // nodes that do not hear each other whatever their sides; look-ups only
	hash  uint64
	Steps uint64
}

// New makes an empty network.
func New(cfg Config) *Net {
	if cfg.Delay == 0 {
		cfg.Delay = time.Millisecond
	}
	if cfg.DialTimeout == 0 {
		cfg.DialTimeout = 1500 * time.Millisecond
	}
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return &Net{
		cfg:   cfg,
		Rand:  rand.New(rand.NewPCG(cfg.Seed, 0x5340)),
		now:   start,
		start: start,
		addrs: make(map[string]*Node),
		ids:   make(map[ident.ID]*Node),
		pairs: make(map[[2]int]bool),
		hash:  14695981039346656037, // the basis of FNV-1a
	}
}

// Now is the virtual time since the network was made.
func (n *Net) Now() time.Duration { return n.now.Sub(n.start) }

// Add makes a node that knows the given seeds, and does not start it. Its
// address is its number: "10.0.0.1:1", "10.0.0.2:1" and so on.
func (n *Net) Add(seeds ...string) *Node {
	i := len(n.Nodes)
	addr := Addr(i)
	node := &Node{net: n, Index: i, Addr: addr, seeds: seeds, links: make(map[ident.Link]*half)}
	n.Nodes = append(n.Nodes, node)
	n.sides = append(n.sides, 0)
	n.addrs[addr] = node
	return node
}

// Addr is the address of the i-th node.
func Addr(i int) string {
	return fmt.Sprintf("10.%d.%d.%d:1", (i+1)>>16&255, (i+1)>>8&255, (i+1)&255)
}

// Start gives the node a machine and lets it go, in a new life if it had one.
func (n *Net) Start(node *Node) {
	cfg := n.cfg.Overlay
	var id ident.ID
	binary.BigEndian.PutUint64(id[:], n.Rand.Uint64())
	binary.BigEndian.PutUint64(id[8:], n.Rand.Uint64())
	cfg.Self = ident.Origin{ID: id, Epoch: uint64(n.now.UnixMilli())}
	cfg.Addr = node.Addr
	cfg.Seeds = node.seeds
	cfg.Rand = rand.New(rand.NewPCG(n.Rand.Uint64(), n.Rand.Uint64()))
	node.ID, node.Epoch = id, cfg.Self.Epoch
	n.ids[id] = node
	node.Alive = true
	node.wake = time.Time{} // of an earlier life
	node.Machine = overlay.New(n.now, cfg)
	node.Machine.Start(n.now, node)
	n.after(node)
}

// Cut parts the network: nodes of different sides hear nothing of each other.
func (n *Net) Cut(side func(i int) int) {
	for i := range n.sides {
		n.sides[i] = side(i)
	}
}

// CutPair parts two nodes: they hear nothing of each other, all others do.
func (n *Net) CutPair(a, b *Node) {
	n.pairs[[2]int{a.Index, b.Index}] = true
	n.pairs[[2]int{b.Index, a.Index}] = true
}

// Heal ends all cuts. What was under way arrives.
func (n *Net) Heal() {
	n.Cut(func(int) int { return 0 })
	clear(n.pairs)
	for _, node := range n.Nodes {
		for _, id := range node.order {
			if h := node.links[id]; h != nil {
				h.release(n)
			}
		}
	}
}

func (n *Net) isCut(a, b *Node) bool {
	return n.sides[a.Index] != n.sides[b.Index] || n.pairs[[2]int{a.Index, b.Index}]
}

// Leave ends a node in good manners.
func (n *Net) Leave(node *Node) {
	node.Machine.Leave(n.now, node)
	n.Crash(node, true)
}

// Crash ends a node without a word. With reset its peers notice at once, as
// when a process dies and its machine lives on; without, they hear nothing.
func (n *Net) Crash(node *Node, reset bool) {
	node.Alive = false
	node.Machine = nil
	node.silent = !reset
	for _, id := range node.order {
		if h := node.links[id]; h != nil && reset {
			h.end(n)
		}
		delete(node.links, id)
	}
	node.order = nil
}

// Run lets the given virtual time pass.
func (n *Net) Run(d time.Duration) { n.RunUntil(d, nil) }

// RunUntil lets virtual time pass until done, at most d. It reports whether done
// said so; it is asked after every step of 10 ms.
func (n *Net) RunUntil(d time.Duration, done func() bool) bool {
	end := n.now.Add(d)
	check := n.now
	for n.queue.Len() > 0 && !n.queue[0].at.After(end) {
		if done != nil && !n.queue[0].at.Before(check) {
			if done() {
				return true
			}
			check = n.queue[0].at.Add(10 * time.Millisecond)
		}
		e := heap.Pop(&n.queue).(event)
		n.now = e.at
		n.Steps++
		e.do()
	}
	n.now = end
	return done != nil && done()
}

// at puts something into the queue.
func (n *Net) at(t time.Time, do func()) {
	n.count++
	heap.Push(&n.queue, event{t, n.count, do})
}

// maxSpins is how often in a row a machine may be due at once after Advance.
const maxSpins = 1000

// after re-arms the node's deadline.
func (n *Net) after(node *Node) {
	at, ok := node.Machine.Deadline()
	if !ok || !node.wake.IsZero() && !at.Before(node.wake) {
		return
	}
	if at.Before(n.now) {
		at = n.now
	}
	node.wake = at
	machine := node.Machine
	n.at(at, func() {
		if node.Machine != machine || !node.wake.Equal(at) {
			return
		}
		node.wake = time.Time{}
		if due, ok := machine.Deadline(); ok && !due.After(n.now) {
			machine.Advance(n.now, node)
		}
		if due, ok := machine.Deadline(); ok && !due.After(n.now) {
			if node.spins++; node.spins > maxSpins {
				panic(fmt.Sprintf("sim: seed %d: node %d wants Advance at %v again and again", n.cfg.Seed, node.Index, n.Now()))
			}
		} else {
			node.spins = 0
		}
		n.after(node)
	})
}

type event struct {
	at     time.Time
	number uint64
	do     func()
}

type events []event

func (q events) Len() int { return len(q) }
func (q events) Less(i, j int) bool {
	if !q[i].at.Equal(q[j].at) {
		return q[i].at.Before(q[j].at)
	}
	return q[i].number < q[j].number
}
func (q events) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *events) Push(x any)   { *q = append(*q, x.(event)) }
func (q *events) Pop() any {
	last := (*q)[len(*q)-1]
	(*q)[len(*q)-1] = event{}
	*q = (*q)[:len(*q)-1]
	return last
}
