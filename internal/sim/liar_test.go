package sim_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/sim"
	"github.com/smokesignal-go/smokesignal/netsplit"
)

// A hostile member is an honest node that the story makes send additional or other frames.
// It keeps its links like all nodes, so that it looks honest.

// shout sends a message on all links of a node.
func shout(node *sim.Node, msg func() netsplit.Message) {
	for c := range node.Machine.Neighbors {
		node.Send(c.Link, msg())
	}
}

// every calls do now, and then again and again after each gap.
func (w *world) every(gap time.Duration, do func()) {
	do()
	w.After(gap, func() { w.every(gap, do) })
}

// A member floods SPLIT frames, and PROBEREPLY frames without a probe, with invented components. No node notifies its program of a
// netsplit that it has not proven.
func TestASplitThatIsOnlyClaimedIsNoNetsplit(t *testing.T) {
	w := newWorld(t, sim.Config{Seed: 1})
	w.form(20, 2)
	w.Run(30 * time.Second)
	n := byte(0)
	w.every(500*time.Millisecond, func() {
		n++
		shout(w.Nodes[9], func() netsplit.Message {
			return &netsplit.Split{Ours: ident.ID{1, n}, Other: ident.ID{2, n}}
		})
		shout(w.Nodes[9], func() netsplit.Message {
			return &netsplit.ProbeReply{Known: []netsplit.Sighting{{ID: ident.ID{2, n}}}, Settled: time.Hour}
		})
	})
	w.Run(time.Minute)
	for _, node := range w.Living() {
		if found := notices[netsplit.Found](node); found > 0 {
			w.fatalf("node %d was told of %d netsplits and of %d that are over", node.Index, found, notices[netsplit.Healed](node))
		}
	}
}

// A member floods beacons with addresses at which no node ever was, and then none. All
// nodes together dial such an address rarely: at most two dials a minute for each liar.
func TestInventedAddressesOfBeaconsAreDialledRarely(t *testing.T) {
	for _, size := range []int{20, 200} {
		dials := 0
		w := newWorld(t, sim.Config{Seed: 1, Trace: func(line string) {
			if strings.Contains(line, "dials 99.") {
				dials++
			}
		}})
		w.form(size, 1)
		w.Run(30 * time.Second)
		round := byte(0)
		w.every(20*time.Second, func() {
			round++
			for i := range byte(8) {
				shout(w.Nodes[9], func() netsplit.Message {
					return &netsplit.Beacon{Origin: ident.Origin{ID: ident.ID{0, 0, round, i, 1}, Epoch: 1}, Count: 1, Addr: fmt.Sprintf("99.0.%d.%d:7777", round, i)}
				})
			}
		})
		w.Run(2 * time.Minute)
		if dials > 4 {
			t.Errorf("%d nodes made %d dials in two minutes, want at most 4", size, dials)
		}
	}
}

// A member floods beacons with addresses of nodes of its own, and then none. These nodes
// answer each probe as another component. Bridges to them leave each honest node an honest
// neighbour, and the attacker gains no more links than by plain requests.
func TestBridgesToInventedComponentsReplaceFewNeighbours(t *testing.T) {
	seeds(t, 3, func(t *testing.T, seed uint64) {
		plain, _ := hostileLinks(t, seed, sim.AttackConfig{Sybils: 8, Groups: 1})
		links, alone := hostileLinks(t, seed, sim.AttackConfig{Sybils: 8, Groups: 1, Links: -1, Apart: true})
		if links > plain || alone > 0 {
			t.Errorf("seed %d: %d links lead to the attacker, %d by plain requests; %d nodes have no honest neighbour", seed+1, links, plain, alone)
		}
	})
}

// hostileLinks returns how many links of 60 honest nodes lead to an attacker after two
// minutes, and how many of these nodes have no honest neighbour. If the attacker's nodes
// are Apart, a member floods beacons with their addresses.
func hostileLinks(t *testing.T, seed uint64, cfg sim.AttackConfig) (hostile, alone int) {
	w := newWorld(t, sim.Config{Seed: seed + 1})
	w.form(60, 2)
	w.Run(30 * time.Second)
	attack := w.Attack(cfg)
	round := uint64(0)
	if cfg.Apart {
		w.every(15*time.Second, func() {
			round++
			for i, x := range attack.Sybils {
				shout(w.Nodes[9], func() netsplit.Message {
					return &netsplit.Beacon{Origin: ident.Origin{ID: ident.ID{0, 0, byte(i), 1}, Epoch: round}, Count: 1, Addr: x.Addr}
				})
			}
		})
	}
	w.Run(2 * time.Minute)
	links, found := 0, 0
	for _, node := range w.Living() {
		honest := 0
		for _, p := range node.Peers() {
			links++
			if p.IsSybil() {
				hostile++
			} else {
				honest++
			}
		}
		if honest == 0 {
			alone++
		}
		found += notices[netsplit.Found](node)
	}
	t.Logf("apart %v: %d of %d links of honest nodes lead to 8 hostile ones; %d nodes have no honest neighbour, %d components; %d netsplits reported", cfg.Apart, hostile, links, alone, len(w.Components()), found)
	return hostile, alone
}
