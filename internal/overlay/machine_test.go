package overlay

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/census"
	"github.com/smokesignal-go/smokesignal/internal/ident"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/netsplit"
	"github.com/smokesignal-go/smokesignal/peerlist"
)

var (
	birth     = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	errNobody = errors.New("nobody is there")
	errAgain  = errors.New("Advance is wanted again and again")
)

const self = 128

func nodeID(n int) ident.ID { return ident.ID{byte(n), 0xee} }

func addr(n int) string { return fmt.Sprintf("10.0.0.%d:1", n) }

// bench is one machine and the record of what it wanted. The test is its world.
// It checks that the actions make sense.
type bench struct {
	t *testing.T
	*Machine
	now    time.Time
	last   ident.Link
	open   map[ident.Link]bool // links that came up and did not end
	up     map[ident.Link]bool // neighbours
	dials  []Dial
	sent   []sent
	heard  map[ident.Origin]uint64
	seeds  []string
	told   []netsplit.Notice
	added  int
	counts int
}

type sent struct {
	to  ident.Link
	msg any
}

func newBench(t *testing.T, seed uint64, cfg Config) *bench {
	cfg.Self = ident.Origin{ID: nodeID(self), Epoch: 1}
	cfg.Addr = addr(self)
	cfg.Rand = rand.New(rand.NewPCG(seed, 1))
	b := &bench{
		t: t, now: birth, Machine: New(birth, cfg),
		open: map[ident.Link]bool{}, up: map[ident.Link]bool{}, heard: map[ident.Origin]uint64{},
	}
	b.Start(b.now, b)
	return b
}

func (b *bench) Send(to ident.Link, m any) {
	if !b.open[to] {
		b.t.Fatalf("%T is sent on link %d, which is not open", m, to)
	}
	b.sent = append(b.sent, sent{to, m})
}
func (b *bench) Push(to ident.Link, e *plumtree.Event, age time.Duration) {
	if !b.up[to] || age < 0 {
		b.t.Fatalf("an event of age %v is pushed on link %d; a neighbour: %v", age, to, b.up[to])
	}
	b.sent = append(b.sent, sent{to, e})
}
func (b *bench) Dial(d Dial) { b.dials = append(b.dials, d) }
func (b *bench) Close(l ident.Link, _ peerlist.Reason) {
	if !b.open[l] {
		b.t.Fatalf("link %d is closed and was not open", l)
	}
	delete(b.open, l)
}
func (b *bench) Resolve(seed string) { b.seeds = append(b.seeds, seed) }
func (b *bench) PeerUp(c peerlist.Conn) {
	if b.up[c.Link] || !b.open[c.Link] {
		b.t.Fatalf("link %d is a neighbour twice, or not open", c.Link)
	}
	b.up[c.Link] = true
}
func (b *bench) PeerDown(c peerlist.Conn, _ peerlist.Reason) {
	if !b.up[c.Link] {
		b.t.Fatalf("link %d was no neighbour", c.Link)
	}
	delete(b.up, c.Link)
}
func (b *bench) Deliver(e *plumtree.Event) {
	if e.Seq <= b.heard[e.Origin] || e.Origin == b.self {
		b.t.Fatalf("event %d of %v after %d", e.Seq, e.Origin, b.heard[e.Origin])
	}
	b.heard[e.Origin] = e.Seq
}
func (b *bench) Gap(plumtree.Range)           {}
func (b *bench) Notify(n netsplit.Notice)     { b.told = append(b.told, n) }
func (b *bench) Added(uint64, error)          { b.added++ }
func (b *bench) Counted(uint64, uint64, bool) { b.counts++ }

func (b *bench) get(l ident.Link, m any) { b.Handle(b.now, l, m, b) }

// linkUp brings a link up: accepted, or the answer to a dial.
func (b *bench) linkUp(c peerlist.Conn, d *Dial) ident.Link {
	b.last++
	c.Link = b.last
	if d != nil {
		c.Dialled = d.Addr
	}
	b.open[c.Link] = true
	b.LinkUp(b.now, c, d, b)
	return c.Link
}

// joins makes a neighbour of a node that calls.
func (b *bench) joins(n int) ident.Link {
	b.t.Helper()
	l := b.linkUp(peerlist.Conn{Peer: ident.Origin{ID: nodeID(n), Epoch: 1}, Addr: addr(n)}, nil)
	b.get(l, &peerlist.Join{})
	if !b.up[l] {
		b.t.Fatalf("node %d was not accepted", n)
	}
	return l
}

