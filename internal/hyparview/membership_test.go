package hyparview

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

func TestJoin(t *testing.T) {
	b := newBench(t, Config{})
	b.SetSeeds(b.now, []string{addr(1), addr(1), "10.9.9.9:1"}, b)
	if len(b.dials) != 1 {
		t.Fatalf("dials %v; a seed counts once, and our own address not at all", b.dials)
	}
	l := b.reaches(1)
	if m, ok := sentTo[*Join](b, l); !ok || m.Priority != Low || !m.AsSeed {
		t.Fatalf("sent %+v", b.sent)
	}
	b.get(l, &NeighborReply{Accepted: true, Degree: 3, Sample: []Contact{contact(2), contact(3), contact(4), {selfID, addr(9)}}})
	if !b.up[l] || b.Degree() != 1 {
		t.Error("it is no neighbour")
	}
	if len(b.dials) != 2 { // the node wants two more neighbours, of the three contacts that were reported
		t.Errorf("then it dials %v", b.dials)
	}
	if b.BookLen() != 4 {
		t.Errorf("%d addresses are in the book", b.BookLen())
	}
	second := b.reaches(mustNode(t, b.dials[0]))
	if m, ok := sentTo[*Neighbor](b, second); !ok || m.Priority != Low {
		t.Errorf("the second is asked with %+v", b.take(second))
	}
}

// mustNode is the inverse of addr: it returns the n of addr(n).
func mustNode(t *testing.T, a string) int {
	for n := range 1000 {
		if addr(n) == a {
			return n
		}
	}
	t.Fatalf("nobody has the address %s", a)
	return 0
}

func TestNewcomerIsAcceptedAndSentOnWalks(t *testing.T) {
	b := newBench(t, Config{})
	links := b.neighbors(1, 2, 3)
	l := b.accepts(4)
	b.get(l, &Join{})
	if r := b.reply(l); !r.Accepted || r.Degree != 4 || len(r.Sample) != 3 {
		t.Errorf("reply %+v", r)
	}
	walks := 0
	for _, old := range links {
		if m, ok := sentTo[*ForwardJoin](b, old); ok {
			walks++
			if m.Newcomer != contact(4) || m.TTL != activeWalk {
				t.Errorf("%+v", m)
			}
		}
	}
	if walks != 2 {
		t.Errorf("%d walks", walks)
	}
}

func TestFullNodeRefusesAndTellsOfOthers(t *testing.T) {
	b := newBench(t, Config{})
	b.neighbors(1, 2, 3, 4, 5)
	l := b.accepts(6)
	b.get(l, &Join{})
	r := b.reply(l)
	if r.Accepted || r.Reason != ReasonFull || len(r.Sample) != 5 || b.closed[l] != ReasonFull {
		t.Errorf("reply %+v, closed as %v", r, b.closed[l])
	}
	// The next newcomer first gets the contact of the node that looks for neighbours.
	l = b.accepts(7)
	b.get(l, &Neighbor{})
	if r := b.reply(l); r.Sample[0] != contact(6) {
		t.Errorf("sample %v", r.Sample)
	}
}

func TestNoNodeIsRefusedTwiceInARow(t *testing.T) {
	for _, addrless := range []bool{false, true} {
		b := newBench(t, Config{})
		b.SetSeeds(b.now, []string{addr(1)}, b)
		refused := 0
		for range 2000 { // 20 s
			if b.dialled(addr(1)) {
				b.last++
				c := Conn{Link: b.last, Peer: ident.Origin{ID: nodeID(1), Epoch: 1}, Addr: addr(1), Dialled: addr(1)}
				if addrless {
					c.Addr = ""
				}
				b.LinkUp(b.now, c, b)
				b.get(c.Link, &NeighborReply{Reason: ReasonFull})
				refused++
			}
			b.pass(10 * time.Millisecond)
		}
		if refused < 4 || refused > 40 {
			t.Errorf("asked %d times in 20 s (peer without an address: %v)", refused, addrless)
		}
	}
}

