package hyparview

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// If a walk ends at a node with room for a neighbour, that node dials the newcomer.
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
	if b := walk(0, 1, 2, 3, 4); len(b.dials) > 0 { // the last free slot is kept for nodes without a neighbour
		t.Errorf("almost full, it dials %v", b.dials)
	}
	if b := walk(0, 1, 2, 50); len(b.dials) > 0 {
		t.Errorf("it dials its neighbour: %v", b.dials)
	}
}

// A neighbour cannot make the node dial an address again and again. A peer that is not a
// neighbour cannot even do so once.
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
	b.get(links[0], &Shuffle{Sample: news}) // the walk ends here
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

// A node that knows no address, not even its own, sends no shuffle.
func TestAnEmptyShuffleIsNotSent(t *testing.T) {
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
	b.addContacts(b.now, b.find(links[0]), []Contact{contact(9)})
	for range 60 {
		b.pass(time.Second)
		for _, l := range links {
			b.Heard(b.now, l)
		}
		if len(b.dials) > 0 {
			break
		}
	}
	if gap := b.now.Sub(birth); gap > 5*time.Second {
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

// Rotations are fast at first, then about one per minute.
func TestRotationSlowsDown(t *testing.T) {
	b := newBench(t, Config{ShuffleInterval: -1, FeelerInterval: -1})
	links := b.neighbors(1, 2, 3, 4)
	var at []time.Duration
	for i := range 600 {
		b.addContacts(b.now, b.find(links[i%4]), []Contact{contact(9)}) // from several sources, because one alone would exceed its limit
		b.pass(time.Second)
		for c := range b.Neighbors {
			b.Heard(b.now, c.Link)
		}
		if len(b.dials) > 0 {
			at = append(at, b.now.Sub(birth))
			b.refuses()
			b.book.forget(addr(9))
		}
	}
	if len(at) < 10 || at[3] > time.Minute || at[len(at)-1]-at[len(at)-2] < time.Minute {
		t.Errorf("rotations at %v", at)
	}
}

// A rotation does not interrupt links that carry events.
func TestRotationSparesLinksInUse(t *testing.T) {
	inUse := map[ident.Link]bool{}
	b := newBench(t, Config{ShuffleInterval: -1, IsInUse: func(_ time.Time, l ident.Link) bool { return inUse[l] }})
	links := b.neighbors(1, 2, 3, 4, 5)
	for _, l := range links {
		b.get(l, &Ping{Degree: 5})
		inUse[l] = true
	}
	rotate := func(n int) {
		b.addContacts(b.now, b.find(links[0]), []Contact{contact(n)})
		b.rotateAt = b.now
		b.Advance(b.now, b)
		b.reaches(n)
	}
	rotate(9)
	if b.Degree() != 5 {
		t.Errorf("all links are in use, and one went: degree %d", b.Degree())
	}
	b.book.forget(addr(9))
	inUse[links[2]] = false
	rotate(8)
	if _, ok := sentTo[*Disconnect](b, links[2]); !ok || b.Degree() != 4 {
		t.Errorf("the link that is not in use stayed: degree %d", b.Degree())
	}
}

// Addresses that are valid on one machine only are not sent to other machines.
func TestLoopbackIsNeverSentToAnotherMachine(t *testing.T) {
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
		if b.book.find(a) != nil {
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
	if rtt := b.RTT(mine); rtt != trip || trip == 0 {
		t.Errorf("round trip %v", rtt)
	}
	b.get(mine, &Pong{Sent: -time.Hour}) // this node never sent that ping
	b.get(mine, &Pong{Sent: 1 << 62})
	if rtt := b.RTT(mine); rtt != trip || trip == 0 {
		t.Errorf("after two lies: round trip %v", rtt)
	}
}

// A node that was stalled itself does not treat its neighbours as silent.
func TestALateWakeUpBlamesNoNeighbour(t *testing.T) {
	b := newBench(t, Config{})
	links := b.neighbors(1, 2, 3)
	b.pass(time.Second)
	b.Deadline()
	b.now = b.now.Add(10 * time.Minute) // the machine was suspended
	b.Advance(b.now, b)
	if len(b.downs) > 0 {
		t.Fatalf("lost %v", b.downs)
	}
	b.Heard(b.now, links[0])
	b.pass(3 * time.Second) // the ping timeout, counted from now
	if b.Degree() != 1 || !b.up[links[0]] {
		t.Errorf("%d neighbours; those that are gone must not stay either", b.Degree())
	}
}

// If events flow in both directions, most pings are redundant. One ping every ten seconds
// remains.
func TestBusyLinksAreRarelyPinged(t *testing.T) {
	for _, busy := range []struct {
		heard, said bool
		least, most int
	}{{true, true, 5, 7}, {true, false, 28, 31}} {
		b := newBench(t, Config{ShuffleInterval: -1, RotateInterval: -1, MinPeers: 1})
		b.Add(b.now, addr(1), 1, b)
		l := b.reaches(1)
		b.get(l, &NeighborReply{Accepted: true})
		pings := 0
		for range 600 {
			b.pass(100 * time.Millisecond)
			if busy.heard {
				b.Heard(b.now, l)
			}
			if busy.said {
				b.Said(b.now, l)
			}
			for _, m := range b.take(l) {
				if _, ok := m.(*Ping); ok {
					pings++
				}
			}
		}
		if pings < busy.least || pings > busy.most {
			t.Errorf("%d pings in a minute, %+v", pings, busy)
		}
	}
}
