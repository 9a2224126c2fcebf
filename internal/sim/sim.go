// Package sim runs overlay machines on a virtual network in virtual time.
//
// The machines are the ones that run on TCP, frame for frame. Only the layer below is
// simulated: links with a delay, dials that are refused or time out, and losses that cost a
// retransmission. There are cuts behind which bytes wait, crashes with or without a reset,
// stalls, and nodes that can't be dialled.
//
// There is no goroutine and no clock, and two runs with the same seed are equal. The next
// event is the earliest entry of one queue, ordered by time and then by number. Bandwidth
// is not simulated: a link carries any number of frames at once, so no outbox is ever full.
package sim

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/overlay"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
)

// The errors of a dial.
var (
	ErrRefused = errors.New("connection refused")
	ErrTimeout = errors.New("no answer")
)

// Config configures a [Net]. Zero fields take the defaults.
type Config struct {
	Seed    uint64
	Delay   time.Duration // in one direction; each link draws its own from Delay to 2×Delay. Zero means 1 ms
	Latency Latency       // draws the delay of each link instead of Delay; may be nil
	Loss    float64       // the share of frames that are lost and retransmitted; see [Net.lost]

	DialTimeout  time.Duration // for a dial without an answer; zero means 1.5 s, as in the driver of package engine
	GreetTimeout time.Duration // for a peer that sends no HELLO; zero means 3 s, as in the driver

	Wire bool // every frame crosses its link as bytes
	// Tamper may change the bytes of a frame before the receiver sees them. It needs
	// Wire. If the result is not a valid frame, the link ends. May be nil.
	Tamper  func(from, to *Node, frame []byte) []byte
	Overlay overlay.Config // the configuration of every node

	Trace func(line string) // called with a line for each action of a node; may be nil
}

// Net is the network and all its nodes. One goroutine may use it.
type Net struct {
	cfg     Config
	latency Latency
	Rand    *rand.Rand
	t       int64 // virtual nanoseconds since start
	now     time.Time
	start   time.Time
	queue   queue
	Nodes   []*Node
	addrs   map[string]*Node   // look-ups only
	ids     map[ident.ID]*Node // look-ups only
	parted  bool               // there is a cut
	sides   []int              // per node; nodes on different sides of a cut do not reach each other
	pairs   map[[2]int]bool    // cuts from the first node to the second, whatever their sides; look-ups only
	held    time.Duration      // how long stalls and cuts may have held bytes up
	broken  error              // see Fail
	hash    uint64
	idle    []*plumtree.Gossip // frames to use again

	Steps uint64
	Sent  Sent
	finder
}

// Sent counts frames by their purpose.
type Sent struct {
	Pushes    uint64 // events
	Announced uint64 // IHAVE
	Repair    uint64 // GRAFT, PRUNE, MISS
	Pulses    uint64
	Beacons   uint64
	Pings     uint64 // PING and PONG
	Other     uint64 // membership, probes, counts
	Bytes     uint64 // of all frames, with [Config.Wire]
}

// All returns the number of frames.
func (s Sent) All() uint64 {
	return s.Pushes + s.Announced + s.Repair + s.Pulses + s.Beacons + s.Pings + s.Other
}

// New returns an empty network.
func New(cfg Config) *Net {
	if cfg.Delay == 0 {
		cfg.Delay = time.Millisecond
	}
	if cfg.DialTimeout == 0 {
		cfg.DialTimeout = 1500 * time.Millisecond
	}
	if cfg.GreetTimeout == 0 {
		cfg.GreetTimeout = 3 * time.Second
	}
	if cfg.Latency == nil {
		cfg.Latency = Uniform(cfg.Delay, 2*cfg.Delay)
	}
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return &Net{
		cfg:     cfg,
		latency: cfg.Latency,
		Rand:    rand.New(rand.NewPCG(cfg.Seed, 0x5340)),
		now:     start,
		start:   start,
		addrs:   make(map[string]*Node),
		ids:     make(map[ident.ID]*Node),
		pairs:   make(map[[2]int]bool),
		hash:    14695981039346656037, // the basis of FNV-1a
	}
}

// Now returns the virtual time since the network was made.
func (n *Net) Now() time.Duration { return time.Duration(n.t) }

// Time returns the virtual time as the machines see it.
func (n *Net) Time() time.Time { return n.now }

// Fail ends the run: every method that runs the network returns, now and later. Only the
// first error is kept.
func (n *Net) Fail(err error) {
	if n.broken == nil {
		n.broken = fmt.Errorf("at %v: %w", n.Now(), err)
	}
}

// Err returns why the run failed, or nil.
func (n *Net) Err() error { return n.broken }

