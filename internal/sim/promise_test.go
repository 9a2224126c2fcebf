package sim_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/sim"
	"github.com/smokesignal-go/smokesignal/netsplit"
)

// A network is in two parts for a minute. When it is whole again, every node reports the
// netsplit once, and its end once.
func TestEveryNodeReportsANetsplitOnce(t *testing.T) {
	for _, c := range []struct{ nodes, seeds, runs int }{{4, 1, 100}, {4, 2, 100}, {4, 4, 200}, {6, 6, 100}, {12, 2, 50}, {30, 2, 20}} {
		t.Run(fmt.Sprintf("%d nodes, %d seeds", c.nodes, c.seeds), func(t *testing.T) {
			bad := 0
			for seed := range uint64(c.runs) {
				w := newWorld(t, sim.Config{Seed: seed})
				w.form(c.nodes, c.seeds)
				w.Run(15 * time.Second)
				w.forget()
				w.Cut(func(i int) int { return 2 * i / c.nodes })
				w.Run(time.Minute)
				w.Heal()
				w.Run(time.Minute)
				for _, node := range w.Living() {
					found, healed := notices[netsplit.Found](node), notices[netsplit.Healed](node)
					if found != 1 || healed != 1 {
						bad++
						t.Logf("seed %d: node %d reports %d netsplits and %d ends", seed, node.Index, found, healed)
						break
					}
				}
			}
			if bad > 0 {
				t.Errorf("in %d of %d networks, some node does not report it once", bad, c.runs)
			}
		})
	}
}
