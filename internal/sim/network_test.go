package sim_test

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/overlay"
	"github.com/smokesignal-go/smokesignal/internal/sim"
)

// These tests check the simulated network itself.

// pair makes two neighbours. b has dialled a.
func pair(w *world) (a, b *sim.Node) {
	w.t.Helper()
	a = w.join()
	b = w.join(a.Addr)
	w.Run(time.Second)
	if !a.IsPeer(b) || !b.IsPeer(a) {
		w.fatalf("the two do not link")
	}
	return a, b
}

// dials makes a node dial an address, and returns the result and the time that it took.
func dials(w *world, from *sim.Node, addr string) (after time.Duration, err error) {
	w.t.Helper()
	start := w.Now()
	from.Do(func(m *overlay.Machine, now time.Time, out overlay.Out) { m.Add(now, addr, 7, out) })
	if !w.RunUntil(time.Minute, func() bool { _, ok := from.Answers[7]; return ok }) {
		w.fatalf("node %d is told nothing of its dial", from.Index)
	}
	err = from.Answers[7]
	delete(from.Answers, 7)
	return w.Now() - start, err
}

func TestDelaysOfADialAreThoseOfTCP(t *testing.T) {
	w := newWorld(t, sim.Config{Seed: 1, Latency: sim.Constant(100 * time.Millisecond)})
	a, b := w.join(), w.join()
	// A TCP handshake, the HELLOs, and the request with its answer: three round trips.
	if after, err := dials(w, a, b.Addr); err != nil || after < 600*time.Millisecond || after > 620*time.Millisecond {
		t.Errorf("a dial over links of 100 ms: %v after %v", err, after)
	}
	w.Crash(b, true)
	w.Run(time.Second)
	if after, err := dials(w, a, b.Addr); !errors.Is(err, sim.ErrRefused) || after > 220*time.Millisecond {
		t.Errorf("a dial to a host without a listener: %v after %v", err, after)
	}
	w.begin(b)
	w.Crash(b, false)
	if after, err := dials(w, a, b.Addr); !errors.Is(err, sim.ErrTimeout) || after < 1500*time.Millisecond || after > 1520*time.Millisecond {
		t.Errorf("a dial to a host that is gone: %v after %v", err, after)
	}
}

func TestOneWayCut(t *testing.T) {
	w := newWorld(t, sim.Config{Seed: 1})
	a, b := pair(w)
	c := w.join()
	w.CutOneWay(a, b)
	w.CutOneWay(b, c)
	w.emit(a)
	w.emit(b)
	w.Run(time.Second)
	if len(w.heard[b]) != 0 || len(w.heard[a]) != 1 {
		t.Errorf("over a cut from a to b, b heard %d and a heard %d", len(w.heard[b]), len(w.heard[a]))
	}
	// A connection needs both directions, whichever node dials.
	for _, try := range []struct{ from, to *sim.Node }{{b, c}, {c, b}} {
		if _, err := dials(w, try.from, try.to.Addr); !errors.Is(err, sim.ErrTimeout) {
			t.Errorf("node %d dials node %d: %v", try.from.Index, try.to.Index, err)
		}
	}
	w.Heal()
	w.RunUntil(3*time.Second, func() bool { return len(w.heard[b]) == 1 })
	if len(w.heard[b]) != 1 {
		t.Error("what the cut held up did not come")
	}
}

func TestHiddenNodeDialsAndIsNotDialled(t *testing.T) {
	w := newWorld(t, sim.Config{Seed: 1})
	a, b := w.join(), w.Add()
	b.Hidden = true
	w.begin(b)
	if _, err := dials(w, a, b.Addr); !errors.Is(err, sim.ErrTimeout) {
		t.Errorf("a hidden node is dialled: %v", err)
	}
	if _, err := dials(w, b, a.Addr); err != nil {
		t.Errorf("a hidden node dials: %v", err)
	}
}

func TestStalledNodeHandlesEverythingLate(t *testing.T) {
	w := newWorld(t, sim.Config{Seed: 1})
	a, b := pair(w)
	w.Stall(b, 3*time.Second)
	for range 100 {
		w.emit(a)
		w.Run(10 * time.Millisecond)
	}
	if !b.IsStalled() || len(w.heard[b]) != 0 {
		t.Fatal("it goes on while it stalls")
	}
	w.Run(3 * time.Second)
	if tale := w.heard[b][w.origin(a)]; tale == nil || tale.first != 1 || tale.last != 100 || tale.holes != 0 {
		t.Errorf("it heard %+v of 100 events", tale)
	}
	if len(a.Downs)+len(b.Downs) > 0 {
		t.Error("a stall of three seconds cost the link")
	}
}

