package sim_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/sim"
	"github.com/smokesignal-go/smokesignal/netsplit"
)

// Nodes crash at once, with or without a reset to their peers. The survivors find each
// other from their address books and keep working.
func TestSurvivorsOfACrashGoOn(t *testing.T) {
	for _, story := range []struct {
		share  float64
		reset  bool
		within time.Duration
	}{
		{0.5, true, 2 * time.Second},
		{0.9, true, 2 * time.Second},
		{0.5, false, 20 * time.Second},
		{0.9, false, 20 * time.Second},
	} {
		name := fmt.Sprintf("%.0f%% reset %v", 100*story.share, story.reset)
		t.Run(name, func(t *testing.T) {
			seeds(t, 1, func(t *testing.T, seed uint64) {
				w := newWorld(t, sim.Config{Seed: seed})
				w.form(200, 3)
				w.Run(30 * time.Second)
				w.crash(story.share, story.reset)
				if !story.reset {
					w.Run(5 * time.Second) // after 5 s a silent link counts as dead
				}
				w.wantWhole(story.within)
				m := w.mark()
				w.talk(2*time.Second, 20*time.Millisecond)
				w.wantAllSince(m, 10*time.Second)
				w.wantSettled(time.Minute)
				for _, node := range w.Living() {
					if n := notices[netsplit.Found](node); n != 0 {
						t.Errorf("node %d took the crash for a netsplit", node.Index)
					}
				}
			})
		})
	}
}

// An event that is on its way when half of the nodes die reaches the other half.
func TestEventsInFlightSurviveACrash(t *testing.T) {
	seeds(t, 2, func(t *testing.T, seed uint64) {
		w := newWorld(t, sim.Config{Seed: seed})
		w.form(200, 3)
		w.Run(20 * time.Second)
		m := w.mark()
		speaker := w.Nodes[0]
		for i := range 100 {
			w.emit(speaker)
			w.Run(10 * time.Millisecond)
			if i == 50 {
				w.emit(speaker)
				w.Run(time.Millisecond) // the event has made one hop
				w.crash(0.5, true, speaker)
			}
		}
		w.wantAllSince(m, 10*time.Second)
		if n := w.gaps(); n != 0 {
			t.Errorf("%d events were given up", n)
		}
	})
}

// All seeds die. Members are not affected. A newcomer waits, and joins as soon as seeds run
// at the old addresses again.
func TestSeedsDieAndComeBack(t *testing.T) {
	seeds(t, 2, func(t *testing.T, seed uint64) {
		w := newWorld(t, sim.Config{Seed: seed})
		w.form(50, 3)
		w.Run(15 * time.Second)
		w.forget()
		old := w.Nodes[:3]
		for _, node := range old {
			w.Crash(node, true)
		}
		m := w.mark()
		w.talk(20*time.Second, 100*time.Millisecond)
		w.wantAllSince(m, 5*time.Second)

		w.Run(time.Second) // so the events are older than the newcomer by more than any tolerance
		newcomer := w.join(sim.Addr(0), sim.Addr(1), sim.Addr(2))
		w.Run(5 * time.Minute)
		if newcomer.Machine.Degree() != 0 {
			t.Error("a newcomer found somebody, though it knew dead seeds only")
		}
		for _, node := range old {
			w.begin(node)
		}
		w.wantWhole(10 * time.Second)
		w.wantSettled(20 * time.Second)
		for _, node := range w.Living() {
			if n := notices[netsplit.Found](node); n != 0 {
				t.Errorf("seed %d: node %d took dead seeds for a netsplit: %v", seed, node.Index, node.Notices)
			}
		}
		m = w.mark()
		w.talk(2*time.Second, 50*time.Millisecond)
		// The newcomer is older than the seeds that it met. It waits until it is sure that
		// no node has the earlier events.
		w.wantAllSince(m, 10*time.Second)
	})
}

// Every second one node joins and one ends, half of them without a goodbye. The nodes that
// stay receive all events of each other.
func TestChurn(t *testing.T) {
	seeds(t, 1, func(t *testing.T, seed uint64) {
		w := newWorld(t, sim.Config{Seed: seed})
		w.form(100, 3)
		w.Run(15 * time.Second)
		stay := w.Nodes[:50]
		m := w.mark()
		for second := range 60 {
			w.join(sim.Addr(0), sim.Addr(1), sim.Addr(2))
			var leavers []*sim.Node
			for _, node := range w.Living() {
				if node.Index >= len(stay) {
					leavers = append(leavers, node)
				}
			}
			switch node := leavers[w.Rand.IntN(len(leavers))]; second % 4 {
			case 0:
				w.Crash(node, true)
			case 1:
				w.Crash(node, false)
			default:
				w.Leave(node)
			}
			for range 10 {
				w.emit(stay[w.Rand.IntN(len(stay))])
				w.Run(100 * time.Millisecond)
			}
		}
		w.wantAllSince(m, 20*time.Second)
		w.wantSettled(20 * time.Second)
		for _, node := range stay {
			if len(node.Gaps) > 0 {
				t.Errorf("node %d was told of lost events: %v", node.Index, node.Gaps)
			}
		}
	})
}

// A restarted node has a new life. Others do not mistake it for the old one, and it does
// not get events from before its start.
func TestRestart(t *testing.T) {
	w := newWorld(t, sim.Config{Seed: 3})
	w.form(20, 1)
	w.Run(10 * time.Second)
	w.talk(5*time.Second, 50*time.Millisecond)
	node := w.Nodes[7]
	w.Crash(node, false)
	w.Run(2 * time.Second)
	w.begin(node)
	w.wantSettled(20 * time.Second)
	m := w.mark()
	w.talk(5*time.Second, 20*time.Millisecond)
	w.wantAllSince(m, 5*time.Second)
	for o, tale := range w.heard[node] {
		if tale.holes > 0 {
			t.Errorf("it missed %d events of %s", tale.holes, o)
		}
	}
	if len(node.Gaps) > 0 {
		t.Errorf("it was told of gaps: %v", node.Gaps)
	}
}
