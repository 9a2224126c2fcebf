package hyparview

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// arrives adds a link that node n dialled from the given host, with the address that it
// advertises.
func (b *bench) arrives(n int, from, addr string) ident.Link {
	b.last++
	b.LinkUp(b.now, Conn{Link: b.last, Peer: ident.Origin{ID: nodeID(n), Epoch: 1}, Addr: addr, From: from + ":40000"}, b)
	return b.last
}

// hides adds a link that node n dialled from a host of its own network. The node
// advertises no address.
func (b *bench) hides(n int) ident.Link { return b.arrives(n, fmt.Sprintf("10.1.%d.9", n), "") }

// wants sends a request on a link and reports whether the node accepted.
func (b *bench) wants(l ident.Link, m Message) bool {
	b.t.Helper()
	b.get(l, m)
	return b.reply(l).Accepted
}

// Guests get places beyond MaxPeers, up to their bound, and take none of the MaxPeers
// places.
func TestGuestsHavePlacesOfTheirOwn(t *testing.T) {
	b := newBench(t, Config{MaxGuests: 8})
	b.neighbors(1, 2, 3, 4, 5)
	for n := range 8 {
		if !b.wants(b.hides(100+n), &Join{}) {
			t.Fatalf("guest %d is refused", n)
		}
	}
	if b.wants(b.hides(120), &Join{}) || b.Degree() != 13 || b.Guests() != 8 {
		t.Errorf("%d neighbours, %d of them guests", b.Degree(), b.Guests())
	}
}

// Guests that came first do not keep out a node that can be dialled.
func TestGuestsLeaveTheirPlacesToOthers(t *testing.T) {
	b := newBench(t, Config{})
	for n := range 20 {
		b.wants(b.hides(100+n), &Join{})
	}
	b.neighbors(1, 2, 3, 4, 5)
	if b.Degree() != 25 {
		t.Errorf("%d neighbours", b.Degree())
	}
	l := b.accepts(6)
	if b.wants(l, &Join{}) {
		t.Error("a sixth node has a place")
	}
}

func TestNoGuests(t *testing.T) {
	b := newBench(t, Config{MaxGuests: -1})
	b.neighbors(1, 2, 3, 4, 5)
	if b.wants(b.hides(100), &Join{}) || b.Degree() != 5 || b.Guests() != 0 {
		t.Errorf("%d neighbours", b.Degree())
	}
}

// The last quarter of the guest places is reserved for nodes without a link.
func TestTheLastGuestPlacesAreForThoseWithoutALink(t *testing.T) {
	b := newBench(t, Config{MaxGuests: 8})
	b.neighbors(1, 2, 3, 4, 5)
	for n := range 6 {
		if !b.wants(b.hides(100+n), &Neighbor{}) {
			t.Fatalf("guest %d is refused", n)
		}
	}
	if b.wants(b.hides(110), &Neighbor{}) {
		t.Error("a guest that has a link took a place that is kept")
	}
	if !b.wants(b.hides(111), &Join{}) {
		t.Error("a guest that has none is refused")
	}
}

// A peer with a high-priority request is dialled at the host that it came from. The
// result decides whether it is a guest or evicts a neighbour.
func TestAPeerThatInsistsIsDialledFirst(t *testing.T) {
	for _, c := range []struct {
		name   string
		addr   string
		answer func(b *bench)
		guest  bool
	}{
		{"it is there", "10.1.1.9:1", func(b *bench) { b.answers("10.1.1.9:1", 100) }, false},
		{"another node is there", "10.1.1.9:1", func(b *bench) { b.answers("10.1.1.9:1", 101) }, true},
		{"nothing is there", "10.1.1.9:1", (*bench).refuses, true},
		{"nothing is heard", "10.1.1.9:1", func(b *bench) { b.pass(2 * time.Second) }, true},
	} {
		b := newBench(t, Config{})
		b.neighbors(1, 2, 3, 4, 5)
		l := b.arrives(100, "10.1.1.9", c.addr)
		b.get(l, &Join{Priority: High})
		b.get(l, &Join{Priority: High}) // a repeated request has no effect
		if len(b.dials) != 1 || b.Degree() != 5 {
			t.Fatalf("%s: dials %v, %d neighbours", c.name, b.dials, b.Degree())
		}
		c.answer(b)
		want := 5
		if c.guest {
			want = 6
		}
		if !b.up[l] || b.Degree() != want || len(b.downs) != 6-want {
			t.Errorf("%s: a neighbour: %v; %d neighbours, %d went", c.name, b.up[l], b.Degree(), len(b.downs))
		}
		b.refuses() // the dial of the check that timed out
		if b.book.find("10.1.1.9:1") != nil == c.guest {
			t.Errorf("%s: the address is in the book: %v", c.name, !c.guest)
		}
		if c.guest && len(b.costs.blamed(b.book.clock(b.now))) > 0 {
			t.Errorf("%s: a source is blamed", c.name)
		}
	}
}