// A stalled host accepts connections and then sends nothing.
func TestStalledNodeDoesNotGreet(t *testing.T) {
	w := newWorld(t, sim.Config{Seed: 1})
	a, b := w.join(), w.join()
	w.Stall(b, time.Minute)
	if after, err := dials(w, a, b.Addr); !errors.Is(err, sim.ErrTimeout) || after < 3*time.Second || after > 3100*time.Millisecond {
		t.Errorf("%v after %v", err, after)
	}
}

func TestLossCostsTimeAndNothingElse(t *testing.T) {
	w := newWorld(t, sim.Config{Seed: 1, Loss: 0.2})
	w.form(20, 2)
	m := w.mark()
	w.talk(10*time.Second, 20*time.Millisecond)
	w.wantAllSince(m, 20*time.Second)
}

// A node that crashed without a reset is started again. Its host does not know the old
// links, so it resets them.
func TestReturnedHostResetsOldLinks(t *testing.T) {
	w := newWorld(t, sim.Config{Seed: 1})
	a, b := pair(w)
	w.Crash(b, false)
	w.Run(100 * time.Millisecond)
	old := b.ID
	w.Restart(b)
	if b.ID != old {
		t.Error("it came back as somebody else")
	}
	// The next ping of either end gets a reset, long before the silence would show.
	if !w.RunUntil(2500*time.Millisecond, func() bool { return !a.IsPeer(b) || len(a.Downs) > 0 }) {
		t.Error("the old link lives on")
	}
	w.Crash(b, true)
	w.Move(b, "10.200.0.1:1")
	w.Restart(b)
	if _, err := dials(w, a, "10.200.0.1:1"); err != nil {
		t.Errorf("at its new address: %v", err)
	}
}

func TestRegionsHaveDelaysOfTheirOwn(t *testing.T) {
	latency := sim.Regions(sim.World())
	rng := rand.New(rand.NewPCG(1, 1))
	for range 1000 {
		if d := latency(rng, 0, 5); d < time.Millisecond || d > 1100*time.Microsecond {
			t.Fatalf("within a region: %v", d)
		}
		if d := latency(rng, 3, 4); d < 135*time.Millisecond || d > 149*time.Millisecond {
			t.Fatalf("between two: %v", d)
		}
	}
	for i, row := range sim.World() {
		for j := range row {
			if row[j] != sim.World()[j][i] {
				t.Errorf("from %d to %d takes longer than back", i, j)
			}
		}
	}
}

// Frames that cross links as bytes have the same effects as frames that do not.
func TestFramesAsBytes(t *testing.T) {
	w := newWorld(t, sim.Config{Seed: 2, Wire: true})
	w.form(60, 3)
	m := w.mark()
	w.talk(3*time.Second, 20*time.Millisecond)
	w.halves()
	w.talk(10*time.Second, 50*time.Millisecond)
	w.Heal()
	w.wantWhole(10 * time.Second)
	w.crash(0.3, true)
	w.talk(3*time.Second, 50*time.Millisecond)
	w.wantAllSince(m, 20*time.Second)
	if err := w.Err(); err != nil {
		t.Error(err)
	}
	if w.Sent.Bytes == 0 {
		t.Error("there were no bytes")
	}
}

func TestParts(t *testing.T) {
	w := newWorld(t, sim.Config{Seed: 1})
	a, b := pair(w)
	c := w.join()
	want := func(parts, largest int) {
		t.Helper()
		if p, l := w.Parts(); p != parts || l != largest {
			t.Errorf("%d components, the largest of %d; want %d and %d", p, l, parts, largest)
		}
		if groups := w.Components(); len(groups) != parts || len(groups[0]) != largest {
			t.Errorf("the groups are %v", groups)
		}
	}
	want(2, 2)
	w.CutOneWay(a, b)
	want(3, 1)
	w.Heal()
	want(2, 2)
	w.Crash(c, true)
	want(1, 2)
	w.Crash(b, true)
	want(1, 1)
}
