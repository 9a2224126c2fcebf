package plumtree

import (
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// pulseOf returns a pulse of the n-th origin.
func pulseOf(n byte, count uint64, hops uint8) *Pulse {
	return &Pulse{Root: origin(n), Rank: 9, Hops: hops, Count: count}
}

func (b *bench) pulses(l ident.Link) (list []*Pulse) {
	for _, m := range b.take(l) {
		if p, ok := m.(*Pulse); ok {
			list = append(list, p)
		}
	}
	return list
}

// place names the place of a link in the tree.
func (b *bench) place(id ident.Link) string {
	switch l := b.links.find(id); {
	case !l.role.isInTree():
		return "stray"
	case id == b.pulse.parent:
		return "parent"
	}
	return "child"
}

// wantRoles compares the places of links. Links in the tree must be eager, and others
// lazy.
func (b *bench) wantRoles(want map[ident.Link]string) {
	b.t.Helper()
	for id, place := range want {
		if l := b.links.find(id); b.place(id) != place || l.role.isEager() != (place != "stray") {
			b.t.Errorf("link %d: %s, %+v, want %s", id, b.place(id), l.role, place)
		}
	}
}

// The pulse arrives first on link 2, again on link 3, and never on links 1 and 4, because
// the nodes at their other ends have it from this node.
func TestPulseShowsTheTree(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2, 3, 4)
	b.get(2, pulseOf(7, 1, 3))
	for _, l := range []ident.Link{1, 3, 4} {
		if got := b.pulses(l); len(got) != 1 || *got[0] != *pulseOf(7, 1, 4) {
			t.Errorf("on link %d it went on as %+v", l, got)
		}
	}
	b.get(3, pulseOf(7, 1, 5))
	if got := b.pulses(2); len(got) > 0 {
		t.Errorf("it went back to where it came from: %+v", got)
	}
	if l := b.links.find(3); !l.role.isEager() {
		t.Error("what is under way on a link that leaves the tree is cut off")
	}
	b.pass(time.Second)
	b.wantRoles(map[ident.Link]string{1: "child", 2: "parent", 3: "stray", 4: "child"})
	if sent := b.take(3); len(sent) > 0 {
		t.Errorf("both ends know, and yet %v was said", words(sent))
	}

	// The next pulse arrives on the other link first.
	b.get(3, pulseOf(7, 2, 2))
	b.want(b.take(3), &Graft{Eager: true, Parent: true})
	b.get(2, pulseOf(7, 2, 4))
	b.pass(time.Second)
	b.wantRoles(map[ident.Link]string{1: "child", 2: "stray", 3: "parent", 4: "child"})
}

// On slow links, a copy of a pulse arrives after the roles were assigned.
func TestPulseThatComesAgainLate(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2)
	b.get(1, pulseOf(7, 1, 1))
	b.pass(time.Second)
	b.wantRoles(map[ident.Link]string{1: "parent", 2: "child"})
	b.get(2, pulseOf(7, 1, 2))
	b.wantRoles(map[ident.Link]string{1: "parent", 2: "stray"})
}

// A new neighbour gets the last pulse. If it has that pulse already, the link is not part
// of the tree. If not, its path to the root leads through this node.
func TestNewLinkIsNoPartOfATreeThatDoesWithoutIt(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2)
	b.get(1, pulseOf(7, 1, 1))
	for _, l := range []ident.Link{3, 4} {
		b.Tree.LinkUp(b.now, l, peerOn(l), b)
		if got := b.pulses(l); len(got) != 1 || *got[0] != *pulseOf(7, 1, 2) {
			t.Errorf("link %d was shown %+v", l, got)
		}
	}
	b.get(3, pulseOf(7, 1, 4))
	b.get(4, &Graft{Eager: true, Parent: true})
	b.pass(time.Second)
	b.wantRoles(map[ident.Link]string{1: "parent", 2: "child", 3: "stray", 4: "child"})

	b.pass(pulseLasts) // the pulse expires, because no node emits: the tree may have changed
	b.Tree.LinkUp(b.now, 5, peerOn(5), b)
	if l := b.links.find(5); !l.role.isEager() || len(b.pulses(5)) > 0 {
		t.Error("a new link is lazy, and nobody knows a way")
	}
}

// A node without a pulse sends none, so its end of a new link is eager. The other end has
// sent its pulse and is lazy, so it is asked to push like any other lazy neighbour.
func TestNewcomerAsksItsWayToPush(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1)
	b.get(1, pulseOf(7, 1, 1))
	b.want(b.take(1), &Graft{Eager: true, Parent: true})
	b.get(1, pulseOf(7, 2, 1))
	b.want(b.take(1)) // it has the pulse by now
}