// answers makes node n answer the dial of an address.
func (b *bench) answers(addr string, n int) {
	b.t.Helper()
	if !b.dialled(addr) {
		b.t.Fatalf("%s was not dialled, but %v", addr, b.dials)
	}
	b.last++
	b.LinkUp(b.now, Conn{Link: b.last, Peer: ident.Origin{ID: nodeID(n), Epoch: 1}, Addr: addr, Dialled: addr}, b)
}

// No peer can make the node dial another host. If a peer advertises another host than the
// one it came from, it counts as a guest.
func TestNoThirdPartyIsDialledForAPeer(t *testing.T) {
	b := newBench(t, Config{})
	b.neighbors(1, 2, 3, 4, 5)
	for n := range 100 {
		l := b.arrives(100+n, fmt.Sprintf("10.1.%d.9", n), "192.0.2.1:80")
		b.get(l, &Join{Priority: High})
	}
	b.ages(time.Minute)
	for _, a := range b.dials {
		if a == "192.0.2.1:80" {
			t.Fatal("it is dialled")
		}
	}
	if b.Guests() != defaultMaxGuests {
		t.Errorf("%d guests", b.Guests())
	}
}

// Peers advertise many ports of their own hosts, so that the node dials them. The number
// of checks is bounded, in all and per source.
func TestChecksAreBounded(t *testing.T) {
	b := newBench(t, Config{})
	b.neighbors(1, 2, 3, 4, 5)
	for n := range 100 {
		b.get(b.arrives(100+n, "130.7.0.9", fmt.Sprintf("130.7.0.9:%d", 1+n)), &Join{Priority: High})
	}
	if len(b.dials) != maxChecksOfSource {
		t.Errorf("%d dials for one source", len(b.dials))
	}
	for n := range 100 {
		host := fmt.Sprintf("%d.7.0.9", 20+n)
		b.get(b.arrives(300+n, host, host+":1"), &Join{Priority: High})
	}
	if len(b.dials) != maxChecks {
		t.Errorf("%d dials", len(b.dials))
	}
	for n := range 1000 {
		b.refuses()
		host := fmt.Sprintf("%d.7.%d.9", 20+n%200, n/200)
		b.get(b.arrives(1000+n, host, host+":1"), &Join{Priority: High})
	}
	if len(b.guests.findings) > maxFindings {
		t.Errorf("%d findings", len(b.guests.findings))
	}
}

// If all places are taken, the only link of a guest evicts one link of the guest with
// most links.
func TestARedundantLinkIsEvictedForAnOnlyOne(t *testing.T) {
	b := newBench(t, Config{MaxGuests: 4, ShuffleInterval: -1, RotateInterval: -1})
	own := b.finds(1)
	b.neighbors(2, 3, 4, 5)
	b.get(own, &Pong{Degree: 9})
	var guests []ident.Link
	for n := range 4 {
		l := b.hides(100 + n)
		b.wants(l, &Join{})
		b.get(l, &Ping{Degree: uint8(n)})
		guests = append(guests, l)
	}
	b.ages(time.Minute)
	if b.wants(b.hides(110), &Join{}) {
		t.Error("a polite request ended a link")
	}
	if !b.wants(b.hides(111), &Join{Priority: High}) || b.up[guests[3]] {
		t.Error("the guest with three links was not the one to go")
	}
	if b.wants(b.hides(112), &Neighbor{Priority: High}) {
		t.Error("a node that has a link ended one of another")
	}
	if !b.wants(b.hides(113), &Join{Priority: High}) || b.up[guests[2]] {
		t.Error("the guest with two links was not the next")
	}
	if b.wants(b.hides(114), &Join{Priority: High}) || !b.up[guests[0]] || !b.up[guests[1]] || !b.up[own] {
		t.Error("an only link, or one of this node's choice, has gone")
	}
}

