package sim_test

import (
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/sim"
	"github.com/smokesignal-go/smokesignal/netsplit"
)

// A split is shorter than the history. The nodes detect it, report the heal, and miss no
// event from that time.
func TestShortSplitHealsAndLosesNothing(t *testing.T) {
	seeds(t, 3, func(t *testing.T, seed uint64) {
		w := newWorld(t, sim.Config{Seed: seed})
		w.form(60, 2)
		w.Run(15 * time.Second)
		before := w.mark()
		w.talk(5*time.Second, 50*time.Millisecond)
		w.wantAllSince(before, 5*time.Second)
		w.forget()

		w.halves()
		w.talk(20*time.Second, 50*time.Millisecond)
		if n := len(w.Components()); n != 2 {
			t.Fatalf("the cut left %d components", n)
		}
		w.Heal()
		w.wantWhole(10 * time.Second)
		w.talk(5*time.Second, 50*time.Millisecond)
		w.wantAllSince(before, 20*time.Second)
		w.wantSettled(30 * time.Second)
		if n := w.gaps(); n != 0 {
			t.Errorf("%d events were given up", n)
		}
		w.wantSeedsBack(30 * time.Second)
		w.wantFoundAndHealedOnce()
		if w.told == 0 {
			t.Error("no program was told of the netsplit")
		}
	})
}

// wantFoundAndHealedOnce checks that every node reported a netsplit and its heal once each.
// If membership bridged the split before a probe detected it, no program may get one.
func (w *world) wantFoundAndHealedOnce() {
	w.t.Helper()
	told := notices[netsplit.Found](w.Nodes[0])
	if told > 1 {
		w.fatalf("node 0 was told of %d netsplits: %v", told, w.Nodes[0].Notices)
	}
	for _, node := range w.Living() {
		found, healed := notices[netsplit.Found](node), notices[netsplit.Healed](node)
		if found != told || healed != told {
			w.fatalf("node %d was told of %d netsplits found and %d healed, node 0 of %d: %v", node.Index, found, healed, told, node.Notices)
		}
	}
	w.told += told
}

// wantSeedsBack checks that, a while after the last seed came back, no program still
// believes that a seed is lost.
func (w *world) wantSeedsBack(within time.Duration) {
	w.t.Helper()
	w.Run(within)
	for _, node := range w.Living() {
		if lost, back := notices[netsplit.SeedLost](node), notices[netsplit.SeedBack](node); lost != back {
			w.fatalf("node %d was told of %d seeds lost and %d back", node.Index, lost, back)
		}
	}
}

// A split that outlasts the history loses events. Each node reports each loss.
func TestLongSplitHealsAndTellsWhatIsLost(t *testing.T) {
	seeds(t, 1, longSplit)
}

func longSplit(t *testing.T, seed uint64) {
	w := newWorld(t, sim.Config{Seed: seed})
	w.form(60, 2)
	w.Run(15 * time.Second)
	before := w.mark()
	w.talk(2*time.Second, 50*time.Millisecond)
	w.wantAllSince(before, 5*time.Second)
	w.forget()

	w.halves()
	w.talk(10*time.Minute, 500*time.Millisecond)
	w.Heal()
	w.wantWhole(10 * time.Second)
	w.wantSeedsBack(30 * time.Second)
	w.wantFoundAndHealedOnce()

	after := w.mark()
	w.talk(5*time.Second, 50*time.Millisecond)
	w.wantAllSince(after, 10*time.Second)
	w.wantEveryLossTold()
}

// wantEveryLossTold checks that every gap in the deliveries of a node was reported.
func (w *world) wantEveryLossTold() {
	w.t.Helper()
	for _, node := range w.Living() {
		told := make(map[string]uint64)
		for _, g := range node.Gaps {
			told[g.Origin.String()] += g.To - g.From
		}
		for o, tale := range w.heard[node] {
			if tale.holes > told[o.String()] {
				w.t.Errorf("seed %d: node %d misses %d events of %s and was told of %d", w.seed, node.Index, tale.holes, o, told[o.String()])
			}
		}
	}
}

// All nodes on both sides are full, so the bridge evicts a neighbour.
func TestSplitOfFullNodesHeals(t *testing.T) {
	seeds(t, 3, func(t *testing.T, seed uint64) {
		w := newWorld(t, sim.Config{Seed: seed, Overlay: bounds(4, 4)})
		w.min = 3 // with 4, the last two nodes with a free place may already be neighbours
		w.form(60, 2)
		w.Run(15 * time.Second)
		w.halves()
		w.Run(20 * time.Second)
		w.Heal()
		w.wantWhole(10 * time.Second)
		m := w.mark()
		w.talk(5*time.Second, 50*time.Millisecond)
		w.wantAllSince(m, 10*time.Second)
		w.wantSettled(30 * time.Second)
	})
}

// The network splits in four parts, and all seeds are in one of them.
func TestSplitInFourHeals(t *testing.T) {
	seeds(t, 3, func(t *testing.T, seed uint64) {
		w := newWorld(t, sim.Config{Seed: seed})
		w.form(60, 2)
		w.Run(15 * time.Second)
		before := w.mark()
		w.Cut(func(i int) int {
			if i < 2 {
				return 0
			}
			return i % 4
		})
		w.talk(20*time.Second, 100*time.Millisecond)
		if n := len(w.Components()); n < 4 {
			t.Fatalf("the cut left %d components", n)
		}
		w.Heal()
		w.wantWhole(15 * time.Second)
		w.wantAllSince(before, 20*time.Second)
		w.wantSettled(30 * time.Second)
	})
}

// A link that fails and recovers again and again causes no storm of frames.
func TestFlappingCut(t *testing.T) {
	seeds(t, 1, flapping)
}

func flapping(t *testing.T, seed uint64) {
	w := newWorld(t, sim.Config{Seed: seed})
	w.form(40, 2)
	w.Run(15 * time.Second)
	before := w.mark()
	w.forget()
	const flaps = 10
	for range flaps {
		w.halves()
		w.talk(3*time.Second, 100*time.Millisecond)
		w.Heal()
		w.talk(3*time.Second, 100*time.Millisecond)
	}
	w.wantWhole(10 * time.Second)
	w.wantAllSince(before, 20*time.Second)
	w.wantSettled(20 * time.Second)
	downs := 0
	for _, node := range w.Living() {
		downs += len(node.Downs)
	}
	if downs > 2*flaps*len(w.Living()) {
		t.Errorf("%d links ended in %d flaps of %d nodes", downs, flaps, len(w.Living()))
	}
}
