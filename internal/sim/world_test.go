package sim_test

import (
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/hyparview"
	"github.com/smokesignal-go/smokesignal/internal/overlay"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/internal/sim"
	"github.com/smokesignal-go/smokesignal/netsplit"
)

// world is a network and a record of the emitted events and their deliveries. If a node
// delivers an event twice, or two events in the wrong order, the test fails at once.
type world struct {
	*sim.Net
	t        *testing.T
	seed     uint64
	min, max int
	emitted  map[*sim.Node]uint64 // the number of the last event of the node's current life
	heard    map[*sim.Node]map[ident.Origin]*tale
	told     int  // netsplits that all nodes reported
	signing  bool // each node has a key, which its ID follows from
}

// tale holds the deliveries from one origin at one node.
type tale struct {
	first, last uint64
	holes       uint64 // numbers skipped after the first
}

func newWorld(t *testing.T, cfg sim.Config) *world {
	t.Helper()
	w := &world{
		Net: sim.New(cfg), t: t, seed: cfg.Seed, min: 3, max: 5,
		emitted: make(map[*sim.Node]uint64),
		heard:   make(map[*sim.Node]map[ident.Origin]*tale),
	}
	if m := cfg.Overlay.Membership; m.MinPeers > 0 {
		w.min, w.max = m.MinPeers, m.MaxPeers
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d, at %v", w.seed, w.Now())
		}
	})
	return w
}

func (w *world) fatalf(format string, args ...any) {
	w.t.Helper()
	w.t.Fatalf("seed %d, at %v: %s", w.seed, w.Now(), fmt.Sprintf(format, args...))
}

// begin starts a node that is not running.
func (w *world) begin(node *sim.Node) {
	w.emitted[node] = 0
	heard := make(map[ident.Origin]*tale)
	w.heard[node] = heard
	node.Delivered, node.Gaps, node.Notices, node.Downs, node.Ups = nil, nil, nil, nil, 0
	node.OnDeliver = func(e *plumtree.Event) {
		told, ok := heard[e.Origin]
		switch {
		case e.Origin == node.Origin():
			w.fatalf("node %d hears its own event %d", node.Index, e.Seq)
		case e.Origin.ID == node.ID:
			return // emitted in an earlier life of the node; the driver does not deliver it
		case !ok:
			heard[e.Origin] = &tale{first: e.Seq, last: e.Seq}
		case e.Seq <= told.last:
			w.fatalf("node %d hears event %d of %s after %d", node.Index, e.Seq, e.Origin, told.last)
		default:
			told.holes += e.Seq - told.last - 1
			told.last = e.Seq
		}
	}
	if w.signing {
		w.startWithKey(node)
		return
	}
	w.Start(node)
}

// form starts n nodes at the same moment. The first ones are the seeds.
func (w *world) form(n, seeds int) {
	w.t.Helper()
	var addrs []string
	for i := range seeds {
		addrs = append(addrs, sim.Addr(i))
	}
	for range n {
		w.begin(w.Add(addrs...))
	}
	w.wantSettled(20 * time.Second)
}

// join starts one more node, and returns it.
func (w *world) join(seeds ...string) *sim.Node {
	node := w.Add(seeds...)
	w.begin(node)
	return node
}

func (w *world) emit(node *sim.Node) {
	w.emitted[node] = node.Emit(fmt.Appendf(nil, "\x01xevent of node %d at %v", node.Index, w.Now()))
}

// talk makes nodes emit for the time d. After every gap, one node that is drawn at random
// emits an event.
func (w *world) talk(d, gap time.Duration) {
	for range int(d / gap) {
		living := w.Living()
		w.emit(living[w.Rand.IntN(len(living))])
		w.Run(gap)
	}
}

// halves cuts the network in two: the nodes with even and those with odd numbers.
func (w *world) halves() { w.Cut(func(i int) int { return i % 2 }) }

// crash crashes a share of the nodes, but none of spare.
func (w *world) crash(share float64, reset bool, spare ...*sim.Node) {
	living := slices.DeleteFunc(w.Living(), func(n *sim.Node) bool { return slices.Contains(spare, n) })
	w.Rand.Shuffle(len(living), func(i, j int) { living[i], living[j] = living[j], living[i] })
	for _, node := range living[:int(share*float64(len(living)))] {
		w.Crash(node, reset)
	}
}

// wantWhole waits until all living nodes are one component.
func (w *world) wantWhole(within time.Duration) time.Duration {
	w.t.Helper()
	from := w.Now()
	if !w.RunUntil(within, func() bool { return len(w.Components()) == 1 }) {
		groups := w.Components()
		w.fatalf("%d components, the largest has %d of %d nodes", len(groups), len(groups[0]), len(w.Living()))
	}
	return w.Now() - from
}