// JOINs of nodes without a link evict at most two links per minute for each network, and
// 16 per minute for all networks.
func TestClaimsToHaveNoLinkEvictFewLinks(t *testing.T) {
	b := newBench(t, Config{MaxPeers: 40, MaxGuests: 4, ShuffleInterval: -1, RotateInterval: -1, FeelerInterval: -1})
	var list []int
	for n := range 40 {
		list = append(list, n)
	}
	rich := func() {
		for l := range b.up {
			b.get(l, &Ping{Degree: 9})
		}
	}
	b.neighbors(list...)
	for n := range 4 {
		b.wants(b.hides(100+n), &Join{})
	}
	rich()
	for n := range 1000 {
		b.get(b.arrives(2000+n, "130.7.0.9", ""), &Join{Priority: High})
	}
	if len(b.downs) != 2 {
		t.Fatalf("one source ended %d links", len(b.downs))
	}
	for n := range 1000 {
		b.get(b.arrives(4000+n, fmt.Sprintf("%d.7.0.9", 20+n%100), ""), &Join{Priority: High})
		rich()
	}
	if len(b.downs) != evictionsOfAll {
		t.Errorf("in a minute %d links were ended", len(b.downs))
	}
	b.ages(time.Minute)
	rich()
	before := len(b.downs)
	for n := range 100 {
		b.get(b.arrives(6000+n, "130.7.0.9", ""), &Join{Priority: High})
	}
	if n := len(b.downs) - before; n != 2 {
		t.Errorf("a minute later one source ended %d more", n)
	}
}

// The nodes of one network hold all guest places and claim to have no other link. Guests
// from other networks still get places.
func TestAPrefixWithMostGuestsLosesOne(t *testing.T) {
	b := newBench(t, Config{MaxGuests: 8, ShuffleInterval: -1, RotateInterval: -1})
	b.neighbors(1, 2, 3, 4, 5)
	for n := range 8 {
		l := b.arrives(100+n, "130.7.0.9", "")
		b.wants(l, &Join{})
		b.get(l, &Ping{Degree: 1})
	}
	for n := range 4 {
		if !b.wants(b.arrives(200+n, fmt.Sprintf("%d.9.0.1", 20+n), ""), &Join{Priority: High}) {
			t.Errorf("guest %d from elsewhere is refused", n)
		}
	}
	if b.Guests() != 8 || b.Degree() != 13 {
		t.Errorf("%d neighbours, %d guests", b.Degree(), b.Guests())
	}
	if b.wants(b.arrives(300, "130.7.0.9", ""), &Join{Priority: High}) {
		t.Error("the first network took one back")
	}
}

// A node without a link was refused. The next place that becomes free is reserved for
// such a node.
func TestAFreedPlaceIsKeptForANodeWithoutALink(t *testing.T) {
	b := newBench(t, Config{MaxGuests: -1, ShuffleInterval: -1, RotateInterval: -1})
	links := b.neighbors(1, 2, 3, 4, 5)
	if b.wants(b.hides(100), &Join{Priority: High}) {
		t.Fatal("there was a place")
	}
	b.LinkDown(b.now, links[0], ReasonNone, b)
	b.refuses()
	if b.wants(b.accepts(6), &Neighbor{}) {
		t.Error("a node that has links took the place")
	}
	if !b.wants(b.hides(100), &Join{Priority: High}) {
		t.Error("the node without a link did not get it")
	}
	b.LinkDown(b.now, links[1], ReasonNone, b)
	b.refuses()
	b.ages(keptForNeedy)
	b.refuses()
	if !b.wants(b.accepts(6), &Neighbor{}) {
		t.Error("the place is kept for ever")
	}
}

