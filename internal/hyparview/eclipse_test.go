package hyparview

import (
	"slices"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// comes adds a link dialled from a public address.
func (b *bench) comes(n int, c Contact) ident.Link {
	b.last++
	b.LinkUp(b.now, Conn{Link: b.last, Peer: ident.Origin{ID: nodeID(n), Epoch: 1}, Addr: c.Addr, From: c.Addr}, b)
	return b.last
}

// insists adds such a link and sends a high-priority request on it. If the node checks
// the address first, the peer answers.
func (b *bench) insists(n int, c Contact) ident.Link {
	l := b.comes(n, c)
	b.get(l, &Neighbor{Priority: High})
	if b.dialled(c.Addr) {
		b.last++
		b.LinkUp(b.now, Conn{Link: b.last, Peer: ident.Origin{ID: nodeID(n), Epoch: 1}, Addr: c.Addr, Dialled: c.Addr}, b)
	}
	return l
}

// finds makes the node dial a peer of its own choice, which accepts.
func (b *bench) finds(n int) ident.Link {
	b.t.Helper()
	b.Add(b.now, addr(n), uint64(1000+n), b)
	l := b.reaches(n)
	b.get(l, &NeighborReply{Accepted: true, Degree: 3})
	b.sent = nil
	return l
}

// A neighbour that dialled this node has not proved that its address works.
func TestInboundLinksNeverMakeAnAddressTried(t *testing.T) {
	b := newBench(t, Config{})
	b.neighbors(1)
	if e := b.book.find(addr(1)); e == nil || e.worked {
		t.Errorf("an accepted link: %+v", e)
	}
	b.finds(2)
	if e := b.book.find(addr(2)); e == nil || !e.worked {
		t.Errorf("a link that we dialled: %+v", e)
	}
}

// A neighbour floods this node with addresses. While there is room, all of them are
// stored. After that, they may displace 64 others, and one more every ten seconds.
func TestAFloodDisplacesFewEntries(t *testing.T) {
	b := newBench(t, Config{BookSize: 200, ShuffleInterval: -1, FeelerInterval: -1, RotateInterval: -1})
	links := b.neighbors(1, 2, 3)
	next := 1000
	flood := func(n int) {
		for range n {
			b.get(links[0], &Shuffle{Sample: []Contact{contact(next)}})
			b.get(links[0], &ForwardJoin{Newcomer: contact(next + 1)})
			next += 2
		}
	}
	flood(150)
	if b.BookLen() != 200 {
		t.Fatalf("%d addresses in the book", b.BookLen())
	}
	before := b.RefusedContacts()
	flood(500)
	b.ages(100 * time.Second)
	after := b.RefusedContacts()
	flood(500)
	if first, then := 1000-(after-before), 1000-(b.RefusedContacts()-after); first > takenBurst || then < 9 || then > 11 {
		t.Errorf("of 1000 at once %d were taken, of 1000 after 100 s %d", first, then)
	}
	// A source that has reported nothing before is accepted.
	refused := b.RefusedContacts()
	b.get(links[1], &Shuffle{Sample: []Contact{contact(900)}})
	if !b.book.has(900) || b.RefusedContacts() != refused {
		t.Error("somebody else is not heard any more")
	}
}

// Many peers send high-priority requests. The neighbours that the node chose stay, and so
// do all but one of the older neighbours.
func TestHighPriorityRequestsEvictEachOther(t *testing.T) {
	for _, off := range []bool{false, true} {
		b := newBench(t, Config{NoLimits: off})
		own := []ident.Link{b.finds(1), b.finds(2)}
		others := b.neighbors(3, 4, 5)
		b.ages(recentFor)
		for n := range 100 {
			b.insists(100+n, sybil(n, 50))
		}
		stayed := 0
		for _, l := range append(own, others...) {
			if b.up[l] {
				stayed++
			}
		}
		if off && stayed == 4 {
			t.Error("without limits nobody else was displaced; what does this test prove?")
		}
		if !off && (stayed != 4 || !b.up[own[0]] || !b.up[own[1]]) {
			t.Errorf("%d of 5 neighbours stayed, of the two it chose: %v, %v", stayed, b.up[own[0]], b.up[own[1]])
		}
	}
}

// A group that keeps sending high-priority requests may not evict neighbours of other
// groups. Its own links are evicted by any other request, even of low priority.
func TestLinksOfAFloodOfRequestsAreEvictedFirst(t *testing.T) {
	b := newBench(t, Config{})
	b.neighbors(1, 2, 3, 4)
	var flood []ident.Link
	for n := range 10 {
		flood = append(flood, b.insists(100+n, sybil(n, 1)))
	}
	if len(b.up) != 5 || !b.up[flood[9]] {
		t.Fatalf("%d neighbours, the last who asked is one: %v", len(b.up), b.up[flood[9]])
	}
	polite := b.comes(7, honest(7))
	b.get(polite, &Neighbor{Priority: Low})
	if !b.up[polite] || b.up[flood[9]] {
		t.Fatal("one that asks politely got no place, and the flood has one")
	}
	late := b.insists(200, sybil(99, 1))
	if b.up[late] {
		t.Error("the flood displaced somebody again")
	}
}

func TestAnchorsAreOldNeighboursThatWereDialled(t *testing.T) {
	b := newBench(t, Config{RotateInterval: -1, FeelerInterval: -1})
	b.neighbors(1)
	b.finds(2)
	b.finds(3)
	b.finds(4)
	anchors := b.Anchors()
	if !slices.Equal(anchors, []string{addr(2), addr(3)}) {
		t.Fatalf("anchors %v", anchors)
	}
	again := newBench(t, Config{Anchors: anchors})
	if !slices.Equal(again.dials, anchors) {
		t.Errorf("in its next life it dials %v first", again.dials)
	}
	again.refuses()
	again.SetSeeds(again.now, []string{addr(9)}, again)
	again.pass(time.Second)
	if !slices.Contains(again.dials, addr(9)) {
		t.Errorf("the anchors are gone, and it dials %v", again.dials)
	}
}

// A node with enough neighbours tests an address of its book from time to time, and
// closes the link at once.
func TestFeelers(t *testing.T) {
	b := newBench(t, Config{ShuffleInterval: -1, RotateInterval: -1})
	links := b.neighbors(1, 2, 3)
	felt := 0
	for n := range 60 {
		b.get(links[n%3], &Shuffle{Sample: []Contact{contact(50 + n)}})
		b.ages(time.Minute)
		for len(b.dials) > 0 {
			a := mustNode(t, b.dials[0])
			l := b.reaches(a)
			if why, gone := b.closed[l]; !gone || why != ReasonProbed {
				t.Fatalf("the link is not let go: %v", why)
			}
			if e := b.book.find(addr(a)); !e.worked {
				t.Error("what answers is not tried")
			}
			felt++
		}
	}
	if felt < 20 || felt > 45 {
		t.Errorf("%d feelers in an hour", felt)
	}
	if b.Degree() != 3 {
		t.Errorf("degree %d", b.Degree())
	}
}

// A source reports dead addresses, so that other nodes dial them. A node with enough
// neighbours dials at most two of them per minute, and none at the moment it receives
// them.
func TestFailedDialsCountAgainstTheirSource(t *testing.T) {
	b := newBench(t, Config{ShuffleInterval: -1, RotateInterval: -1, FeelerInterval: -1})
	links := b.neighbors(1, 2, 3)
	dials, n := 0, 0
	for end := b.now.Add(10 * time.Minute); b.now.Before(end); {
		n++
		b.get(links[0], &ForwardJoin{Newcomer: Contact{Addr: honest(n).Addr}})
		dials += len(b.dials)
		b.refuses()
		b.pass(time.Second)
		for l := range b.up { // the order does not matter, because links are independent
			b.Heard(b.now, l)
		}
	}
	if dials < 10 || dials > 25 {
		t.Errorf("%d dials in ten minutes", dials)
	}
	// Reports of another source still cause dials.
	b.get(links[1], &ForwardJoin{Newcomer: contact(77)})
	if !b.dialled(addr(77)) {
		t.Error("another neighbour is not believed either")
	}
}