// wantSettled waits until the living nodes are one component, and each has enough
// neighbours and not too many.
func (w *world) wantSettled(within time.Duration) {
	w.t.Helper()
	enough := min(w.min, len(w.Living())-1)
	if !w.RunUntil(within, func() bool {
		for _, node := range w.Living() {
			if d := node.Machine.Degree(); d < enough || d > w.max {
				return false
			}
		}
		return len(w.Components()) == 1 && w.disagreement() == ""
	}) {
		var few []string
		for _, node := range w.Living() {
			if d := node.Machine.Degree(); d < enough || d > w.max {
				few = append(few, fmt.Sprintf("n%d has %d", node.Index, d))
			}
		}
		w.fatalf("not settled: %d components; %v; %s", len(w.Components()), few, w.disagreement())
	}
}

// disagreement returns a link that one end counts and the other does not, or "".
func (w *world) disagreement() string {
	for _, node := range w.Living() {
		seen := map[*sim.Node]bool{}
		for _, p := range node.Peers() {
			if seen[p] || p == node {
				return fmt.Sprintf("n%d counts n%d twice, or itself", node.Index, p.Index)
			}
			seen[p] = true
			if !slices.Contains(p.Peers(), node) {
				return fmt.Sprintf("n%d counts n%d, and not the other way round", node.Index, p.Index)
			}
		}
	}
	return ""
}

// mark records how many events each node has emitted and delivered.
func (w *world) mark() (m mark) {
	m.emitted = make(map[ident.Origin]uint64)
	m.holes = make(map[*sim.Node]map[ident.Origin]uint64)
	for _, node := range w.Living() {
		m.emitted[w.origin(node)] = w.emitted[node]
		holes := make(map[ident.Origin]uint64)
		for o, tale := range w.heard[node] {
			holes[o] = tale.holes
		}
		m.holes[node] = holes
	}
	return m
}

type mark struct {
	emitted map[ident.Origin]uint64
	holes   map[*sim.Node]map[ident.Origin]uint64
}

func (w *world) origin(node *sim.Node) ident.Origin {
	return ident.Origin{ID: node.ID, Epoch: node.Epoch}
}

// wantAllSince waits until the events that living nodes have emitted since the mark have
// reached all nodes that were alive at the mark and are alive now.
func (w *world) wantAllSince(m mark, within time.Duration) {
	w.t.Helper()
	missing := func() string {
		for _, from := range w.Living() {
			o := w.origin(from)
			start, ok := m.emitted[o]
			if !ok || w.emitted[from] == start {
				continue
			}
			for _, to := range w.Living() {
				before, ok := m.holes[to]
				if !ok || to == from {
					continue
				}
				tale := w.heard[to][o]
				switch {
				case tale == nil:
					return fmt.Sprintf("n%d heard nothing of n%d", to.Index, from.Index)
				case tale.last != w.emitted[from]:
					return fmt.Sprintf("n%d heard events of n%d up to %d of %d", to.Index, from.Index, tale.last, w.emitted[from])
				case tale.holes != before[o] || tale.first > start+1:
					return fmt.Sprintf("n%d heard events of n%d from %d on, and %d are missing since", to.Index, from.Index, tale.first, tale.holes-before[o])
				}
			}
		}
		return ""
	}
	if !w.RunUntil(within, func() bool { return missing() == "" }) {
		w.fatalf("%s", missing())
	}
}

// gaps returns the number of events that living nodes reported as lost.
func (w *world) gaps() (n uint64) {
	for _, node := range w.Living() {
		for _, g := range node.Gaps {
			n += g.To - g.From
		}
	}
	return n
}

// notices counts the notices of one kind at a node.
func notices[N netsplit.Notice](node *sim.Node) (n int) {
	for _, x := range node.Notices {
		if _, ok := x.(N); ok {
			n++
		}
	}
	return n
}

// forget clears the notices so far.
func (w *world) forget() {
	for _, node := range w.Nodes {
		node.Notices, node.Downs, node.Ups, node.Gaps = nil, nil, 0, nil
	}
}

func bounds(minPeers, maxPeers int) overlay.Config {
	return overlay.Config{Membership: hyparview.Config{MinPeers: minPeers, MaxPeers: maxPeers}}
}

var moreSeeds = flag.Uint64("seeds", 0, "run each story with so many seeds, instead of its own number")

// seeds runs a story with n seeds.
func seeds(t *testing.T, n uint64, story func(t *testing.T, seed uint64)) {
	for seed := range max(n, *moreSeeds) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { story(t, seed) })
	}
}