// A full node checks which of its neighbours are guests. It starts only after it has met
// a guest, because a check costs a connection, and most networks have no guests.
func TestAFullNodeFindsItsGuests(t *testing.T) {
	b := newBench(t, Config{ShuffleInterval: -1, RotateInterval: -1, FeelerInterval: -1})
	for n := range 5 {
		host := fmt.Sprintf("10.1.%d.9", n)
		b.wants(b.arrives(100+n, host, host+":1"), &Join{})
	}
	b.ages(time.Minute)
	if len(b.dials) > 0 {
		t.Fatalf("dials %v before it knows of a guest", b.dials)
	}
	b.wants(b.hides(200), &Join{Priority: High})
	for n := range 5 { // each one replaces a neighbour that turns out to be a guest
		for range 4 {
			b.ages(4 * time.Second)
			if len(b.dials) > 1 {
				t.Fatalf("dials %v", b.dials)
			}
			b.refuses()
		}
		if b.Guests() != n+2 {
			t.Errorf("%d guests of %d neighbours", b.Guests(), b.Degree())
		}
		b.neighbors(1 + n)
	}
	b.ages(10 * time.Minute)
	if len(b.downs) > 0 || b.Degree() != 11 {
		t.Errorf("%d neighbours, gone: %v", b.Degree(), b.downs)
	}
}

func TestARefusedNodeReportsIt(t *testing.T) {
	b := newBench(t, Config{})
	b.SetSeeds(b.now, []string{addr(1), addr(2)}, b)
	errNobody := errors.New("nobody is there")
	for range 100 { // 10 s
		if b.dialled(addr(1)) {
			b.last++
			b.LinkUp(b.now, Conn{Link: b.last, Peer: ident.Origin{ID: nodeID(1), Epoch: 1}, Addr: addr(1), Dialled: addr(1)}, b)
			b.get(b.last, &NeighborReply{Reason: ReasonFull})
		}
		if b.dialled(addr(2)) {
			b.DialFailed(b.now, addr(2), errNobody, b)
		}
		if b.pass(100 * time.Millisecond); b.now.Sub(birth) < shutOutAfter && len(b.shutOut) > 0 {
			t.Fatalf("it says so after %v", b.now.Sub(birth))
		}
	}
	if len(b.shutOut) != 1 || len(b.shutOut[0]) != 2 {
		t.Fatalf("it said %v", b.shutOut)
	}
	for _, a := range b.shutOut[0] {
		if want := map[string]error{addr(1): ErrPeer, addr(2): errNobody}[a.Addr]; !errors.Is(a.Err, want) {
			t.Errorf("%s: %v", a.Addr, a.Err)
		}
	}
	b.neighbors(7)
	b.refuses()
	b.ages(time.Minute)
	b.refuses()
	if len(b.shutOut) != 1 {
		t.Error("it says so although it has a neighbour")
	}
}

// A seed that knows no other node waits for requests. No node has refused it, so it
// reports no failure.
func TestASeedAloneIsNotRefused(t *testing.T) {
	b := newBench(t, Config{})
	b.Add(b.now, addr(1), 1, b) // Added reports this failure to the program
	b.refuses()
	b.pass(time.Hour)
	if len(b.shutOut) > 0 {
		t.Errorf("it said %v", b.shutOut)
	}
}

// A node also checks its neighbours after it failed to reach a contact, because that is a
// sign of guests: other nodes advertise addresses at which no node answers. A seed that
// does not answer is no sign of guests.
func TestAFailedDialIsASignOfGuests(t *testing.T) {
	for _, test := range []struct {
		purpose purpose
		looks   bool
	}{{toFill, true}, {toRotate, true}, {toFeel, true}, {toJoin, false}, {toAdd, false}} {
		b := newBench(t, Config{ShuffleInterval: -1, RotateInterval: -1, FeelerInterval: -1})
		for n := range 5 {
			host := fmt.Sprintf("10.1.%d.9", n)
			b.wants(b.arrives(100+n, host, host+":1"), &Join{})
		}
		b.dial(addr(1), test.purpose, b)
		b.refuses()
		b.ages(time.Minute)
		if looks := len(b.dials) > 0; looks != test.looks {
			t.Errorf("purpose %v: it looks: %v", test.purpose, looks)
		}
	}
}