// A duplicate shows a cycle. The cycle is cut at a link that the tree does not need: the
// one on which the event arrived again, or the one on which it arrived first.
func TestDuplicatePrunesWhatIsNoPartOfTheTree(t *testing.T) {
	for _, first := range []ident.Link{1, 3} {
		b := newBench(t, Config{})
		b.up(1, 2)
		b.get(1, pulseOf(7, 1, 1))
		b.pass(time.Second)
		b.up(3)
		b.take(3)
		b.gossip(first, origin(1), 1)
		b.gossip(4-first, origin(1), 1)
		b.wantRoles(map[ident.Link]string{1: "parent", 2: "child", 3: "stray"})
		var prunes int
		for _, m := range b.take(3) {
			if _, ok := m.(*Prune); ok {
				prunes++
			}
		}
		if prunes != 1 {
			t.Errorf("first on link %d: %d times pruned", first, prunes)
		}
	}
}

// There is no root, so the node that emits becomes root. It continues to send pulses
// while any node emits events.
func TestWhoEmitsIsTheRootWhereThereIsNone(t *testing.T) {
	b := newBench(t, Config{})
	b.Emit(b.now, []byte("\x01a"), b) // emitted without a neighbour
	b.up(1, 2)
	b.take(1)
	b.Emit(b.now, []byte("\x01a"), b)
	first := b.pulses(1)
	if len(first) != 1 || first[0].Root != origin(0) || first[0].Hops != 1 {
		t.Fatalf("sent %+v", first)
	}
	b.get(1, &Pulse{Root: origin(0), Rank: first[0].Rank, Hops: 3, Count: first[0].Count}) // its own pulse comes back
	b.pass(time.Second)
	b.wantRoles(map[ident.Link]string{1: "stray", 2: "child"})
	b.pass(pulseEvery)
	if got := b.pulses(1); len(got) > 0 {
		t.Errorf("nobody emits, and the root sends %+v", got)
	}
	b.gossip(2, origin(1), 1)
	if got := b.pulses(1); len(got) != 1 || got[0].Count <= first[0].Count {
		t.Errorf("there is an event again, and the root sends %+v", got)
	}
	b.gossip(2, origin(1), 2)
	b.pass(pulseEvery - time.Millisecond)
	if got := b.pulses(1); len(got) > 0 {
		t.Errorf("too soon: %+v", got)
	}
	b.pass(time.Millisecond)
	if got := b.pulses(1); len(got) != 1 {
		t.Errorf("after %v there are %d", pulseEvery, len(got))
	}
}

func TestOneRootWins(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2)
	b.get(1, pulseOf(7, 1, 1))
	b.get(2, pulseOf(9, 1, 1)) // the pulse of higher rank
	b.get(1, pulseOf(7, 1, 1)) // the same pulse again
	if b.pulse.root != origin(7) || b.pulse.parent != 1 {
		t.Errorf("the root is %v", b.pulse.root)
	}
	b.get(2, pulseOf(5, 1, 1))
	if b.pulse.root != origin(5) || b.pulse.parent != 2 {
		t.Errorf("the root is %v", b.pulse.root)
	}
	b.get(1, &Pulse{Root: origin(9), Rank: 10, Hops: 1, Count: 1})
	if b.pulse.root != origin(9) {
		t.Errorf("the root is %v, and another has a higher rank", b.pulse.root)
	}
	b.pass(pulseLasts)
	b.get(1, pulseOf(7, 2, 1))
	if b.pulse.root != origin(7) {
		t.Errorf("the root is %v, which is silent", b.pulse.root)
	}
}

// The rank of a root falls, and another node replaces it. An old pulse of the former
// root, which arrives by a long path or from a new neighbour, does not win again.
func TestPulseOfThePastDoesNotComeBack(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2)
	old := &Pulse{Root: origin(7), Rank: 9, Hops: 1, Count: 5}
	b.get(1, old)
	b.get(1, &Pulse{Root: origin(7), Rank: 3, Hops: 1, Count: 6})
	b.get(1, &Pulse{Root: origin(8), Rank: 5, Hops: 1, Count: 1})
	b.get(2, old)
	if b.pulse.root != origin(8) {
		t.Errorf("the root is %v", b.pulse.root)
	}
	b.get(2, &Pulse{Root: origin(7), Rank: 9, Hops: 1, Count: 7})
	if b.pulse.root != origin(7) {
		t.Errorf("the root is %v, and a former one is better again", b.pulse.root)
	}
	// A false pulse may have the highest possible count. Its effect does not last long.
	b.get(1, &Pulse{Root: origin(7), Rank: 9, Hops: 1, Count: 1 << 62})
	b.get(1, &Pulse{Root: origin(8), Rank: 10, Hops: 1, Count: 2})
	for n := range uint64(3) {
		b.pass(pulseEvery)
		b.get(1, &Pulse{Root: origin(8), Rank: 10, Hops: 1, Count: 3 + n})
	}
	b.get(2, &Pulse{Root: origin(7), Rank: 13, Hops: 1, Count: 8})
	if b.pulse.root != origin(7) {
		t.Errorf("the root is %v, and a better one was forgotten for good", b.pulse.root)
	}
}

