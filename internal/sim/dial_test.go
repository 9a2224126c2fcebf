package sim_test

import (
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/hyparview"
	"github.com/smokesignal-go/smokesignal/internal/overlay"
	"github.com/smokesignal-go/smokesignal/internal/sim"
)

// Two nodes dial each other within a few milliseconds. One link is left, the same on both
// ends. No end reports a lost neighbour on the way, and both dials succeed.
func TestSimultaneousDials(t *testing.T) {
	for seed := range max(500, *moreSeeds) {
		w := newWorld(t, sim.Config{Seed: seed})
		a, b := w.join(), w.join()
		add := func(from, to *sim.Node) {
			from.Do(func(m *overlay.Machine, now time.Time, out overlay.Out) { m.Add(now, to.Addr, 1, out) })
		}
		add(a, b)
		w.Run(time.Duration(w.Rand.IntN(5000)) * time.Microsecond)
		add(b, a)
		w.Run(time.Second)
		w.wantSettled(0)
		for _, node := range w.Nodes {
			if len(node.Downs) > 0 || node.Ups != 1 {
				t.Fatalf("seed %d: node %d gained %d neighbours and lost %v", seed, node.Index, node.Ups, node.Downs)
			}
			if err, ok := node.Answers[1]; !ok || err != nil {
				t.Fatalf("seed %d: node %d was told %v, %v", seed, node.Index, err, ok)
			}
		}
		if dialler(a) == dialler(b) {
			t.Fatalf("seed %d: the ends do not mean the same link", seed)
		}
	}
}

// dialler reports whether the node dialled its one link.
func dialler(node *sim.Node) (dialled bool) {
	for c := range node.Machine.Neighbors {
		dialled = c.Dialled != ""
	}
	return dialled
}

// If the list of seeds has the node's own address, the node does not become its own
// neighbour, and it stops dialling itself.
func TestANodeThatIsItsOwnSeed(t *testing.T) {
	w := newWorld(t, sim.Config{Seed: 1})
	node := w.join(sim.Addr(0))
	w.Run(time.Minute)
	if d := node.Machine.Degree(); d != 0 {
		t.Errorf("it has %d neighbours", d)
	}
	other := w.join(sim.Addr(0), sim.Addr(1))
	w.Run(time.Second)
	w.wantSettled(0)
	if len(other.Downs)+len(node.Downs) > 0 {
		t.Errorf("links were lost: %v %v", other.Downs, node.Downs)
	}
}

// A node that leaves says goodbye, and its neighbours connect to each other.
func TestLeaving(t *testing.T) {
	w := newWorld(t, sim.Config{Seed: 4})
	w.form(20, 2)
	w.Run(10 * time.Second)
	w.forget()
	gone := w.Nodes[11]
	peers := gone.Peers()
	w.Leave(gone)
	w.Run(20 * time.Millisecond)
	for _, p := range peers {
		if len(p.Downs) != 1 || p.Downs[0] != hyparview.ReasonLeave {
			t.Errorf("node %d was told %v", p.Index, p.Downs)
		}
	}
	w.wantSettled(5 * time.Second)
}
