package sim_test

import (
	"slices"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/overlay"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/internal/sim"
)

// Over many hops and slow links, a newcomer gets no event that was emitted before its
// start, except events that were on their way at that moment. It gets every event that was
// emitted later.
func TestWhatANewcomerHears(t *testing.T) {
	for _, c := range []struct {
		what    string
		latency sim.Latency
		slack   time.Duration // the longest time that an event may be on its way
	}{
		{"a data centre", sim.Constant(time.Millisecond), 50 * time.Millisecond},
		{"the world", sim.Uniform(50*time.Millisecond, 150*time.Millisecond), 3 * time.Second},
	} {
		t.Run(c.what, func(t *testing.T) {
			for seed := range uint64(4) {
				w := newWorld(t, sim.Config{Seed: seed, Latency: c.latency})
				w.form(60, 3)
				speakers := w.Nodes[10:15]
				at := make(map[ident.Origin][]time.Duration) // when each event was emitted
				talk := func(d time.Duration) {
					for range int(d / (20 * time.Millisecond)) {
						for _, s := range speakers {
							at[s.Origin()] = append(at[s.Origin()], w.Now())
							w.emit(s)
						}
						w.Run(20 * time.Millisecond)
					}
				}
				talk(8 * time.Second)
				late := w.join(sim.Addr(0))
				talk(5 * time.Second)
				w.Run(15 * time.Second)
				for _, s := range speakers {
					tale := w.heard[late][s.Origin()]
					if tale == nil {
						w.fatalf("nothing is heard of n%d", s.Index)
					}
					first := at[s.Origin()][tale.first-1]
					if first < late.Born-c.slack {
						w.fatalf("an event of n%d is heard that was emitted %v before the start", s.Index, late.Born-first)
					}
					if tale.first > 1 && at[s.Origin()][tale.first-2] >= late.Born || tale.holes > 0 || tale.last != uint64(len(at[s.Origin()])) {
						w.fatalf("of n%d the events from %d to %d of %d are heard, %d lack", s.Index, tale.first, tale.last, len(at[s.Origin()]), tale.holes)
					}
				}
				if len(late.Gaps) > 0 {
					w.fatalf("gaps: %v", late.Gaps)
				}
			}
		})
	}
}

// A node that starts with a rewind gets all events that other nodes hold, once and in
// order. That does not disturb other nodes: only a few additional frames are sent to them.
func TestARewindDisturbsNobody(t *testing.T) {
	for seed := range uint64(4) {
		var pushes [2]uint64
		for i, rewind := range []time.Duration{0, time.Minute} {
			w := newWorld(t, sim.Config{Seed: seed})
			w.form(30, 3)
			w.talk(20*time.Second, 100*time.Millisecond)
			w.Run(5 * time.Second)
			before := w.Sent.Pushes
			late := w.Add(sim.Addr(0), sim.Addr(1), sim.Addr(2))
			w.begin(late)
			late.Do(func(m *overlay.Machine, _ time.Time, _ overlay.Out) { m.Rewind(rewind) })
			w.Run(10 * time.Second)
			pushes[i] = w.Sent.Pushes - before
			heard := uint64(0)
			for o, tale := range w.heard[late] {
				if tale.first != 1 || tale.holes != 0 {
					w.fatalf("of %v it hears %+v", o, tale)
				}
				heard += tale.last
			}
			if want := []uint64{0, 200}[i]; heard != want || len(late.Gaps) > 0 {
				w.fatalf("with a rewind of %v it hears %d events of 200, and of gaps %v", rewind, heard, late.Gaps)
			}
		}
		if extra := pushes[1] - pushes[0]; extra > 220 {
			t.Errorf("seed %d: %d events were pushed for one that hears 200", seed, extra)
		}
	}
}

// After a split longer than the history, the loss is reported five seconds after the heal,
// while emitting continues.
func TestALossIsReportedSoon(t *testing.T) {
	for seed := range uint64(6) {
		w := newWorld(t, sim.Config{Seed: seed, Overlay: overlay.Config{Tree: plumtree.Config{HistoryAge: 30 * time.Second}}})
		w.form(40, 4)
		w.talk(5*time.Second, 100*time.Millisecond)
		w.halves()
		w.talk(2*time.Minute, 100*time.Millisecond)
		for _, node := range w.Living() {
			node.Gaps = nil
		}
		last := make(map[*sim.Node]time.Duration)
		for _, node := range w.Living() {
			node.OnGap = func(plumtree.Range) { last[node] = w.Now() }
		}
		w.Heal()
		w.wantWhole(10 * time.Second)
		whole := w.Now()
		w.talk(40*time.Second, 100*time.Millisecond)
		w.Run(10 * time.Second)
		slowest := time.Duration(0)
		for _, node := range w.Living() {
			if len(node.Gaps) == 0 {
				w.fatalf("node %d learns of no loss", node.Index)
			}
			slowest = max(slowest, last[node]-whole)
		}
		t.Logf("seed %d: the last report came %v after the network was one", seed, slowest)
		if slowest > 6*time.Second {
			w.fatalf("the last report came %v after the network was one", slowest)
		}
	}
}