// Requests begin with low priority. High-priority requests follow only if they can help.
func TestHighPriorityFollowsLowPriority(t *testing.T) {
	b := newBench(t, Config{})
	b.SetSeeds(b.now, []string{addr(1)}, b)
	var asked []Priority
	for range 2000 {
		if b.dialled(addr(1)) {
			b.last++
			b.LinkUp(b.now, Conn{Link: b.last, Peer: ident.Origin{ID: nodeID(1), Epoch: 1}, Addr: addr(1), Dialled: addr(1)}, b)
			m, _ := sentTo[*Join](b, b.last)
			asked = append(asked, m.Priority)
			b.get(b.last, &NeighborReply{Reason: ReasonFull})
		}
		b.pass(10 * time.Millisecond)
	}
	first := slices.Index(asked, High)
	if first < politeRounds || slices.Contains(asked[first:], Low) {
		t.Errorf("asked with %v", asked)
	}
}

func TestInsistenceMakesRoomAndSplicesIn(t *testing.T) {
	b := newBench(t, Config{})
	links := b.neighbors(1, 2, 3, 4, 5)
	b.ages(recentFor)
	for i, degree := range []uint8{3, 4, 5, 4, 3} {
		b.get(links[i], &Ping{Degree: degree})
	}
	b.sent = nil
	l := b.accepts(6)
	b.get(l, &Join{Priority: High})
	if r := b.reply(l); !r.Accepted {
		t.Fatalf("reply %+v", r)
	}
	d, ok := sentTo[*Disconnect](b, links[2]) // the neighbour with the highest degree
	if !ok || d.Reason != ReasonMakeRoom || !slices.Equal(d.Try, []Contact{contact(6)}) {
		t.Fatalf("sent %+v", b.sent)
	}
	if b.Degree() != 5 || len(b.downs) != 1 {
		t.Errorf("degree %d, lost %v", b.Degree(), b.downs)
	}
}

func TestAnEvictedNeighbourDialsTheNewcomer(t *testing.T) {
	b := newBench(t, Config{MinPeers: 2})
	links := b.neighbors(1, 2)
	b.get(links[0], &Disconnect{Reason: ReasonMakeRoom, Try: []Contact{contact(6), contact(7)}})
	if !b.dialled(addr(6)) {
		t.Errorf("it dials %v", b.dials)
	}
	if _, ok := b.closed[links[0]]; !ok || len(b.downs) != 1 {
		t.Error("the link is still there")
	}
}

// A new bridge is not evicted for the next newcomer.
func TestBridgeIsProtected(t *testing.T) {
	b := newBench(t, Config{MaxPeers: 3})
	links := b.neighbors(1, 2)
	bridge := b.accepts(3)
	b.get(bridge, &Neighbor{Priority: Bridge})
	b.get(bridge, &Ping{Degree: 200})
	for n := 4; n < 6; n++ {
		b.get(b.accepts(n), &Join{Priority: High})
	}
	if !b.up[bridge] {
		t.Error("the bridge made room")
	}
	if !b.up[links[0]] || b.up[links[1]] || len(b.downs) != 2 {
		t.Error("one neighbour did, and the first who insisted")
	}
	b.ages(recentFor)
	for l := range b.up {
		b.get(l, &Ping{Degree: 1})
	}
	b.get(bridge, &Ping{Degree: 200})
	b.get(b.accepts(9), &Join{Priority: High})
	if b.up[bridge] {
		t.Error("after some minutes it is still protected")
	}
}

func TestAllProtectedMeansFull(t *testing.T) {
	b := newBench(t, Config{MinPeers: 1, MaxPeers: 2})
	for n := range 2 {
		b.get(b.accepts(n), &Neighbor{Priority: Bridge})
	}
	l := b.accepts(5)
	b.get(l, &Neighbor{Priority: Bridge})
	if r := b.reply(l); r.Accepted || r.Reason != ReasonFull {
		t.Errorf("reply %+v", r)
	}
}

