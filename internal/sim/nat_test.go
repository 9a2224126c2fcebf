package sim_test

import (
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/hyparview"
	"github.com/smokesignal-go/smokesignal/internal/overlay"
	"github.com/smokesignal-go/smokesignal/internal/sim"
)

// hide adds n nodes that can't be dialled. Half of them advertise an address anyway.
func (w *world) hide(n int, seeds ...string) (hidden []*sim.Node) {
	for i := range n {
		node := w.Add(seeds...)
		node.Hidden, node.Unnamed = true, i%2 == 0
		w.begin(node)
		hidden = append(hidden, node)
	}
	return hidden
}

// alone counts the living nodes that have no neighbour.
func (w *world) alone() (n int) {
	for _, node := range w.Living() {
		if node.Machine.Degree() == 0 {
			n++
		}
	}
	return n
}

// withinBounds fails the test if a node has too many neighbours or guests.
func (w *world) withinBounds(guests int) {
	w.t.Helper()
	for _, node := range w.Living() {
		if d, g := node.Machine.Degree(), node.Machine.Guests(); d-g > w.max || g > guests {
			w.fatalf("n%d has %d neighbours, %d of them guests", node.Index, d, g)
		}
	}
}

// Nine of ten nodes cannot be dialled. Without places for guests, most of them stay
// alone.
func TestWithoutGuestPlacesAMajorityIsShutOut(t *testing.T) {
	ablate(t, overlay.Config{}, func(cfg *overlay.Config) { cfg.Membership.MaxGuests = -1 }, func(w *world) bool {
		for range 6 {
			w.join(sim.Addr(0), sim.Addr(1))
		}
		w.hide(54, sim.Addr(0), sim.Addr(1))
		if !w.RunUntil(30*time.Second, func() bool { return len(w.Components()) == 1 }) {
			return false
		}
		w.Run(10 * time.Second)
		m := w.mark()
		w.talk(10*time.Second, 100*time.Millisecond)
		w.wantAllSince(m, 10*time.Second)
		w.withinBounds(64)
		return true
	})
}

// Only the seed can be dialled. A node that can be dialled joins later and finds room. So
// do further nodes that can't be dialled.
func TestOnlyTheSeedCanBeDialled(t *testing.T) {
	seeds(t, 3, func(t *testing.T, seed uint64) {
		w := newWorld(t, sim.Config{Seed: seed})
		w.join()
		hidden := w.hide(20, sim.Addr(0))
		w.Run(10 * time.Second)
		if n := w.alone(); n > 0 {
			w.fatalf("%d nodes are alone", n)
		}
		for _, node := range hidden {
			node.Alone = 0
		}
		late := w.join(sim.Addr(0))
		if !w.RunUntil(5*time.Second, func() bool { return w.Nodes[0].IsPeer(late) }) {
			w.fatalf("the latecomer is no neighbour of the seed")
		}
		w.hide(20, sim.Addr(0))
		w.Run(10 * time.Minute)
		for _, node := range hidden {
			if node.Alone > 0 {
				w.fatalf("n%d lost its only link", node.Index)
			}
		}
		if n := w.alone(); n > 0 || len(w.Components()) != 1 {
			w.fatalf("%d nodes are alone", n)
		}
		w.withinBounds(64)
	})
}

// Three nodes have 15 places for 14 nodes that can't be dialled and want three links each.
// Each of these gets one link. Nodes with more links give some up.
func TestScarcePlacesGoToThoseWithoutALink(t *testing.T) {
	seeds(t, 3, func(t *testing.T, seed uint64) {
		cfg := overlay.Config{Membership: hyparview.Config{MinPeers: 3, MaxPeers: 5, MaxGuests: 5}}
		w := newWorld(t, sim.Config{Seed: seed, Overlay: cfg})
		for range 3 {
			w.join(sim.Addr(0))
		}
		w.Run(5 * time.Second)
		early := w.hide(5, sim.Addr(0))
		w.Run(2 * time.Minute) // now these nodes have up to three links each
		w.hide(9, sim.Addr(0))
		if !w.RunUntil(5*time.Minute, func() bool { return w.alone() == 0 }) {
			w.fatalf("%d nodes are alone", w.alone())
		}
		for _, node := range early {
			node.Alone = 0
		}
		w.Run(10 * time.Minute)
		if n := w.alone(); n > 0 {
			w.fatalf("%d nodes are alone later", n)
		}
		w.withinBounds(5)
	})
}