// ends takes a link away.
func (b *bench) ends(l ident.Link) {
	if b.open[l] {
		delete(b.open, l)
		b.LinkDown(b.now, l, peerlist.ReasonNone, errNobody, b)
	}
}

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
	b.t.Fatal(errAgain)
}

// dialled takes the dial of a node's address off the record.
func (b *bench) dialled(n int, probe bool) *Dial {
	for i, d := range b.dials {
		if d.Addr == addr(n) && d.Probe == probe {
			b.dials = append(b.dials[:i], b.dials[i+1:]...)
			return &d
		}
	}
	return nil
}

// awaitDial lets time pass, with all neighbours alive, until an address is
// dialled; other dials fail.
func (b *bench) awaitDial(n int, probe bool, within time.Duration) *Dial {
	b.t.Helper()
	for end := b.now.Add(within); b.now.Before(end); b.pass(100 * time.Millisecond) {
		if d := b.dialled(n, probe); d != nil {
			return d
		}
		dials := b.dials
		b.dials = nil
		for _, d := range dials {
			b.DialFailed(b.now, d, errNobody, b)
		}
		for l := range b.last {
			if b.up[l+1] {
				b.get(l+1, &peerlist.Pong{})
			}
		}
	}
	b.t.Fatalf("node %d was not dialled within %v", n, within)
	return nil
}

func wasSent[M any](b *bench, l ident.Link) (found M, ok bool) {
	for _, s := range b.sent {
		if m, is := s.msg.(M); is && s.to == l {
			return m, true
		}
	}
	return found, false
}

func TestNeighborOfOnePartIsNeighborOfAll(t *testing.T) {
	b := newBench(t, 1, Config{})
	b.Emit(b.now, []byte("\x01a"), b)
	l := b.joins(1)
	if m, ok := wasSent[*plumtree.IHave](b, l); !ok || !m.Sync {
		t.Error("broadcast does not know the neighbour")
	}
	b.Count(b.now, 1, b)
	if _, ok := wasSent[*census.Count](b, l); !ok {
		t.Error("census does not know the neighbour")
	}
	b.get(l, &netsplit.Beacon{Origin: ident.Origin{ID: nodeID(1), Epoch: 1}, Count: 1, Addr: addr(1)})
	if b.Component() != nodeID(1) {
		t.Error("netsplit does not know the neighbour")
	}
	b.ends(l)
	if b.counts != 1 || b.Degree() != 0 || len(b.up) > 0 || len(b.conns) > 0 {
		t.Errorf("after its end: %d counts, degree %d, up %v, conns %v", b.counts, b.Degree(), b.up, b.conns)
	}
	b.get(l, &plumtree.Gossip{Origin: ident.Origin{ID: nodeID(1), Epoch: 1}, Seq: 1})
	if len(b.heard) > 0 {
		t.Error("a frame of a link that is gone was taken in")
	}
}

func TestSeedsAreResolvedAndJoined(t *testing.T) {
	b := newBench(t, 1, Config{Seeds: []string{"dns://chat", addr(1)}})
	if len(b.seeds) != 1 || b.seeds[0] != "dns://chat" || b.dialled(1, false) == nil {
		t.Fatalf("looks up %v, dials %v", b.seeds, b.dials)
	}
	b.Resolved(b.now, "dns://chat", []string{addr(7)}, nil, b)
	d := b.dialled(7, false)
	if d == nil {
		t.Fatalf("dials %v", b.dials)
	}
	l := b.linkUp(peerlist.Conn{Peer: ident.Origin{ID: nodeID(7), Epoch: 1}, Addr: addr(7)}, d)
	if m, ok := wasSent[*peerlist.Join](b, l); !ok || !m.AsSeed {
		t.Errorf("asks %+v", b.sent)
	}
}

func TestSomebodyJoinsThroughUsAsASeed(t *testing.T) {
	b := newBench(t, 1, Config{})
	l := b.linkUp(peerlist.Conn{Peer: ident.Origin{ID: nodeID(1), Epoch: 1}, Addr: addr(1)}, nil)
	b.get(l, &peerlist.Join{AsSeed: true})
	if !b.IsBeaconing() {
		t.Error("a seed does not beacon")
	}
}

