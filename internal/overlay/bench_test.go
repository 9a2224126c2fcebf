package overlay

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/census"
	"github.com/smokesignal-go/smokesignal/internal/frame"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/hyparview"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/netsplit"
)

var (
	birth     = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	errNobody = errors.New("nobody is there")
	errAgain  = errors.New("Advance is wanted again and again")
)

const self = 128

func nodeID(n int) ident.ID { return ident.ID{byte(n), 0xee} }

func addr(n int) string { return fmt.Sprintf("10.0.0.%d:1", n) }

// bench calls one machine and takes its actions, in place of a network. It records the
// actions of the machine and fails if one of them is not valid.
type bench struct {
	t *testing.T
	*Machine
	now           time.Time
	last          ident.Link
	open          map[ident.Link]bool // links that came up and did not end
	up            map[ident.Link]bool // neighbours
	dials         []Dial
	sent          []sent
	heard         map[ident.Origin]uint64
	seeds         []string
	told          []netsplit.Notice
	added         int
	counts, tells int
	refused       int
	shutOut       int
	conflicts     []Conflict
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

func (b *bench) Send(to ident.Link, m frame.Message) {
	if !b.open[to] {
		b.t.Fatalf("%T is sent on link %d, which is not open", m, to)
	}
	b.sent = append(b.sent, sent{to, m})
}
func (b *bench) Ready(to ident.Link) {
	if !b.up[to] {
		b.t.Fatalf("events wait for link %d, which is no neighbour's", to)
	}
}
func (b *bench) Push(to ident.Link, g *plumtree.Gossip) {
	if !b.up[to] || g.Age < 0 {
		b.t.Fatalf("an event of age %v is pushed on link %d; a neighbour: %v", g.Age, to, b.up[to])
	}
	frame := *g
	b.sent = append(b.sent, sent{to, &frame})
}
func (b *bench) Dial(d Dial) { b.dials = append(b.dials, d) }
func (b *bench) Close(l ident.Link, _ hyparview.Reason) {
	if !b.open[l] {
		b.t.Fatalf("link %d is closed and was not open", l)
	}
	delete(b.open, l)
}
func (b *bench) Resolve(seed string) { b.seeds = append(b.seeds, seed) }
func (b *bench) PeerUp(c hyparview.Conn) {
	if b.up[c.Link] || !b.open[c.Link] {
		b.t.Fatalf("link %d is a neighbour twice, or not open", c.Link)
	}
	b.up[c.Link] = true
}
func (b *bench) PeerDown(c hyparview.Conn, _ hyparview.Reason) {
	if !b.up[c.Link] {
		b.t.Fatalf("link %d was no neighbour", c.Link)
	}
	delete(b.up, c.Link)
}
func (b *bench) Deliver(e *plumtree.Event) {
	if e.Seq <= b.heard[e.Origin] || e.Origin == b.self {
		b.t.Fatalf("event %d of %v after %d", e.Seq, e.Origin, b.heard[e.Origin])
	}
	b.heard[e.Origin] = e.Seq + uint64(e.Count) - 1
}
func (b *bench) Gap(plumtree.Range)                           {}
func (b *bench) Refused(hyparview.Conn, plumtree.Range, bool) { b.refused++ }
func (b *bench) Conflict(c Conflict)                          { b.conflicts = append(b.conflicts, c) }
func (b *bench) Notify(n netsplit.Notice)                     { b.told = append(b.told, n) }
func (b *bench) Added(uint64, error)                          { b.added++ }
func (b *bench) ShutOut([]hyparview.Attempt)                  { b.shutOut++ }
func (b *bench) Digests(uint64, []census.Digest)              { b.tells++ }
func (b *bench) Counted(uint64, uint64, bool)                 { b.counts++ }

func (b *bench) get(l ident.Link, m frame.Message) { b.Handle(b.now, l, m, b) }

// linkUp reports a link to the machine. If d is not nil, the link is the answer to that
// dial; otherwise it was accepted.
func (b *bench) linkUp(c hyparview.Conn, d *Dial) ident.Link {
	b.last++
	c.Link = b.last
	if d != nil {
		c.Dialled = d.Addr
	}
	b.open[c.Link] = true
	b.LinkUp(b.now, c, d, b)
	return c.Link
}

// joins makes a node dial the machine and become its neighbour.
func (b *bench) joins(n int) ident.Link {
	b.t.Helper()
	l := b.linkUp(hyparview.Conn{Peer: ident.Origin{ID: nodeID(n), Epoch: 1}, Addr: addr(n)}, nil)
	b.get(l, &hyparview.Join{})
	if !b.up[l] {
		b.t.Fatalf("node %d was not accepted", n)
	}
	return l
}

// ends ends a link.
func (b *bench) ends(l ident.Link) {
	if b.open[l] {
		delete(b.open, l)
		b.LinkDown(b.now, l, hyparview.ReasonNone, errNobody, b)
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

// dialled removes the recorded dial of a node's address and returns it, or nil.
func (b *bench) dialled(n int, probe bool) *Dial {
	for i, d := range b.dials {
		if d.Addr == addr(n) && d.Probe == probe {
			b.dials = append(b.dials[:i], b.dials[i+1:]...)
			return &d
		}
	}
	return nil
}

// awaitDial advances the time until the machine dials a node's address. Meanwhile all
// neighbours answer, and dials of other addresses fail.
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
				b.get(l+1, &hyparview.Pong{})
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
