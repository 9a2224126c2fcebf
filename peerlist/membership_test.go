package peerlist

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/ident"
)

// bench is one membership and the record of what it wanted. The test is its
// world: it plays all other nodes.
type bench struct {
	t *testing.T
	*Membership
	now    time.Time
	last   ident.Link
	dials  []string
	sent   []sent
	closed map[ident.Link]Reason
	up     map[ident.Link]bool
	downs  []Reason
	added  map[uint64]error
}

type sent struct {
	to  ident.Link
	msg Message
}

// selfID lies in the middle: nodeID(n) is lower for n < 1<<15.
var selfID = ident.ID{0x80}

func newBench(t *testing.T, cfg Config) *bench {
	cfg.Self = Contact{selfID, "10.9.9.9:1"}
	cfg.Rand = newRand(1)
	b := &bench{
		t: t, now: birth, Membership: NewMembership(cfg),
		closed: map[ident.Link]Reason{}, up: map[ident.Link]bool{}, added: map[uint64]error{},
	}
	b.Start(b.now, b)
	return b
}

func (b *bench) Send(to ident.Link, m Message) {
	if _, gone := b.closed[to]; gone {
		b.t.Fatalf("%T is sent on link %d, which is closed", m, to)
	}
	b.sent = append(b.sent, sent{to, m})
}
func (b *bench) Dial(addr string) { b.dials = append(b.dials, addr) }
func (b *bench) Close(l ident.Link, why Reason) {
	if _, gone := b.closed[l]; gone {
		b.t.Fatalf("link %d is closed twice", l)
	}
	b.closed[l] = why
}
func (b *bench) Up(l ident.Link) {
	if b.up[l] {
		b.t.Fatalf("link %d is up twice", l)
	}
	b.up[l] = true
}
func (b *bench) Down(l ident.Link, why Reason) {
	if !b.up[l] {
		b.t.Fatalf("link %d goes down and was not up", l)
	}
	delete(b.up, l)
	b.downs = append(b.downs, why)
}
func (b *bench) Added(token uint64, err error) {
	if _, twice := b.added[token]; twice {
		b.t.Fatalf("token %d is answered twice", token)
	}
	b.added[token] = err
}

func (b *bench) get(l ident.Link, m Message) { b.Handle(b.now, l, m, b) }

// pass lets time pass, and Advance be called when it is wanted.
func (b *bench) pass(d time.Duration) {
	b.t.Helper()
	end := b.now.Add(d)
	for range 100_000 {
		at, ok := b.Deadline()
		if !ok || at.After(end) {
			b.now = end
			return
		}
		if at.After(b.now) {
			b.now = at
		}
		b.Advance(b.now, b)
	}
	b.t.Fatal("Advance is wanted again and again")
}

// accepts gives the node a link that node n dialled.
func (b *bench) accepts(n int) ident.Link {
	b.last++
	b.LinkUp(b.now, Conn{Link: b.last, Peer: ident.Origin{ID: nodeID(n), Epoch: 1}, Addr: addr(n)}, b)
	return b.last
}

// reaches answers the dial of an address: node n is there.
func (b *bench) reaches(n int) ident.Link {
	b.t.Helper()
	if !b.dialled(addr(n)) {
		b.t.Fatalf("node %d was not dialled, but %v", n, b.dials)
	}
	b.last++
	b.LinkUp(b.now, Conn{Link: b.last, Peer: ident.Origin{ID: nodeID(n), Epoch: 1}, Addr: addr(n), Dialled: addr(n)}, b)
	return b.last
}

// dialled takes a dial off the record.
func (b *bench) dialled(addr string) bool {
	at := slices.Index(b.dials, addr)
	if at >= 0 {
		b.dials = slices.Delete(b.dials, at, at+1)
	}
	return at >= 0
}

// refuses lets all dials under way fail.
func (b *bench) refuses() {
	for len(b.dials) > 0 {
		a := b.dials[0]
		b.dials = b.dials[1:]
		b.DialFailed(b.now, a, errors.New("nobody is there"), b)
	}
}

// neighbors makes neighbours of nodes, which ask for it.
func (b *bench) neighbors(list ...int) (links []ident.Link) {
	b.t.Helper()
	for _, n := range list {
		l := b.accepts(n)
		b.get(l, &Neighbor{})
		if !b.up[l] {
			b.t.Fatalf("node %d was not accepted: %v", n, b.take(l))
		}
		links = append(links, l)
	}
	b.sent = nil
	return links
}