// Add adds a node that knows the given seeds, and does not start it. Its address follows
// from its number: "10.0.0.1:1", "10.0.0.2:1" and so on.
func (n *Net) Add(seeds ...string) *Node {
	i := len(n.Nodes)
	node := &Node{net: n, Index: i, Addr: Addr(i), seeds: seeds}
	n.Nodes = append(n.Nodes, node)
	n.sides = append(n.sides, 0)
	n.addrs[node.Addr] = node
	return node
}

// Addr returns the address of the i-th node.
func Addr(i int) string {
	return fmt.Sprintf("10.%d.%d.%d:1", (i+1)>>16&255, (i+1)>>8&255, (i+1)&255)
}

// Start gives the node a machine with a new ID and starts it. If the node ran before, a new
// life begins.
func (n *Net) Start(node *Node) {
	binary.BigEndian.PutUint64(node.ID[:], n.Rand.Uint64())
	binary.BigEndian.PutUint64(node.ID[8:], n.Rand.Uint64())
	n.Restart(node)
}

// Restart is like Start, but the node keeps its ID, as a node with a key does.
func (n *Net) Restart(node *Node) {
	cfg := n.cfg.Overlay
	node.Epoch = max(uint64(n.now.UnixMilli()), node.Epoch+1)
	cfg.Self = ident.Origin{ID: node.ID, Epoch: node.Epoch}
	cfg.Addr = node.advertised()
	cfg.Seeds = node.seeds
	cfg.Membership.Anchors = node.Anchors
	cfg.Rand = rand.New(rand.NewPCG(n.Rand.Uint64(), n.Rand.Uint64()))
	cfg.Tree.KeepBodies = !n.cfg.Wire // without bytes, all nodes share one body
	n.ids[node.ID] = node
	node.life++
	node.Alive, node.silent = true, false
	node.Born, node.Joined, node.Alone = n.Now(), never, 0
	node.wakes = node.wakes[:0]
	node.ready = node.ready[:0]
	node.Machine = overlay.New(n.now, cfg)
	node.Machine.Start(n.now, node)
	n.rearm(node)
}

// Move changes the address of a node that is down.
func (n *Net) Move(node *Node, addr string) {
	delete(n.addrs, node.Addr)
	node.Addr = addr
	n.addrs[addr] = node
}

// Run lets the given virtual time pass.
func (n *Net) Run(d time.Duration) { n.RunUntil(d, nil) }

// RunUntil lets virtual time pass until done returns true, but at most d. It reports whether
// done did. It calls done after every step of 10 ms.
func (n *Net) RunUntil(d time.Duration, done func() bool) bool {
	end := n.t + int64(d)
	check := n.t
	for n.broken == nil {
		at, ok := n.queue.next(end)
		if !ok {
			break
		}
		if done != nil && at >= check {
			if done() {
				return true
			}
			check = at + int64(10*time.Millisecond)
		}
		n.set(at)
		n.Steps++
		n.happen(n.queue.pop())
	}
	if n.broken != nil {
		return false
	}
	n.set(end)
	return done != nil && done()
}

func (n *Net) set(t int64) {
	n.t = t
	n.now = n.start.Add(time.Duration(t))
}

// After calls do after a while.
func (n *Net) After(d time.Duration, do func()) {
	n.queue.put(n.t+int64(d), event{do: do})
}

const (
	// maxSpins limits how many times in a row a machine may be due again right after
	// Advance.
	maxSpins = 1000
	never    = 1<<63 - 1
)

// rearm ensures that the machine is woken at its deadline or before. If an earlier wake is
// pending, rearm adds none, and is called again after that wake.
func (n *Net) rearm(node *Node) {
	node.fill()
	due, ok := node.Machine.Deadline()
	if !ok {
		return
	}
	at := max(int64(due.Sub(n.start)), n.t)
	if last := len(node.wakes) - 1; last < 0 || at < node.wakes[last] {
		node.wakes = append(node.wakes, at)
		n.queue.put(at, event{what: wake, node: node})
	}
}

func (n *Net) wake(node *Node) {
	before := len(node.wakes)
	for last := before - 1; last >= 0 && node.wakes[last] <= n.t; last-- {
		node.wakes = node.wakes[:last] // more than one only after a stall
	}
	if !node.Alive || len(node.wakes) == before {
		return // the wake belongs to an earlier life, or the one before it did its work
	}
	if due, ok := node.Machine.Deadline(); ok && !due.After(n.now) {
		node.Machine.Advance(n.now, node)
	}
	if due, ok := node.Machine.Deadline(); ok && !due.After(n.now) {
		if node.spins++; node.spins > maxSpins {
			n.Fail(fmt.Errorf("node %d asks for Advance again and again at one moment", node.Index))
			return
		}
	} else {
		node.spins = 0
	}
	n.rearm(node)
}