func TestANodeDialsItself(t *testing.T) {
	b := newBench(t, Config{})
	b.SetSeeds(b.now, []string{addr(1)}, b)
	b.Add(b.now, addr(1), 7, b)
	if !b.dialled(addr(1)) || len(b.dials) > 0 {
		t.Fatalf("dials %v", b.dials)
	}
	b.LinkUp(b.now, Conn{Link: 1, Peer: ident.Origin{ID: selfID}, Addr: "10.9.9.9:1", Dialled: addr(1)}, b)
	b.LinkUp(b.now, Conn{Link: 2, Peer: ident.Origin{ID: selfID}, Addr: "10.9.9.9:1"}, b)
	b.last = 2
	if b.closed[1] != ReasonSelf || b.closed[2] != ReasonSelf || !errors.Is(b.added[7], ErrSelf) {
		t.Errorf("closed %v, added %v", b.closed, b.added)
	}
	b.SetSeeds(b.now, []string{addr(1)}, b)
	b.neighbors(2)
	b.get(3, &Shuffle{Sample: []Contact{contact(1), {selfID, addr(8)}}})
	if len(b.dials) > 0 || b.book.has(1) || b.book.has(8) {
		t.Errorf("it dials %v", b.dials)
	}
	b.Add(b.now, "10.9.9.9:1", 8, b) // the address that the peer advertises
	if !errors.Is(b.added[8], ErrSelf) || len(b.dials) > 0 {
		t.Errorf("added %v, dials %v", b.added[8], b.dials)
	}
	b.Add(b.now, addr(1), 9, b) // by now, this node knows which peer has this address
	if !b.dialled(addr(1)) {
		t.Errorf("dials %v", b.dials)
	}
}

// An address that was this node's own may belong to another node later.
func TestOwnAddressesAreTriedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		epoch uint64
		most  int // highest number of dials in the first ten minutes
	}{"this life": {7, 16}, "another life": {3, 80}} {
		b := newBench(t, Config{Epoch: 7})
		b.SetSeeds(b.now, []string{addr(1)}, b)
		dials := 0
		for end := b.now.Add(10 * time.Minute); b.now.Before(end); b.pass(100 * time.Millisecond) {
			if b.dialled(addr(1)) {
				dials++
				b.last++
				b.LinkUp(b.now, Conn{Link: b.last, Peer: ident.Origin{ID: selfID, Epoch: c.epoch}, Dialled: addr(1)}, b)
			}
		}
		if dials < 9 || dials > c.most {
			t.Errorf("%s: %d dials", name, dials)
		}
		var waited time.Duration
		for !b.dialled(addr(1)) && waited < 2*time.Minute {
			b.pass(100 * time.Millisecond)
			waited += 100 * time.Millisecond
		}
		b.last++
		b.LinkUp(b.now, Conn{Link: b.last, Peer: ident.Origin{ID: nodeID(1), Epoch: 1}, Addr: addr(1), Dialled: addr(1)}, b)
		b.get(b.last, &NeighborReply{Accepted: true, Degree: 3})
		if b.Degree() != 1 || waited > 70*time.Second {
			t.Errorf("%s: after %v it has %d neighbours", name, waited, b.Degree())
		}
	}
}

func TestRemovedPeerStaysAway(t *testing.T) {
	b := newBench(t, Config{MinPeers: 2})
	links := b.neighbors(1, 2)
	if b.Remove(b.now, nodeID(9), b) {
		t.Error("a stranger was removed")
	}
	if !b.Remove(b.now, nodeID(1), b) {
		t.Fatal("a neighbour was not removed")
	}
	if d, ok := sentTo[*Disconnect](b, links[0]); !ok || d.Reason != ReasonRemoved {
		t.Errorf("sent %+v", b.sent)
	}
	l := b.accepts(1)
	b.get(l, &Join{Priority: High})
	if r := b.reply(l); r.Accepted || r.Reason != ReasonRemoved {
		t.Errorf("reply %+v", r)
	}
	for range 11 {
		b.pass(5 * time.Second)
		b.Heard(b.now, links[1])
		if slices.Contains(b.dials, addr(1)) {
			t.Fatalf("after %v it is dialled", b.now.Sub(birth))
		}
		b.refuses()
	}
	b.pass(4 * time.Second)
	b.Heard(b.now, links[1])
	b.pass(2 * time.Second)
	b.refuses()
	l = b.accepts(1)
	b.get(l, &Neighbor{})
	if r := b.reply(l); !r.Accepted {
		t.Errorf("after a minute: %+v", r)
	}
}

