package hyparview

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// A program asks for a link. The peer learns that from the request, or from a NEIGHBOR if
// the link exists already. No other node can evict the link.
func TestALinkOfAddPeerIsNotEvicted(t *testing.T) {
	b := newBench(t, Config{MinPeers: 2, MaxPeers: 3})
	own := b.finds(1)
	here := b.neighbors(2)[0]
	b.Add(b.now, addr(2), 7, b)
	if m, ok := sentTo[*Neighbor](b, here); !ok || !m.Kept {
		t.Errorf("the peer was not told: %v", b.take(here))
	}
	b.sent = nil
	b.Add(b.now, addr(2), 8, b)
	if _, again := sentTo[*Neighbor](b, here); again {
		t.Error("it is told again")
	}
	b.neighbors(3)
	b.ages(recentFor)
	for l := range b.up {
		b.get(l, &Ping{Degree: 9})
	}
	for n := range 20 {
		b.get(b.accepts(50+n), &Join{Priority: High})
		b.ages(time.Minute)
		b.refuses()
	}
	if !b.up[own] || !b.up[here] {
		t.Error("a link that the program asked for made room")
	}
}

func TestTheRequestSaysThatTheProgramWantsTheLink(t *testing.T) {
	b := newBench(t, Config{})
	b.Add(b.now, addr(1), 7, b)
	l := b.reaches(1)
	if m, ok := sentTo[*Neighbor](b, l); !ok || !m.Kept {
		t.Errorf("sent %v", b.take(l))
	}
	b.SetSeeds(b.now, []string{addr(2)}, b)
	l = b.reaches(2)
	if m, ok := sentTo[*Neighbor](b, l); ok && m.Kept {
		t.Error("so says a request that the program did not make")
	}
}

// Both nodes dial at once, and the link that the other end dialled remains. That link
// counts as one that the program asked for, and the peer is informed of that.
func TestALinkOfAddPeerThatTheOtherEndDialledIsKept(t *testing.T) {
	b := newBench(t, Config{})
	b.Add(b.now, addr(1), 7, b)
	b.reaches(1)
	l := b.accepts(1)
	b.get(l, &Neighbor{}) // the ID of this peer is lower
	if err, ok := b.added[7]; !ok || err != nil || !b.up[l] {
		t.Fatalf("added: %v", err)
	}
	if m, ok := sentTo[*Neighbor](b, l); !ok || !m.Kept {
		t.Errorf("sent %v", b.take(l))
	}
}

// Lying peers protect at most half of the links, and one source protects one.
func TestClaimsToBeKeptAreBounded(t *testing.T) {
	for _, sources := range []int{1, 5} {
		b := newBench(t, Config{})
		for n := range 5 {
			host := fmt.Sprintf("%d.7.0.%d", 20+n%sources, n)
			l := b.comes(100+n, Contact{Addr: host + ":1"})
			b.get(l, &Neighbor{Kept: true})
			b.get(l, &Neighbor{Kept: true})
			b.get(l, &Ping{Degree: 9})
		}
		kept := 0
		for _, l := range b.active {
			if b.isKept(b.now, l) {
				kept++
			}
		}
		if want := min(sources, 3); kept != want || b.Degree() != 5 {
			t.Errorf("of %d neighbours of %d sources %d are kept, want %d", b.Degree(), sources, kept, want)
		}
	}
}

// A bridge over a netsplit is accepted even if the program asked for all links.
func TestABridgeEvictsALinkOfAddPeer(t *testing.T) {
	b := newBench(t, Config{MinPeers: 1, MaxPeers: 2})
	b.finds(1)
	b.finds(2)
	b.ages(protectedFor)
	l := b.accepts(3)
	b.get(l, &Neighbor{Priority: High})
	if b.up[l] {
		t.Error("a node that insists took it")
	}
	l = b.accepts(4)
	b.get(l, &Neighbor{Priority: Bridge})
	if !b.up[l] || b.Degree() != 2 {
		t.Error("the bridge is refused")
	}
}

// Neighbours that dialled this node are anchors too: first those that this node has once
// reached, then those whose address is only a claim. The anchors stay the same after the
// last neighbour has left.
func TestAnchorsAreNeighboursHoweverTheyCame(t *testing.T) {
	b := newBench(t, Config{RotateInterval: -1, FeelerInterval: -1, ShuffleInterval: -1})
	links := b.neighbors(1, 2, 3)
	if got := b.Anchors(); !slices.Equal(got, []string{addr(1), addr(2)}) {
		t.Errorf("anchors %v", got)
	}
	b.book.markWorking(contact(3), 0, b.cfg.Rand)
	if got := b.Anchors(); !slices.Equal(got, []string{addr(3), addr(1)}) {
		t.Errorf("once node 3 was reached, anchors %v", got)
	}
	own := b.finds(4)
	if got := b.Anchors(); !slices.Equal(got, []string{addr(4), addr(3)}) {
		t.Errorf("with a neighbour of its choice, anchors %v", got)
	}
	b.wants(b.hides(5), &Join{})
	for _, l := range []ident.Link{own, links[2], links[1], links[0]} {
		b.LinkDown(b.now, l, ReasonNone, b)
	}
	if got := b.Anchors(); len(got) != 0 {
		t.Errorf("of a neighbour without an address, anchors %v", got)
	}
}

func TestAnchorsOutliveTheLastNeighbour(t *testing.T) {
	b := newBench(t, Config{RotateInterval: -1, FeelerInterval: -1})
	l := b.neighbors(1)[0]
	b.LinkDown(b.now, l, ReasonNone, b)
	if got := b.Anchors(); !slices.Equal(got, []string{addr(1)}) {
		t.Errorf("anchors %v", got)
	}
}