// take gives what was sent on a link so far, and forgets it.
func (b *bench) take(l ident.Link) (list []Message) {
	b.sent = slices.DeleteFunc(b.sent, func(s sent) bool {
		if s.to == l {
			list = append(list, s.msg)
		}
		return s.to == l
	})
	return list
}

// reply takes the one NEIGHBORREPLY that was sent on a link.
func (b *bench) reply(l ident.Link) *NeighborReply {
	b.t.Helper()
	for _, m := range b.take(l) {
		if r, ok := m.(*NeighborReply); ok {
			return r
		}
	}
	b.t.Fatalf("link %d got no reply", l)
	return nil
}

// sentTo finds a message of one kind on a link.
func sentTo[M Message](b *bench, l ident.Link) (found M, ok bool) {
	for _, s := range b.sent {
		if m, is := s.msg.(M); is && s.to == l {
			return m, true
		}
	}
	return found, false
}

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
	if len(b.dials) != 2 { // two more are wanted, of the three it was told
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

// mustNode is the n of addr(n).
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
	// Whoever comes next hears first of the one that looks for company.
	l = b.accepts(7)
	b.get(l, &Neighbor{})
	if r := b.reply(l); r.Sample[0] != contact(6) {
		t.Errorf("sample %v", r.Sample)
	}
}

