package sim_test

import (
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/overlay"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/internal/sim"
)

// ablate runs a story twice: with all mechanisms, and with one of them off. Without it the
// story must fail; otherwise it proves nothing about the mechanism.
func ablate(t *testing.T, cfg overlay.Config, off func(cfg *overlay.Config), story func(w *world) (good bool)) {
	t.Helper()
	run := func(cfg overlay.Config) bool { return story(newWorld(t, sim.Config{Seed: 1, Overlay: cfg})) }
	if !run(cfg) {
		t.Error("with the mechanism on, it went wrong")
	}
	off(&cfg)
	if run(cfg) {
		t.Error("with the mechanism off, it went well all the same")
	}
}

// The last event before a silence is lost on the tree. Only an announcement reveals that it
// is missing.
func TestWithoutAnnouncementsALostEventStaysLost(t *testing.T) {
	ablate(t, overlay.Config{}, func(cfg *overlay.Config) { cfg.Tree.LazyDelay = -1 }, func(w *world) bool {
		for range 3 {
			w.join(sim.Addr(0))
		}
		w.wantSettled(10 * time.Second)
		w.emit(w.Nodes[0]) // the duplicates prune the third link
		w.Run(5 * time.Second)
		w.CutPair(w.Nodes[0], w.Nodes[2])
		w.emit(w.Nodes[0])
		w.Run(time.Second)
		return w.heard[w.Nodes[2]][w.origin(w.Nodes[0])].last == 2
	})
}

// Events emitted during a split are delivered when the halves meet again.
func TestWithoutSyncASplitLosesEvents(t *testing.T) {
	ablate(t, overlay.Config{}, func(cfg *overlay.Config) { cfg.Tree.NoSync = true }, func(w *world) bool {
		w.form(40, 2)
		w.Run(15 * time.Second)
		w.halves()
		w.Run(10 * time.Second) // until every link between the halves is gone
		speaker := w.Nodes[4]
		w.emit(speaker)
		w.Run(5 * time.Second)
		w.Heal()
		w.wantWhole(20 * time.Second)
		w.Run(10 * time.Second)
		for _, node := range w.Living() {
			if tale := w.heard[node][w.origin(speaker)]; node != speaker && (tale == nil || tale.last != 1) {
				return false
			}
		}
		return true
	})
}

// Two halves in which all nodes have enough neighbours do not look for each other without
// probes. (Rotation would connect them at some time, so it is off.)
func TestWithoutProbesASplitLasts(t *testing.T) {
	var cfg overlay.Config
	cfg.Membership.RotateInterval = -1
	ablate(t, cfg, func(cfg *overlay.Config) { cfg.Watch.Interval = -1 }, func(w *world) bool {
		w.form(60, 2)
		w.Run(30 * time.Second)
		w.halves()
		w.Run(2 * time.Minute)
		w.Heal()
		return w.RunUntil(20*time.Second, func() bool { return len(w.Components()) == 1 })
	})
}

// One bridge joins the halves, and rotation makes them one.
func TestWithoutRotationHalvesStayFarApart(t *testing.T) {
	ablate(t, overlay.Config{}, func(cfg *overlay.Config) { cfg.Membership.RotateInterval = -1 }, func(w *world) bool {
		w.form(60, 2)
		w.Run(30 * time.Second)
		w.halves()
		w.Run(30 * time.Second)
		w.Heal()
		w.wantWhole(20 * time.Second)
		w.Run(10 * time.Minute)
		across, links := 0, 0
		for _, node := range w.Living() {
			for _, p := range node.Peers() {
				links++
				if node.Index%2 != p.Index%2 {
					across++
				}
			}
		}
		w.t.Logf("%d of %d links lead across", across/2, links/2)
		return across > links/4
	})
}

// A node is cut off until none of the addresses that it knows answers any more. Its seed
// is gone permanently. (Rotation is off, because the others would find it that way.)
func TestWithoutRanksANodeThatWasCutOffKnowsNoAddress(t *testing.T) {
	var cfg overlay.Config
	cfg.Membership.RotateInterval = -1
	ablate(t, cfg, func(cfg *overlay.Config) { cfg.Membership.NoRanks = true }, func(w *world) bool {
		w.form(30, 1)
		w.Run(30 * time.Second)
		w.Leave(w.Nodes[0])
		w.Cut(func(i int) int {
			if i == 1 {
				return 1
			}
			return 0
		})
		w.Run(5 * time.Minute)
		w.Heal()
		return w.RunUntil(2*time.Minute, func() bool { return len(w.Components()) == 1 })
	})
}

// All nodes are full, so a newcomer gets a place only with a high-priority request.
func TestWithoutInsistenceANewcomerStaysAlone(t *testing.T) {
	ablate(t, bounds(4, 4), func(cfg *overlay.Config) { cfg.Membership.NoInsistence = true }, func(w *world) bool {
		w.min = 3 // with 4, the last two nodes with a free place may already be neighbours
		w.form(22, 1)
		w.Run(time.Minute)
		for _, node := range w.Living() {
			if d := node.Machine.Degree(); d < 4 {
				w.fatalf("n%d has room", node.Index)
			}
		}
		newcomer := w.join(sim.Addr(0))
		w.Run(time.Minute)
		return newcomer.Machine.Degree() > 0
	})
}

// A link stops carrying data. Until the repair has caught up with a fast emitter, events
// arrive out of order.
func TestWithoutWaitingWhatIsLateIsLost(t *testing.T) {
	ablate(t, overlay.Config{}, func(cfg *overlay.Config) { cfg.Tree.NoWait = true }, func(w *world) bool {
		w.form(30, 1)
		w.Run(10 * time.Second)
		speaker := w.Nodes[0]
		for i := range 2000 {
			if i == 1000 {
				w.CutPair(speaker, speaker.Peers()[0])
			}
			w.emit(speaker)
			w.Run(5 * time.Millisecond)
		}
		w.Run(10 * time.Second)
		return w.gaps() == 0
	})
}

// Many nodes emit in turn. If only duplicates shape the tree, each one removes whatever
// link it arrives on, and the paths grow long.
func TestWithoutPulsesTheWaysAreLong(t *testing.T) {
	ablate(t, overlay.Config{}, func(cfg *overlay.Config) { cfg.Tree.NoPulses = true }, func(w *world) bool {
		w.form(300, 3)
		w.Run(10 * time.Second)
		emit := func(n int) {
			for range n {
				w.emit(w.Nodes[w.Rand.IntN(len(w.Nodes))])
				w.Run(100 * time.Millisecond)
			}
		}
		emit(300) // these events form the tree
		most, events := uint8(0), 100
		before := w.Sent.Pushes
		for _, node := range w.Nodes {
			deliver := node.OnDeliver
			node.OnDeliver = func(e *plumtree.Event) {
				most = max(most, e.Round)
				deliver(e)
			}
		}
		emit(events)
		copies := float64(w.Sent.Pushes-before) / float64(events*(len(w.Nodes)-1))
		w.t.Logf("%d hops at most, %.3f copies", most, copies)
		return most <= 14 && copies < 1.02
	})
}