func TestProgramMayTakeBackARemoval(t *testing.T) {
	b := newBench(t, Config{MinPeers: 1})
	b.neighbors(1, 2)
	b.Remove(b.now, nodeID(1), b)
	b.Add(b.now, addr(1), 1, b)
	l := b.reaches(1)
	b.get(l, &NeighborReply{Accepted: true})
	if err, ok := b.added[1]; !ok || err != nil || !b.up[l] {
		t.Errorf("added %v %v", err, ok)
	}
}

func TestLeaveOffersTheNeighboursToEachOther(t *testing.T) {
	b := newBench(t, Config{})
	links := b.neighbors(1, 2, 3)
	waiting := b.accepts(7)
	b.Add(b.now, addr(8), 1, b)
	b.Leave(b.now, b)
	for i, l := range links {
		d, ok := sentTo[*Disconnect](b, l)
		if !ok || d.Reason != ReasonLeave {
			t.Fatalf("link %d got %+v", l, b.take(l))
		}
		for _, c := range d.Try {
			if c.ID == nodeID(i+1) || c.ID == selfID {
				t.Errorf("node %d is offered %v", i+1, d.Try)
			}
		}
		if i < 2 && len(d.Try) == 0 {
			t.Errorf("node %d is offered nobody", i+1)
		}
	}
	if len(b.up) > 0 || b.closed[waiting] != ReasonLeave || !errors.Is(b.added[1], ErrLeaving) {
		t.Errorf("up %v, closed %v, added %v", b.up, b.closed, b.added)
	}
	// Requests that arrive now are refused, and this node starts no dial.
	b.dials = nil
	b.LinkUp(b.now, Conn{Link: 90, Peer: ident.Origin{ID: nodeID(8)}, Addr: addr(8), Dialled: addr(8)}, b)
	b.Adopt(b.now, Conn{Link: 91, Peer: ident.Origin{ID: nodeID(9)}, Addr: addr(9), Dialled: addr(9)}, b)
	b.Add(b.now, addr(5), 2, b)
	b.pass(time.Hour)
	if b.closed[90] != ReasonLeave || b.closed[91] != ReasonLeave || !errors.Is(b.added[2], ErrLeaving) || len(b.dials) > 0 {
		t.Errorf("closed %v, added %v, dials %v", b.closed, b.added, b.dials)
	}
}

func TestResultsOfAdd(t *testing.T) {
	b := newBench(t, Config{MaxPeers: 3, MinPeers: 1})
	b.neighbors(1)
	for _, step := range []struct {
		token uint64
		node  int
		then  func()
		want  error
	}{
		{1, 1, func() {}, nil}, // the two nodes are neighbours already
		{2, 2, func() { b.refuses() }, errAny},
		{3, 3, func() { b.get(b.reaches(3), &NeighborReply{Reason: ReasonFull}) }, ErrPeer},
		{4, 4, func() { b.get(b.reaches(4), &NeighborReply{Reason: ReasonRemoved}) }, ErrRefused},
		{5, 5, func() { b.reaches(5); b.pass(3 * time.Second); b.Heard(b.now, 1) }, ErrTimeout},
		{6, 6, func() { b.LinkDown(b.now, b.reaches(6), ReasonNone, b) }, ErrRefused},
		{7, 7, func() { b.get(b.reaches(7), &Disconnect{Reason: ReasonSlow}) }, ErrRefused},
		{8, 8, func() { b.get(b.reaches(8), &NeighborReply{Accepted: true}) }, nil},
		{9, 9, func() { b.get(b.reaches(9), &NeighborReply{Accepted: true}) }, nil},
		{10, 10, func() {}, ErrFull},
	} {
		b.Add(b.now, addr(step.node), step.token, b)
		step.then()
		err, ok := b.added[step.token]
		if !ok || !errors.Is(err, step.want) && !(step.want == errAny && err != nil) {
			t.Errorf("adding node %d: %v, %v; want %v", step.node, err, ok, step.want)
		}
	}
}

var errAny = errors.New("any error")

