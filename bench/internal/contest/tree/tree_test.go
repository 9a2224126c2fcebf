package tree

import (
	"testing"

	"github.com/smokesignal-go/smokesignal/bench/internal/check"
	"github.com/smokesignal-go/smokesignal/bench/internal/contest/contesttest"
)

func TestTheTreeCarries(t *testing.T)         { contesttest.Carry(t, Opaque, true) }
func TestTheDecodingTreeCarries(t *testing.T) { contesttest.Carry(t, Msgpack, true) }

// TestSpanning: every random draw is one tree with all nodes.
func TestSpanning(t *testing.T) {
	for n := 1; n <= 100; n++ {
		for seed := range uint64(3) {
			parent := spanning(n, seed)
			degree := make([]int, n)
			for i, p := range parent {
				steps := 0
				for at := i; at != 0; at = parent[at] {
					if steps++; steps > n {
						t.Fatalf("%d nodes, seed %d: node %d is not below the root", n, seed, i)
					}
				}
				if p >= 0 {
					degree[i]++
					degree[p]++
				}
			}
			for i, d := range degree {
				if d > 4 {
					t.Errorf("%d nodes, seed %d: node %d has %d links", n, seed, i, d)
				}
			}
		}
	}
}

func TestWhatIsNoEventIsCorrupt(t *testing.T) {
	ledger := check.NewLedger(2, 128)
	receive := packed{ledger}.receiver(1)
	good, err := packed{}.append(nil, ledger.Next(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	for cut := range good {
		receive(good[:cut])
	}
	if got := ledger.Counts(); got.Corrupt != uint64(len(good)) || got.Delivered != 0 {
		t.Errorf("of %d pieces: %+v", len(good), got)
	}
	ledger.Sent(0)
	receive(good)
	if got := ledger.Counts(); got.Delivered != 1 {
		t.Errorf("the whole: %+v", got)
	}
}