// The events of a node take short paths if that node is the root.
func TestWhoEmitsMuchMoreBecomesTheRoot(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2)
	b.get(1, &Pulse{Root: origin(7), Rank: 3, Hops: 1, Count: 1})
	for range 50 {
		b.Emit(b.now, []byte("\x01a"), b)
	}
	b.pass(pulseEvery)
	b.take(2)
	b.get(1, &Pulse{Root: origin(7), Rank: 3, Hops: 1, Count: 2})
	got := b.pulses(2)
	if len(got) != 2 || got[1].Root != origin(0) || got[1].Rank != 6 {
		t.Fatalf("it sent %+v", got)
	}
	b.get(1, &Pulse{Root: origin(7), Rank: 3, Hops: 1, Count: 3})
	if b.pulse.root != origin(0) {
		t.Error("it gave way to one of lower rank")
	}
}

// Ranks have a maximum. No rank can exceed the highest ranks by rankLead.
func TestHighestRankIsNotBeatenByALowOne(t *testing.T) {
	for _, rank := range []uint8{252, 253, 255} {
		b := newBench(t, Config{})
		b.up(1, 2)
		b.get(1, &Pulse{Root: origin(7), Rank: rank, Hops: 1, Count: 1})
		if got := b.pulses(2); len(got) != 1 || b.pulse.root != origin(7) {
			t.Errorf("of rank %d: %d pulses went on, and the root is %v", rank, len(got), b.pulse.root)
		}
	}
}

func TestLostParentIsReplacedByWhoIsNearerToTheRoot(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2, 3, 4, 5)
	b.get(1, pulseOf(7, 1, 3))
	b.get(2, pulseOf(7, 1, 4)) // as far from the root as this node, so its path may lead through this node later
	b.get(3, pulseOf(7, 1, 3))
	b.get(4, pulseOf(7, 1, 2)) // nearer than the neighbour on link 3, but its copy came later
	b.pass(time.Second)
	for l := range ident.Link(6) {
		b.take(l)
	}
	b.Tree.LinkDown(b.now, 1, b)
	b.want(b.take(3), &Graft{Eager: true, Parent: true})
	for _, l := range []ident.Link{2, 4, 5} {
		b.want(b.take(l))
	}
	// The next parent reports that it has lost its own path, and asks this node to push.
	b.get(3, &Graft{Eager: true, Parent: true})
	b.want(b.take(4), &Graft{Eager: true, Parent: true})
	b.wantRoles(map[ident.Link]string{2: "stray", 3: "child", 4: "parent", 5: "child"})
	// Now no neighbour is known to have a path, so all are asked.
	b.Tree.LinkDown(b.now, 4, b)
	b.want(b.take(2), &Graft{Eager: true})
	b.Tree.LinkDown(b.now, 5, b) // a child finds another path itself
	b.want(b.take(2))
}

// The path is lost before the pulse has arrived on all links. The roles that the pulse
// has assigned so far must not cut the last links.
func TestParentLostWhileThePulseIsUnderWay(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2, 3)
	b.get(1, pulseOf(7, 1, 3))
	b.get(2, pulseOf(7, 1, 5))
	b.take(2)
	b.take(3)
	b.Tree.LinkDown(b.now, 1, b)
	b.want(b.take(2), &Graft{Eager: true})
	b.want(b.take(3), &Graft{Eager: true})
	b.pass(time.Second)
	for _, id := range []ident.Link{2, 3} {
		if l := b.links.find(id); !l.role.isEager() {
			t.Errorf("link %d is lazy", id)
		}
	}
	// The same situation at the other end of the link.
	b = newBench(t, Config{})
	b.up(1, 2, 3)
	b.get(1, pulseOf(7, 1, 3))
	b.get(2, pulseOf(7, 1, 5))
	b.get(2, &Graft{Eager: true})
	b.get(3, pulseOf(7, 1, 5))
	b.get(3, &Graft{Eager: true, Parent: true})
	b.pass(time.Second)
	if l := b.links.find(2); l.role.isInTree() || !l.role.isEager() {
		t.Errorf("link 2: %+v", l.role)
	}
	b.wantRoles(map[ident.Link]string{1: "parent", 3: "child"})
}