// A probe that finds another component becomes a neighbour on the same link.
func TestProbeBecomesABridge(t *testing.T) {
	b := newBench(t, 1, Config{Seeds: []string{addr(1), addr(self)}, Membership: peerlist.Config{MinPeers: 1}})
	b.joins(2)
	d := b.awaitDial(1, true, time.Minute)
	l := b.linkUp(peerlist.Conn{Peer: ident.Origin{ID: nodeID(1), Epoch: 1}, Addr: addr(1)}, d)
	if _, ok := wasSent[*netsplit.Probe](b, l); !ok {
		t.Fatalf("it sends %+v", b.sent)
	}
	b.get(l, &peerlist.Join{}) // which is not what a probe expects
	if b.up[l] {
		t.Fatal("a probe became a neighbour by asking")
	}
	b.get(l, &netsplit.ProbeReply{Known: []netsplit.Sighting{{ID: nodeID(9)}}, Settled: time.Hour})
	if m, ok := wasSent[*peerlist.Neighbor](b, l); !ok || m.Priority != peerlist.Bridge {
		t.Fatalf("it sends %+v", b.sent)
	}
	b.get(l, &peerlist.NeighborReply{Accepted: true, Degree: 3})
	if !b.up[l] || b.Degree() != 2 {
		t.Error("the bridge is no neighbour")
	}
}

func TestProbeOfAWellComponentIsClosed(t *testing.T) {
	b := newBench(t, 1, Config{Seeds: []string{addr(1), addr(self)}, Membership: peerlist.Config{MinPeers: 1}})
	b.joins(2)
	d := b.awaitDial(1, true, time.Minute)
	l := b.linkUp(peerlist.Conn{Peer: ident.Origin{ID: nodeID(1), Epoch: 1}, Addr: addr(1)}, d)
	b.get(l, &netsplit.ProbeReply{Known: []netsplit.Sighting{{ID: nodeID(self)}}, Settled: time.Hour})
	if b.open[l] || b.Degree() != 1 || len(b.conns) != 1 {
		t.Errorf("open %v, degree %d", b.open, b.Degree())
	}
}

func TestDiallingOneselfIsRemembered(t *testing.T) {
	for _, probe := range []bool{false, true} {
		b := newBench(t, 1, Config{Seeds: []string{addr(1)}})
		d := b.dialled(1, false)
		if probe {
			b.DialFailed(b.now, *d, errNobody, b)
			b.joins(2)
			d = b.awaitDial(1, true, time.Minute)
		}
		out := b.linkUp(peerlist.Conn{Peer: b.self, Addr: addr(self)}, d)
		in := b.linkUp(peerlist.Conn{Peer: b.self, Addr: addr(self)}, nil)
		if b.open[out] || b.open[in] {
			t.Error("a link to ourselves stays")
		}
		b.dials = nil
		for range 20 {
			b.pass(30 * time.Second)
			if b.dialled(1, false) != nil || b.dialled(1, true) != nil {
				t.Fatal("it dials itself again")
			}
		}
	}
}

// Whatever comes, the machine does not panic, does nothing that makes no sense
// (bench checks that), and keeps its bounds.
func FuzzMachine(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed, uint16(600))
	}
	f.Fuzz(func(t *testing.T, seed uint64, steps uint16) {
		rng := rand.New(rand.NewPCG(seed, 4))
		b := newBench(t, seed, Config{
			Seeds:      []string{addr(1), addr(2), "dns://chat"},
			Membership: peerlist.Config{BookSize: 30},
			Tree:       plumtree.Config{HistoryBytes: 64 << 10},
		})
		calls := uint64(0)
		for range steps {
			link := ident.Link(1 + rng.IntN(int(b.last)+1))
			conn := peerlist.Conn{
				Peer: ident.Origin{ID: nodeID(rng.IntN(20)), Epoch: rng.Uint64N(3)}, Addr: addr(rng.IntN(20)), Local: rng.IntN(4) == 0,
			}
			switch rng.IntN(20) {
			case 0, 1:
				b.linkUp(conn, nil)
			case 2, 3, 4:
				if len(b.dials) == 0 {
					break
				}
				d := b.dials[0]
				b.dials = b.dials[1:]
				switch rng.IntN(4) {
				case 0:
					b.DialFailed(b.now, d, errNobody, b)
				case 1:
					conn.Peer = b.self
					b.linkUp(conn, &d)
				default:
					b.linkUp(conn, &d)
				}
			case 5:
				b.ends(link)
			case 6:
				b.pass(time.Duration(rng.Int64N(int64(4 * time.Second))))
			case 7:
				b.Emit(b.now, make([]byte, rng.IntN(100)), b)
			case 8:
				calls++
				b.Add(b.now, addr(rng.IntN(20)), calls, b)
			case 9:
				b.Remove(b.now, nodeID(rng.IntN(20)), b)
			case 10:
				b.Resolved(b.now, "dns://chat", []string{addr(rng.IntN(20)), addr(rng.IntN(20))}, nil, b)
			case 11:
				if b.open[link] {
					b.Congested(link)
				}
			case 12:
				if b.open[link] {
					b.Drained(b.now, link, b)
				}
			case 13:
				b.Count(b.now, calls, b)
			default:
				b.get(link, message(rng))
			}
			if len(b.conns) != len(b.open) || b.Degree() != len(b.up) || b.Degree() > 5 || b.BookLen() > 30 {
				t.Fatalf("seed %d: %d links, %d of them open; %d neighbours, %d of them up; %d in the book",
					seed, len(b.conns), len(b.open), b.Degree(), len(b.up), b.BookLen())
			}
			b.sent = b.sent[:0]
		}
		b.Leave(b.now, b)
		if b.added != int(calls) || len(b.up) > 0 {
			t.Fatalf("seed %d: %d of %d adds answered, %d neighbours after leaving", seed, b.added, calls, len(b.up))
		}
	})
}

