package sim_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/overlay"
	"github.com/smokesignal-go/smokesignal/internal/sim"
)

func form(t *testing.T, n int, seed uint64) *sim.Net {
	net := sim.New(sim.Config{Seed: seed})
	for range n {
		net.Start(net.Add(sim.Addr(0)))
	}
	ok := net.RunUntil(20*time.Second, func() bool {
		for _, node := range net.Nodes {
			if node.Machine.Degree() < min(3, n-1) {
				return false
			}
		}
		return len(net.Components()) == 1
	})
	downs := map[string]int{}
	deg := map[int]int{}
	for _, node := range net.Nodes {
		for _, d := range node.Downs {
			downs[d.String()]++
		}
		deg[node.Machine.Degree()]++
	}
	t.Logf("n=%d seed=%d ok=%v formed in %v steps=%d downs=%v degrees=%v comps=%d", n, seed, ok, net.Now(), net.Steps, downs, deg, len(net.Components()))
	return net
}

func TestForm(t *testing.T) {
	for _, n := range []int{2, 3, 4, 7, 16, 100, 1000} {
		for seed := range uint64(4) {
			form(t, n, seed)
		}
	}
}

func TestBroadcastAndSplit(t *testing.T) {
	net := form(t, 60, 1)
	net.Run(15 * time.Second)
	emit := func(d time.Duration) {
		for range int(d / (50 * time.Millisecond)) {
			node := net.Living()[net.Rand.IntN(60)]
			node.Emit([]byte("xxhello"))
			net.Run(50 * time.Millisecond)
		}
	}
	check := func(what string) {
		total := 0
		emitted := map[string]uint64{}
		_ = emitted
		var gaps int
		counts := map[int]int{}
		notes := map[string]int{}
		for _, node := range net.Nodes {
			counts[len(node.Delivered)]++
			total += len(node.Delivered)
			gaps += len(node.Gaps)
			for _, x := range node.Notices {
				notes[fmt.Sprintf("%T", x)]++
			}
		}
		var st [6]uint64
		for _, node := range net.Nodes {
			s := node.Machine.Stats()
			st[0] += s.Delivered
			st[1] += s.Duplicates
			st[2] += s.Grafts
			st[3] += s.Prunes
		}
		t.Logf("%s at %v: delivered %d spread %v gaps %d notices %v comps %d; delivered dup grafts prunes %v", what, net.Now(), total, len(counts), gaps, notes, len(net.Components()), st)
	}
	emit(10 * time.Second)
	check("talk")
	net.Cut(func(i int) int { return i % 2 })
	emit(20 * time.Second)
	check("cut")
	net.Heal()
	at := net.Now()
	ok := net.RunUntil(60*time.Second, func() bool { return len(net.Components()) == 1 })
	t.Logf("healed %v in %v", ok, net.Now()-at)
	emit(10 * time.Second)
	net.Run(10 * time.Second)
	check("healed")
	_ = overlay.Dial{}
}