// A node has lost its last neighbour and finds a new one with the same pulse. The node
// needs that link, and must not treat it as one that the tree does not need.
func TestLostNodeKeepsItsNewNeighbor(t *testing.T) {
	for hops, want := range map[uint8]string{2: "parent", 3: "parent", 4: "stray"} { // a neighbour farther from the root may have its path through this node
		b := newBench(t, Config{})
		b.up(1)
		b.get(1, pulseOf(7, 1, 3))
		b.pass(time.Second)
		b.Tree.LinkDown(b.now, 1, b)
		b.Tree.LinkUp(b.now, 2, peerOn(2), b)
		asked := func() (n int) {
			for _, m := range b.take(2) {
				if g, ok := m.(*Graft); ok && g.Eager {
					n++
				}
			}
			return n
		}
		if asked() == 0 { // this node must ask, because the neighbour may have no pulse to send, or another one
			t.Error("it does not ask to be pushed to")
		}
		b.get(2, pulseOf(7, 1, hops))
		b.pass(time.Second)
		if l := b.links.find(2); !l.role.isEager() || b.place(2) != want {
			t.Errorf("%d hops: %s, %+v", hops, b.place(2), l.role)
		}
		for range 100 {
			b.get(2, pulseOf(7, 1, hops))
		}
		if n := asked(); n > 1 {
			t.Errorf("it asks %d times", n)
		}
	}
}

// The path is lost, and then copies of the pulse arrive on the other links.
func TestPulseComesAgainAfterTheParentIsLost(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2, 3, 4)
	b.get(1, pulseOf(7, 1, 3))
	b.Tree.LinkDown(b.now, 1, b)
	b.get(2, pulseOf(7, 1, 4))
	b.get(3, pulseOf(7, 1, 3))
	b.get(4, pulseOf(7, 1, 5))
	b.pass(time.Second)
	if l := b.links.find(2); !l.role.isEager() {
		t.Error("while no way was known, one was given up")
	}
	b.wantRoles(map[ident.Link]string{3: "parent", 4: "stray"})
}

// A neighbour becomes the path to the root, and then stops being it, again and again. No
// other neighbour is affected.
func TestFickleParentIsNoWayToMakeFrames(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2, 3)
	b.get(1, pulseOf(7, 1, 1))
	b.get(2, pulseOf(7, 1, 2))
	for range 100 {
		b.get(1, &Prune{})
		b.get(1, pulseOf(7, 1, 1))
	}
	if n := len(b.take(2)) + len(b.take(3)); n > 4 { // the pulse, and one GRAFT each
		t.Errorf("%d frames", n)
	}
}

// The hop count of a pulse stops at its maximum. Beyond that, all nodes have the pulse
// with the same count, so a node that lost its path could ask its own descendant.
func TestWhereHopsAreNotCountedNobodyIsNearer(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2)
	b.get(1, pulseOf(7, 1, 255))
	b.get(2, pulseOf(7, 1, 255))
	b.pass(time.Second)
	b.take(2)
	b.Tree.LinkDown(b.now, 1, b)
	for _, m := range b.take(2) {
		if g, ok := m.(*Graft); !ok || g.Parent || b.pulse.parent != 0 {
			t.Errorf("it asks %+v", m)
		}
	}
	if l := b.links.find(2); !l.role.isEager() {
		t.Error("it asks nobody")
	}
}

// However many false pulses arrive, only few are forwarded.
func TestPulsesAreBounded(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2)
	for n := range uint64(1000) {
		b.get(1, pulseOf(7, n+1, 1))
	}
	if got := b.pulses(2); len(got) != maxTaken {
		t.Errorf("%d of 1000 were passed on", len(got))
	}
	b.get(1, pulseOf(7, 1<<62, 1)) // no other pulse could ever beat this one
	b.pass(pulseLasts)
	b.get(1, pulseOf(7, 2000, 1))
	if got := b.pulses(2); len(got) != 1 {
		t.Errorf("then %d of 1", len(got))
	}
}

// While no event is missed, announcements are rare. When an event is missed, they become
// frequent again.
func TestAnnouncementsAreRareWhileAllIsWell(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2, 3)
	b.get(2, &Prune{})
	seq := uint64(0)
	count := func() (n int) {
		b.take(2)
		for range 100 {
			seq++
			b.gossip(1, origin(1), seq)
			b.pass(10 * time.Millisecond)
		}
		for _, m := range b.take(2) {
			if _, ok := m.(*IHave); ok {
				n++
			}
		}
		return n
	}
	hasty := count()
	calm := count()
	if hasty <= calm || calm > 2 {
		t.Errorf("%d in the first second, %d in the next", hasty, calm)
	}
	b.Tree.LinkDown(b.now, 3, b)
	b.get(2, &Prune{})
	if again := count(); again <= calm {
		t.Errorf("%d in the second after a link was lost", again)
	}
}
