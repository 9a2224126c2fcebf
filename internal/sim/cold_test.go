package sim_test

import (
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/overlay"
	"github.com/smokesignal-go/smokesignal/internal/sim"
)

// cold forms 25 nodes on links of 100 ms. As soon as each has enough neighbours, they emit
// 50 events a second. It returns the longest time that an event took to reach the last
// node.
func cold(t *testing.T, seed uint64, seeds int, cfg overlay.Config) (longest time.Duration) {
	t.Helper()
	net := sim.New(sim.Config{Seed: seed, Latency: sim.Constant(100 * time.Millisecond), Overlay: cfg})
	ledger := sim.NewLedger(net)
	var addrs []string
	for i := range seeds {
		addrs = append(addrs, sim.Addr(i))
	}
	for range 25 {
		ledger.Begin(net.Add(addrs...), false)
	}
	isFormed := func() bool {
		for _, node := range net.Nodes {
			if node.Machine.Degree() < 3 {
				return false
			}
		}
		return true
	}
	if !net.RunUntil(20*time.Second, isFormed) {
		t.Fatalf("seed %d: not formed", seed)
	}
	mark := ledger.Mark()
	for range 600 {
		ledger.Emit(net.Nodes[net.Rand.IntN(len(net.Nodes))], 16)
		net.Run(20 * time.Millisecond)
	}
	if !net.RunUntil(10*time.Second, func() bool { return !ledger.IsShort(mark) }) {
		t.Fatalf("seed %d: %+v", seed, ledger.Shortfall(mark))
	}
	ledger.Events(mark, func(_ *sim.Source, _ uint64, e *sim.Emitted) { longest = max(longest, e.Last-e.At) })
	return longest
}

// The limits are those of Gossip Glomers 3d, for nodes without a bound on neighbours, and
// 3e, for the default bounds. For each mechanism of the tree, the list has seeds that miss
// the limits without it.
func TestColdNetworkIsQuick(t *testing.T) {
	roomy := func(cfg *overlay.Config) { cfg.Membership.MinPeers, cfg.Membership.MaxPeers = 3, 24 }
	for _, run := range []struct {
		name  string
		run   []uint64 // seeds of the simulator
		seeds int
		mark  time.Duration
		with  func(cfg *overlay.Config)
		off   func(cfg *overlay.Config)
	}{
		{"3d", []uint64{2, 16, 59}, 1, 600 * time.Millisecond, roomy, func(cfg *overlay.Config) { cfg.Tree.NoSettling = true }},
		{"3e", []uint64{57, 80, 100, 104, 171}, 3, 2 * time.Second, func(*overlay.Config) {}, func(cfg *overlay.Config) { cfg.Tree.NoRescue = true }},
	} {
		t.Run(run.name, func(t *testing.T) {
			var cfg overlay.Config
			run.with(&cfg)
			for _, seed := range run.run {
				if d := cold(t, seed, run.seeds, cfg); d >= run.mark {
					t.Errorf("seed %d: the slowest event takes %v", seed, d)
				}
			}
			run.off(&cfg)
			slowest := time.Duration(0)
			for _, seed := range run.run {
				slowest = max(slowest, cold(t, seed, run.seeds, cfg))
			}
			if slowest < run.mark {
				t.Errorf("with the mechanism off, the slowest event takes %v all the same", slowest)
			}
		})
	}
}