func TestUnaskedLinkIsClosed(t *testing.T) {
	b := newBench(t, Config{})
	l := b.accepts(1)
	b.pass(requestTimeout - time.Millisecond)
	if _, gone := b.closed[l]; gone {
		t.Fatal("too early")
	}
	b.pass(2 * time.Millisecond)
	if b.closed[l] != ReasonSilent || len(b.waiting) > 0 {
		t.Errorf("closed %v", b.closed)
	}
}

// A peer that broke the protocol on purpose cannot be a neighbour again for ten minutes,
// whichever end dials. It cannot make this node ban another peer in its place.
func TestABannedPeerIsShunned(t *testing.T) {
	b := newBench(t, Config{MinPeers: 1})
	b.SetSeeds(b.now, []string{addr(1)}, b)
	l := b.reaches(1)
	b.get(l, &NeighborReply{Accepted: true, Sample: []Contact{contact(2)}})
	if !b.Ban(b.now, l, b) || b.Ban(b.now, l, b) {
		t.Fatal("it is no neighbour, or is one still")
	}
	if m, ok := sentTo[*Disconnect](b, l); !ok || m.Reason != ReasonProtocol || len(m.Try) > 0 || b.closed[l] != ReasonProtocol {
		t.Errorf("sent %+v, closed as %v", b.sent, b.closed[l])
	}
	if !slices.Equal(b.dials, []string{addr(2)}) {
		t.Errorf("then it dials %v", b.dials)
	}
	b.neighbors(2)
	b.dials = nil
	for _, after := range []time.Duration{0, bannedFor - time.Second} {
		b.pass(birth.Add(after).Sub(b.now))
		l = b.accepts(1)
		b.get(l, &Neighbor{Priority: High})
		if r := b.reply(l); r.Accepted || r.Reason != ReasonRemoved {
			t.Errorf("after %v: reply %+v", after, r)
		}
	}
	b.pass(2 * time.Second)
	l = b.accepts(1)
	b.get(l, &Neighbor{})
	if r := b.reply(l); !r.Accepted {
		t.Errorf("after ten minutes: %+v", r)
	}

	// The peer advertises the address of an honest node.
	liar := b.accepts(3)
	b.find(liar).Addr = addr(4)
	b.book.markWorking(contact(4), 0, b.cfg.Rand)
	b.get(liar, &Neighbor{})
	if !b.Ban(b.now, liar, b) || !b.book.mayDial(b.now.Add(10*time.Second), addr(4)) {
		t.Error("an honest node is not dialled any more")
	}
}

// Only an attacker with a large number of IDs causes this many bans at once.
func TestTheBannedAreBounded(t *testing.T) {
	b := newBench(t, Config{})
	from := func(id int, prefix uint16) *link {
		return &link{Conn: Conn{Peer: ident.Origin{ID: nodeID(id)}}, prefix: prefix}
	}
	// Bans in one network end no bans in another, also if these end first.
	b.shun(from(-1, 8), b.now)
	for n := range maxRemoved + 100 {
		b.shun(from(n, 7), b.now.Add(time.Duration(n)*time.Second))
	}
	_, first := b.removed[nodeID(0)]
	_, last := b.removed[nodeID(maxRemoved+99)]
	_, other := b.removed[nodeID(-1)]
	if len(b.removed) != maxRemoved || first || !last || !other {
		t.Errorf("%d are remembered, the first %v, the last %v, one in another network %v", len(b.removed), first, last, other)
	}
	b.avoid(from(maxRemoved+100, 7), b.now.Add(24*time.Hour)) // it takes the place of a ban
	b.shun(from(maxRemoved+101, 7), b.now.Add(time.Second))   // and makes room for the next one
	if _, ok := b.removed[nodeID(maxRemoved+100)]; ok || len(b.removed) != maxRemoved {
		t.Error("a peer that only this node avoids stays, and a ban goes")
	}
	b.shun(from(maxRemoved+99, 7), b.now) // this call does not shorten the ban
	if s := b.removed[nodeID(maxRemoved+99)]; !s.until.After(b.now) {
		t.Error("a ban was shortened")
	}
}