// Nodes that can't be dialled join and leave. When one leaves, its places become free
// again.
func TestHiddenNodesComeAndGo(t *testing.T) {
	w := newWorld(t, sim.Config{Seed: 1, Overlay: overlay.Config{Membership: hyparview.Config{MinPeers: 3, MaxPeers: 5, MaxGuests: 12}}})
	for range 4 {
		w.join(sim.Addr(0), sim.Addr(1))
	}
	hidden := w.hide(30, sim.Addr(0), sim.Addr(1))
	w.Run(30 * time.Second)
	for i := range 120 {
		node := hidden[w.Rand.IntN(len(hidden))]
		if node.Alive {
			if i%2 == 0 {
				w.Leave(node)
			} else {
				w.Crash(node, i%4 == 1)
			}
		} else {
			w.begin(node)
		}
		w.Run(time.Second)
		w.withinBounds(12)
	}
	for _, node := range hidden {
		if !node.Alive {
			w.begin(node)
		}
	}
	// If no place is free, a redundant link must end. Each of the four nodes that
	// can be dialled ends at most two of the links of one prefix a minute.
	w.wantWhole(2 * time.Minute)
	m := w.mark()
	w.talk(5*time.Second, 100*time.Millisecond)
	w.wantAllSince(m, 10*time.Second)
}

// An attacker's nodes claim again and again that they have no link and no address. Links
// that honest nodes have dialled stay, guests keep a link, and all events arrive.
func TestClaimsToBeShutOutShutNobodyOut(t *testing.T) {
	w := newWorld(t, sim.Config{Seed: 1})
	for range 12 {
		w.Move(w.Add(sim.HonestAddr(0)), sim.HonestAddr(len(w.Nodes)-1))
		w.begin(w.Nodes[len(w.Nodes)-1])
	}
	for i := range 12 {
		node := w.Add(sim.HonestAddr(0))
		w.Move(node, sim.HonestAddr(node.Index))
		node.Hidden, node.Unnamed = true, i%2 == 0
		w.begin(node)
	}
	w.Run(30 * time.Second)
	if n := w.alone(); n > 0 {
		w.fatalf("%d nodes are alone before the attack", n)
	}
	m := w.mark()
	w.Attack(sim.AttackConfig{Sybils: 400, Groups: 4, Claims: true})
	for range 45 {
		w.talk(2*time.Second, 200*time.Millisecond)
		w.withinBounds(64)
	}
	w.wantAllSince(m, 10*time.Second)
	if n := w.alone(); n > 0 {
		w.fatalf("%d nodes are alone", n)
	}
	late := w.Add(sim.HonestAddr(0))
	w.Move(late, sim.HonestAddr(late.Index))
	late.Hidden, late.Unnamed = true, true
	w.begin(late)
	if !w.RunUntil(30*time.Second, func() bool {
		for _, p := range late.Peers() {
			if !p.IsSybil() {
				return true
			}
		}
		return false
	}) {
		w.fatalf("a guest that comes during the attack does not get in")
	}
}

// AddPeer made two nodes neighbours. Rotation at either end must not end their link.
func TestRotationSparesALinkThatWasAskedFor(t *testing.T) {
	seeds(t, 3, func(t *testing.T, seed uint64) {
		w := newWorld(t, sim.Config{Seed: seed})
		w.form(30, 2)
		w.Run(time.Minute)
		a := w.Nodes[10]
		b := w.Nodes[20]
		w.RunUntil(5*time.Minute, func() bool {
			return a.Machine.Degree() < 5 && b.Machine.Degree() < 5 && !a.IsPeer(b)
		})
		a.Do(func(m *overlay.Machine, now time.Time, out overlay.Out) { m.Add(now, b.Addr, 1, out) })
		w.Run(time.Second)
		if err, ok := a.Answers[1]; !ok || err != nil {
			w.fatalf("add: %v, %v", err, ok)
		}
		rotations := len(a.Downs) + len(b.Downs)
		for range 600 {
			w.Run(time.Second)
			if !a.IsPeer(b) || !b.IsPeer(a) {
				w.fatalf("the link is gone")
			}
		}
		if len(a.Downs)+len(b.Downs) == rotations {
			t.Log("neither end rotated any other link")
		}
	})
}
