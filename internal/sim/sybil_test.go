package sim_test

import (
	"strings"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/sim"
)

func TestAddressesOfSybilsAreTheirOwn(t *testing.T) {
	seen, groups := map[string]bool{}, map[string]bool{}
	for i := range 4000 {
		a := sim.SybilAddr(i, 16)
		seen[a] = true
		groups[strings.Join(strings.Split(a, ".")[:2], ".")] = true
	}
	for i := range 4000 {
		a := sim.HonestAddr(i)
		if strings.HasPrefix(a, sim.SybilPrefix) {
			t.Fatalf("the honest node %d has %s", i, a)
		}
		seen[a] = true
	}
	if len(seen) != 8000 || len(groups) != 16 {
		t.Errorf("%d addresses, Sybils in %d groups", len(seen), len(groups))
	}
}

// Sybils get links and answer pings, but belong to no component.
func TestSybilsAreNeighboursAndNoNodes(t *testing.T) {
	for _, relays := range []bool{false, true} {
		w := newWorld(t, sim.Config{Seed: 1, Wire: true})
		w.form(30, 1)
		attack := w.Attack(sim.AttackConfig{Sybils: 60, Groups: 4, Relays: relays})
		w.Run(20 * time.Second)
		kept := 0
		for _, node := range w.Living() {
			if node.IsSybil() {
				t.Fatalf("%v is counted among the honest nodes", node)
			}
			for _, p := range node.Peers() {
				if p.IsSybil() {
					kept++
				}
			}
		}
		if kept == 0 || len(attack.Sybils) != 60 || len(w.Nodes) != 30 {
			t.Errorf("%d links lead to %d Sybils; %d nodes", kept, len(attack.Sybils), len(w.Nodes))
		}
	}
}