func TestNobodyIsRefusedTwiceInARow(t *testing.T) {
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

// Polite first; then it insists, but only if that can help.
func TestInsistsOnlyAfterPatience(t *testing.T) {
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
	if first < patience || slices.Contains(asked[first:], Low) {
		t.Errorf("asked with %v", asked)
	}
}

func TestInsistenceMakesRoomAndSplicesIn(t *testing.T) {
	b := newBench(t, Config{})
	links := b.neighbors(1, 2, 3, 4, 5)
	for i, degree := range []uint8{3, 4, 5, 4, 3} {
		b.get(links[i], &Ping{Degree: degree})
	}
	b.sent = nil
	l := b.accepts(6)
	b.get(l, &Join{Priority: High})
	if r := b.reply(l); !r.Accepted {
		t.Fatalf("reply %+v", r)
	}
	d, ok := sentTo[*Disconnect](b, links[2]) // the best connected one
	if !ok || d.Reason != ReasonMakeRoom || !slices.Equal(d.Try, []Contact{contact(6)}) {
		t.Fatalf("sent %+v", b.sent)
	}
	if b.Degree() != 5 || len(b.downs) != 1 {
		t.Errorf("degree %d, lost %v", b.Degree(), b.downs)
	}
}

func TestWhoIsLetGoDialsTheNewcomer(t *testing.T) {
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

// A bridge is young: it is not what makes room for the next newcomer.
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
	if b.up[links[0]] || b.up[links[1]] {
		t.Error("nobody else did")
	}
	b.pass(time.Second)
	for l := range b.up {
		b.get(l, &Ping{Degree: 1})
	}
	b.get(bridge, &Ping{Degree: 200})
	for range 8 { // keep the links alive
		b.pass(4 * time.Second)
		for l := range b.up {
			b.Heard(b.now, l)
		}
	}
	b.get(b.accepts(9), &Join{Priority: High})
	if b.up[bridge] {
		t.Error("after half a minute it is still protected")
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

func TestDiallingOneself(t *testing.T) {
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
	b.pass(time.Hour)
	b.SetSeeds(b.now, []string{addr(1)}, b)
	b.neighbors(2)
	b.get(3, &Shuffle{Sample: []Contact{contact(1), {selfID, addr(8)}}})
	if len(b.dials) > 0 || b.book.has(1) || b.book.has(8) {
		t.Errorf("it dials %v", b.dials)
	}
	b.Add(b.now, addr(1), 8, b)
	if !errors.Is(b.added[8], ErrSelf) {
		t.Errorf("added %v", b.added[8])
	}
}

func TestSilentLinkEnds(t *testing.T) {
	b := newBench(t, Config{PingInterval: time.Second, PingTimeout: 2 * time.Second})
	l := b.neighbors(1)[0]
	b.pass(2900 * time.Millisecond)
	b.Heard(b.now, l)
	b.pass(2900 * time.Millisecond)
	if !b.up[l] {
		t.Fatal("a link on which something came was closed")
	}
	b.pass(200 * time.Millisecond)
	if b.up[l] || b.closed[l] != ReasonSilent || !slices.Equal(b.downs, []Reason{ReasonSilent}) {
		t.Errorf("closed %v, lost %v", b.closed, b.downs)
	}
}

func TestTheEndThatDialledPings(t *testing.T) {
	b := newBench(t, Config{})
	b.SetSeeds(b.now, []string{addr(1)}, b)
	mine := b.reaches(1)
	b.get(mine, &NeighborReply{Accepted: true})
	theirs := b.neighbors(2)[0]
	pings, trip := 0, time.Duration(0)
	for range 20 {
		b.pass(500 * time.Millisecond)
		for _, m := range b.take(mine) {
			if p, ok := m.(*Ping); ok {
				pings++
				b.pass(7 * time.Millisecond)
				trip = b.now.Sub(birth) - p.Sent
				b.get(mine, &Pong{Degree: 4, Sent: p.Sent})
			}
		}
		b.get(theirs, &Ping{Degree: 3, Sent: 99})
		if p, ok := sentTo[*Pong](b, theirs); !ok || p.Sent != 99 {
			t.Fatal("a ping got no pong")
		}
		for _, m := range b.take(theirs) {
			if _, ok := m.(*Ping); ok {
				t.Fatal("both ends ping")
			}
		}
	}
	if pings < 4 || pings > 6 {
		t.Errorf("%d pings in 10 s", pings)
	}
	if rtt := b.find(mine).rtt; rtt != trip || trip == 0 {
		t.Errorf("round trip %v", rtt)
	}
	b.get(mine, &Pong{Sent: -time.Hour}) // not one of ours
	b.get(mine, &Pong{Sent: 1 << 62})
	if rtt := b.find(mine).rtt; rtt != trip || trip == 0 {
		t.Errorf("after two lies: round trip %v", rtt)
	}
}

// A node that was itself stopped does not blame its neighbours for the silence.
func TestLateWakeUpBlamesNobody(t *testing.T) {
	b := newBench(t, Config{})
	links := b.neighbors(1, 2, 3)
	b.pass(time.Second)
	b.Deadline()
	b.now = b.now.Add(10 * time.Minute) // a suspended machine
	b.Advance(b.now, b)
	if len(b.downs) > 0 {
		t.Fatalf("lost %v", b.downs)
	}
	b.Heard(b.now, links[0])
	b.pass(3 * time.Second) // the ping timeout, from now
	if b.Degree() != 1 || !b.up[links[0]] {
		t.Errorf("%d neighbours; those that are gone must not stay either", b.Degree())
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

func TestLeavingOffersTheNeighboursToOneAnother(t *testing.T) {
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
	// What comes now is turned away, and nothing is begun any more.
	b.dials = nil
	b.LinkUp(b.now, Conn{Link: 90, Peer: ident.Origin{ID: nodeID(8)}, Addr: addr(8), Dialled: addr(8)}, b)
	b.Adopt(b.now, Conn{Link: 91, Peer: ident.Origin{ID: nodeID(9)}, Addr: addr(9), Dialled: addr(9)}, b)
	b.Add(b.now, addr(5), 2, b)
	b.pass(time.Hour)
	if b.closed[90] != ReasonLeave || b.closed[91] != ReasonLeave || !errors.Is(b.added[2], ErrLeaving) || len(b.dials) > 0 {
		t.Errorf("closed %v, added %v, dials %v", b.closed, b.added, b.dials)
	}
}

func TestWhatAddAnswers(t *testing.T) {
	b := newBench(t, Config{MaxPeers: 3, MinPeers: 1})
	b.neighbors(1)
	for _, step := range []struct {
		token uint64
		node  int
		then  func()
		want  error
	}{
		{1, 1, func() {}, nil}, // it is a neighbour already
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

// A walk that ends at a node with room brings the newcomer in.
func TestForwardJoinWalk(t *testing.T) {
	walk := func(ttl uint8, neighbors ...int) *bench {
		b := newBench(t, Config{MinPeers: 1})
		links := b.neighbors(neighbors...)
		b.get(links[0], &ForwardJoin{Newcomer: contact(50), TTL: ttl})
		return b
	}
	b := walk(activeWalk, 1, 2)
	if m, ok := sentTo[*ForwardJoin](b, 2); !ok || m.TTL != activeWalk-1 || b.book.has(50) || len(b.dials) > 0 {
		t.Errorf("it goes on as %+v, %v", m, b.dials)
	}
	b = walk(passiveWalk, 1, 2)
	if m, ok := sentTo[*ForwardJoin](b, 2); !ok || m.TTL != passiveWalk-1 || !b.book.has(50) {
		t.Errorf("it goes on as %+v", m)
	}
	b = walk(255, 1, 2)
	if m, _ := sentTo[*ForwardJoin](b, 2); m.TTL != activeWalk-1 {
		t.Errorf("a walk without end goes on for %d", m.TTL)
	}
	for name, b := range map[string]*bench{"at its end": walk(0, 1, 2), "in a dead end": walk(4, 1)} {
		if !b.dialled(addr(50)) || !b.book.has(50) {
			t.Errorf("%s, it dials %v", name, b.dials)
		}
	}
	if b := walk(0, 1, 2, 3, 4); len(b.dials) > 0 { // the last place is for those who have nobody
		t.Errorf("almost full, it dials %v", b.dials)
	}
	if b := walk(0, 1, 2, 50); len(b.dials) > 0 {
		t.Errorf("it dials its neighbour: %v", b.dials)
	}
}

// A neighbour can't have us dial an address again and again, and a stranger
// not even once.
func TestWalksDoNotMakeUsHammerAnAddress(t *testing.T) {
	b := newBench(t, Config{MinPeers: 1})
	links := b.neighbors(1, 2)
	dials := 0
	for range 600 { // a minute
		b.get(links[0], &ForwardJoin{Newcomer: contact(50)})
		dials += len(b.dials)
		b.refuses()
		b.pass(100 * time.Millisecond)
		b.Heard(b.now, links[0])
	}
	if dials > 60 {
		t.Errorf("%d dials in a minute", dials)
	}
	stranger := b.accepts(9)
	b.get(stranger, &ForwardJoin{Newcomer: contact(51)})
	b.get(stranger, &Shuffle{Sample: []Contact{contact(52)}})
	b.get(stranger, &Disconnect{Reason: ReasonMakeRoom, Try: []Contact{contact(53)}})
	if len(b.dials) > 0 || b.book.has(51) || b.book.has(52) || b.book.has(53) {
		t.Errorf("a stranger was believed: %v", b.dials)
	}
}

func TestShuffleSlowsDownWhenNothingIsNew(t *testing.T) {
	b := newBench(t, Config{})
	links := b.neighbors(1, 2, 3)
	count := func(d time.Duration) (n int) {
		for range int(d / time.Second) {
			b.pass(time.Second)
			for _, l := range links {
				b.Heard(b.now, l)
				for _, m := range b.take(l) {
					if s, ok := m.(*Shuffle); ok {
						n++
						if s.TTL != activeWalk || s.Sample[0] != b.cfg.Self || len(s.Sample) > 1+shuffleActive+shufflePassive {
							t.Fatalf("%+v", s)
						}
					}
				}
			}
		}
		return n
	}
	first, later := count(20*time.Second), 0
	count(5 * time.Minute)
	later = count(5 * time.Minute)
	if first < 3 || later > 12 || later < 4 {
		t.Errorf("%d shuffles in the first 20 s, %d in five minutes later on", first, later)
	}
	var news []Contact
	for n := range 20 {
		news = append(news, contact(100+n))
	}
	b.get(links[0], &Shuffle{Sample: news}) // its walk ends here
	if !b.book.has(110) {
		t.Error("nothing was learned")
	}
	if again := count(2 * time.Minute); again < 5 {
		t.Errorf("something new came, and there were %d shuffles in two minutes", again)
	}
}

func TestShuffleWalk(t *testing.T) {
	b := newBench(t, Config{})
	links := b.neighbors(1, 2)
	sample := []Contact{contact(1), contact(60)}
	b.get(links[0], &Shuffle{Sample: sample, TTL: 9})
	if m, ok := sentTo[*Shuffle](b, links[1]); !ok || m.TTL != activeWalk-1 || !slices.Equal(m.Sample, sample) || b.book.has(60) {
		t.Errorf("it goes on as %+v", m)
	}
	b.get(links[0], &Shuffle{Sample: sample, TTL: 0})
	if !b.book.has(60) {
		t.Error("at its end nothing was learned")
	}
}

// A node that knows no address, not even its own, has nothing to shuffle.
func TestNothingToTellIsNotSent(t *testing.T) {
	b := newBench(t, Config{})
	b.cfg.Self.Addr = ""
	b.LinkUp(b.now, Conn{Link: 1, Peer: ident.Origin{ID: nodeID(1)}}, b)
	b.get(1, &Neighbor{})
	b.sent = nil
	for range 20 {
		b.pass(4 * time.Second)
		b.Heard(b.now, 1)
	}
	if m, ok := sentTo[*Shuffle](b, 1); ok {
		t.Errorf("%+v", m)
	}
}

func TestRotationSwapsOneLink(t *testing.T) {
	b := newBench(t, Config{ShuffleInterval: -1})
	links := b.neighbors(1, 2, 3, 4, 5)
	b.get(links[3], &Ping{Degree: 5})
	b.get(links[1], &Ping{Degree: 3})
	b.learn(b.find(links[0]), []Contact{contact(9)})
	for range 60 {
		b.pass(2 * time.Second)
		for _, l := range links {
			b.Heard(b.now, l)
		}
		if len(b.dials) > 0 {
			break
		}
	}
	if gap := b.now.Sub(birth); gap < time.Minute || gap > 2*time.Minute {
		t.Errorf("the first rotation after %v", gap)
	}
	l := b.reaches(9)
	if d, ok := sentTo[*Disconnect](b, links[3]); !ok || d.Reason != ReasonRotate {
		t.Errorf("the best connected neighbour got %+v", b.take(links[3]))
	}
	b.get(l, &NeighborReply{Accepted: true})
	if b.Degree() != 5 || !b.up[l] {
		t.Errorf("degree %d", b.Degree())
	}
}

// What means something on one machine only stays there.
func TestLoopbackIsNeverToldToAnotherMachine(t *testing.T) {
	const here = "127.0.0.1:700"
	b := newBench(t, Config{MaxPeers: 4})
	b.SetSelf("127.0.0.1:999")
	conn := func(n int, a string, local bool) ident.Link {
		b.last++
		b.LinkUp(b.now, Conn{Link: b.last, Peer: ident.Origin{ID: nodeID(n), Epoch: 1}, Addr: a, Local: local}, b)
		return b.last
	}
	near, far, far2 := conn(1, here, true), conn(2, addr(2), false), conn(3, addr(3), false)
	b.get(near, &Neighbor{})
	b.get(far, &Join{})
	b.get(far2, &Neighbor{})
	near2 := conn(4, "localhost:701", true)
	b.get(near2, &Join{})
	for range 30 {
		b.pass(4 * time.Second)
		for _, l := range []ident.Link{near, near2, far, far2} {
			b.Heard(b.now, l)
		}
		b.get(near, &Shuffle{Sample: []Contact{{nodeID(1), here}, {nodeID(7), "[::1]:5"}}, TTL: 3})
		b.get(near2, &ForwardJoin{Newcomer: Contact{nodeID(8), "127.0.0.1:800"}, TTL: 3})
	}
	b.get(far, &Shuffle{Sample: []Contact{{nodeID(66), "127.0.0.1:66"}, {nodeID(66), ":66"}, {nodeID(67), "LOCALHOST.:66"}}})
	for _, a := range []string{"127.0.0.1:66", ":66", "LOCALHOST.:66"} {
		if _, known := b.book.byAddr[a]; known {
			t.Errorf("%s was believed", a)
		}
	}
	last := conn(5, "127.0.0.1:705", true)
	b.get(last, &Join{Priority: High})
	b.Leave(b.now, b)
	told := 0
	for _, s := range b.sent {
		text := fmt.Sprintf("%+v", s.msg)
		if strings.Contains(text, "127.0.0") || strings.Contains(text, "localhost") || strings.Contains(text, "::1") {
			if told++; s.to == far || s.to == far2 {
				t.Fatalf("another machine was told %T%s", s.msg, text)
			}
		}
		if m, ok := s.msg.(*Shuffle); ok && len(m.Sample) == 0 {
			t.Error("an empty shuffle was sent")
		}
		if m, ok := s.msg.(*Disconnect); ok {
			for _, c := range m.Try {
				if (s.to == far || s.to == far2) && ident.IsLoopback(c.Addr) {
					t.Fatalf("another machine was offered %v", c)
				}
			}
		}
		if m, ok := s.msg.(*NeighborReply); ok {
			for _, c := range m.Sample {
				if (s.to == far || s.to == far2) && ident.IsLoopback(c.Addr) {
					t.Fatalf("another machine was offered %v", c)
				}
			}
		}
	}
	if told == 0 {
		t.Error("not even this machine was told")
	}
}

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
