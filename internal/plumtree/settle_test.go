package plumtree

import (
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// The second copy of a pulse arrives after 90 ms, so links are slow. A new parent does
// not push yet when LazyDelay is over, so the old link stays in use until the new parent
// pushes.
func TestLinksSettleLaterWhereTheyAreSlow(t *testing.T) {
	for _, run := range []struct {
		off   bool
		after time.Duration // link 2 is in use until then
	}{{false, 180 * time.Millisecond}, {true, 100 * time.Millisecond}} {
		b := newBench(t, Config{NoSettling: run.off})
		b.up(1, 2, 3)
		b.get(1, pulseOf(7, 1, 3))
		b.pass(90 * time.Millisecond)
		b.get(2, pulseOf(7, 1, 4))
		b.pass(run.after - 90*time.Millisecond - time.Millisecond)
		if !b.links.find(2).role.isEager() {
			t.Errorf("off %v: the link is lazy before %v", run.off, run.after)
		}
		b.pass(2 * time.Millisecond)
		b.wantRoles(map[ident.Link]string{1: "parent", 2: "stray", 3: "child"})
	}
}

// The delay between copies of one pulse also determines the wait for the next pulse, even
// if no copy of that one arrives in time. After that, the delay is forgotten.
func TestSpreadIsRememberedForOnePulse(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2)
	settles := func(count uint64) time.Duration {
		b.get(1, pulseOf(7, count, 3))
		return b.pulse.settleAt.Sub(b.now)
	}
	if d := settles(1); d != 100*time.Millisecond {
		t.Errorf("the first pulse settles after %v", d)
	}
	b.pass(300 * time.Millisecond) // the links have their roles
	b.get(2, pulseOf(7, 1, 4))
	b.pass(pulseEvery)
	if d := settles(2); d != 600*time.Millisecond {
		t.Errorf("after a spread of 300 ms the next pulse settles after %v", d)
	}
	b.pass(pulseEvery)
	b.get(1, pulseOf(7, 3, 3))
	b.pass(pulseEvery)
	if d := settles(4); d != 100*time.Millisecond {
		t.Errorf("two pulses later it settles after %v", d)
	}
}

// A peer may delay its copy of the last pulse without limit, and a copy on a new link is
// late. Neither keeps old links in use for long.
func TestLateCopiesOfAPulseAreBounded(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2)
	b.get(1, pulseOf(7, 1, 3))
	b.pass(4 * time.Second)
	b.get(2, pulseOf(7, 1, 4)) // a false copy
	b.pass(time.Second)
	b.get(1, pulseOf(7, 2, 3))
	if d := b.pulse.settleAt.Sub(b.now); d != maxSettling {
		t.Errorf("a peer makes it settle after %v", d)
	}

	b = newBench(t, Config{})
	b.up(1)
	b.get(1, pulseOf(7, 1, 3))
	b.pass(4 * time.Second)
	b.up(2)
	b.get(2, pulseOf(7, 1, 4)) // the copy that showTree sends at the other end
	b.pass(time.Second)
	b.get(1, pulseOf(7, 2, 3))
	if d := b.pulse.settleAt.Sub(b.now); d != 100*time.Millisecond {
		t.Errorf("a new link makes it settle after %v", d)
	}
}

// A node has lost its parent and asked all neighbours to push. Each of them also gets
// events on another path, and prunes the node's link. The first one to prune becomes its
// parent, because otherwise no link remains.
func TestLostNodeFollowsWhoPrunesIt(t *testing.T) {
	for _, off := range []bool{false, true} {
		b := newBench(t, Config{NoRescue: off})
		b.up(1, 2, 3)
		b.get(1, pulseOf(7, 1, 2))
		b.get(2, pulseOf(7, 1, 4)) // both are farther from the root than this node
		b.get(3, pulseOf(7, 1, 4))
		b.pass(time.Second)
		b.Tree.LinkDown(b.now, 1, b)
		b.take(2)
		b.take(3)
		b.get(2, &Prune{})
		b.get(3, &Prune{})
		b.pass(time.Second)
		if off {
			b.wantRoles(map[ident.Link]string{2: "stray", 3: "stray"}) // no neighbour pushes to it
			continue
		}
		b.want(b.take(2), &Graft{Eager: true, Parent: true})
		b.wantRoles(map[ident.Link]string{2: "parent", 3: "stray"})
	}
}