// message makes up a frame.
func message(rng *rand.Rand) any {
	id := func() ident.ID { return nodeID(rng.IntN(20)) }
	origin := func() ident.Origin { return ident.Origin{ID: id(), Epoch: rng.Uint64N(2)} }
	number := func() uint64 {
		if rng.IntN(4) == 0 {
			return rng.Uint64() >> rng.IntN(64)
		}
		return rng.Uint64N(30)
	}
	byte8 := func() uint8 { return uint8(rng.IntN(256)) }
	coin := func() bool { return rng.IntN(2) == 0 }
	span := func() time.Duration { return time.Duration(rng.Int64N(int64(time.Minute))) }
	contacts := func() (list []peerlist.Contact) {
		for range rng.IntN(6) {
			list = append(list, peerlist.Contact{ID: id(), Addr: addr(rng.IntN(60))})
		}
		return list
	}
	known := func() (list []netsplit.Sighting) {
		for range rng.IntN(6) {
			list = append(list, netsplit.Sighting{ID: id(), Age: span() / 4})
		}
		return list
	}
	ranges := func() (list []plumtree.Range) {
		for range rng.IntN(4) {
			list = append(list, plumtree.Range{Origin: origin(), From: number(), To: number()})
		}
		return list
	}
	switch rng.IntN(24) {
	case 0, 1:
		return &peerlist.Join{Priority: peerlist.Priority(rng.IntN(4)), AsSeed: coin()}
	case 2:
		return &peerlist.Neighbor{Priority: peerlist.Priority(rng.IntN(4))}
	case 3, 4:
		return &peerlist.NeighborReply{Accepted: coin(), Reason: peerlist.Reason(byte8()), Degree: byte8(), Sample: contacts()}
	case 5:
		return &peerlist.ForwardJoin{Newcomer: peerlist.Contact{ID: id(), Addr: addr(rng.IntN(60))}, TTL: byte8()}
	case 6:
		return &peerlist.Disconnect{Reason: peerlist.Reason(byte8()), Try: contacts()}
	case 7:
		return &peerlist.Shuffle{Sample: contacts(), TTL: byte8()}
	case 8:
		return &peerlist.Ping{Degree: byte8(), Sent: span()}
	case 9:
		return &peerlist.Pong{Degree: byte8(), Sent: span()}
	case 10, 11:
		return &netsplit.Beacon{Origin: origin(), Count: number(), Addr: addr(rng.IntN(30))}
	case 12:
		return &netsplit.Probe{Known: known(), Settled: span(), Isolated: coin()}
	case 13:
		return &netsplit.ProbeReply{Known: known(), Settled: span(), Isolated: coin()}
	case 14:
		return &netsplit.Split{Ours: id(), Other: id()}
	case 15:
		return &plumtree.IHave{Ranges: ranges(), Sync: coin()}
	case 16:
		return &plumtree.Graft{Ranges: ranges(), Eager: coin(), MaxAge: span()}
	case 17:
		return &plumtree.Prune{}
	case 18:
		return &plumtree.Miss{Range: plumtree.Range{Origin: origin(), From: number(), To: number()}, Why: plumtree.Why(rng.IntN(4))}
	case 19:
		return &census.Count{Query: number(), Origin: id()}
	case 20:
		return &census.CountReply{Query: number(), Origin: id(), Nodes: rng.Uint64()}
	case 21:
		return "no frame at all"
	}
	return &plumtree.Gossip{Origin: origin(), Seq: number(), Round: byte8(), Age: span(), Body: make([]byte, rng.IntN(300))}
}