// A node without neighbours emits more than its history holds. Within five seconds after
// it gets its first neighbour, it reports the loss, and so does each node that hears it
// from then on. A node that starts later reports nothing.
func TestALoneNodeThatOverflows(t *testing.T) {
	w := newWorld(t, sim.Config{Seed: 3, Overlay: overlay.Config{Tree: plumtree.Config{HistoryBytes: 128 << 10}}})
	w.form(20, 3)
	lone := w.join()
	for range 12_000 {
		w.emit(lone)
	}
	w.Run(5 * time.Second)
	lost := uint64(0)
	for _, r := range lone.Gaps {
		if r.Origin != lone.Origin() || r.From != lost+1 {
			w.fatalf("it reports %v", lone.Gaps)
		}
		lost = r.To - 1
	}
	if lost < 100 {
		w.fatalf("%d events are lost", lost)
	}
	reported := w.Now()
	lone.Do(func(m *overlay.Machine, now time.Time, out overlay.Out) { m.Add(now, sim.Addr(5), 1, out) })
	if !w.RunUntil(6*time.Second, func() bool {
		return !slices.ContainsFunc(w.Nodes[:20], func(n *sim.Node) bool {
			tale := w.heard[n][lone.Origin()]
			return tale == nil || tale.last < 12_000 || len(n.Gaps) == 0
		})
	}) {
		w.fatalf("not all have heard and learnt of everything %v later", w.Now()-reported)
	}
	for _, n := range w.Nodes[:20] {
		if tale := w.heard[n][lone.Origin()]; tale.first != lost+1 || tale.holes != 0 || len(n.Gaps) != 1 || n.Gaps[0] != (plumtree.Range{Origin: lone.Origin(), From: 1, To: lost + 1}) {
			w.fatalf("node %d hears %+v, and of the gaps %v", n.Index, tale, n.Gaps)
		}
	}
	late := w.join(sim.Addr(0))
	w.Run(10 * time.Second)
	if len(late.Gaps) > 0 || len(w.heard[late]) > 0 {
		w.fatalf("one that starts later learns of the gaps %v", late.Gaps)
	}
}

// Histories are short in bytes. During a split, events turn them over several times, and
// emitting continues after it. So several runs of events of each origin are lost, some of
// them while the report of the first run is pending. Each run has its own deadline from its
// discovery. Later events are then delivered as before, and events too large for the
// histories do not circulate.
func TestALossOfMuchIsReportedSoon(t *testing.T) {
	for seed := range uint64(4) {
		w := newWorld(t, sim.Config{Seed: seed, Overlay: overlay.Config{Tree: plumtree.Config{HistoryBytes: 128 << 10}}})
		w.form(20, 4)
		w.talk(5*time.Second, 20*time.Millisecond)
		w.halves()
		w.talk(time.Minute, 20*time.Millisecond)
		for _, node := range w.Living() {
			node.Gaps = nil
		}
		last := make(map[*sim.Node]time.Duration)
		for _, node := range w.Living() {
			node.OnGap = func(plumtree.Range) { last[node] = w.Now() }
		}
		w.Heal()
		w.wantWhole(10 * time.Second)
		whole, pushes := w.Now(), w.Sent.Pushes
		w.talk(40*time.Second, 20*time.Millisecond)
		w.Run(40 * time.Second)
		if each := float64(w.Sent.Pushes-pushes) / 2000 / 20; each > 3 {
			w.fatalf("an event is pushed %.1f times for each node", each)
		}
		slowest := time.Duration(0)
		for _, node := range w.Living() {
			if len(node.Gaps) == 0 {
				w.fatalf("node %d learns of no loss", node.Index)
			}
			slowest = max(slowest, last[node]-whole)
		}
		t.Logf("seed %d: the last report came %v after the network was one", seed, slowest)
		if slowest > 15*time.Second {
			w.fatalf("the last report came %v after the network was one", slowest)
		}
	}
}
