package plumtree

import (
	"encoding/binary"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/smokesignal-go/smokesignal/internal/ident"
)

type xend struct{ node, peer int; link ident.Link }

type xnet struct {
	t     *testing.T
	nodes []*bench
	ends  map[[2]int]ident.Link // from node, to node
	back  map[int]map[ident.Link]int
	lim   map[[2]int]*rate.Limiter
	broke map[[2]int]time.Duration
	parts map[[2]int]int
	graft, miss, ihave int
}

func newXnet(t *testing.T, n int, cfg Config) *xnet {
	x := &xnet{t: t, ends: map[[2]int]ident.Link{}, back: map[int]map[ident.Link]int{}, lim: map[[2]int]*rate.Limiter{}, broke: map[[2]int]time.Duration{}, parts: map[[2]int]int{}}
	for i := range n {
		b := newBench(t, cfg)
		c := b.cfg
		c.Self = ident.Origin{ID: ident.ID{0xaa, byte(i)}, Epoch: 1}
		b.Tree = NewTree(birth, c)
		x.nodes = append(x.nodes, b)
		x.back[i] = map[ident.Link]int{}
	}
	return x
}

func (x *xnet) connect(i, j int) {
	id := ident.Link(1000 + len(x.ends))
	x.ends[[2]int{i, j}], x.ends[[2]int{j, i}] = id, id
	x.back[i][id], x.back[j][id] = j, i
	for _, p := range [][2]int{{i, j}, {j, i}} {
		x.lim[p] = rate.NewLimiter(16000, 160000)
	}
	x.nodes[i].LinkUp(x.nodes[i].now, id, x.nodes[i])
	x.nodes[j].LinkUp(x.nodes[j].now, id, x.nodes[j])
}

func xburden(m Message) int {
	switch m := m.(type) {
	case *Gossip:
		return 0
	case *IHave:
		return 8 + len(m.Ranges)
	case *Graft:
		return 8 + len(m.Ranges)
	case *Miss:
		return 1
	}
	return 8
}

// move carries what was sent; to outside links it is dropped.
func (x *xnet) move() {
	for busy := true; busy; {
		busy = false
		for i, b := range x.nodes {
			b.fill()
			list := b.sent
			b.sent = nil
			for _, s := range list {
				j, ok := x.back[i][s.to]
				if !ok {
					continue
				}
				busy = true
				n := xburden(s.msg)
				p := [2]int{i, j}
				x.parts[p] += n
				if !x.lim[p].AllowN(b.now, n) {
					if _, ok := x.broke[p]; !ok {
						x.broke[p] = b.now.Sub(birth)
					}
				}
				switch s.msg.(type) {
				case *Graft:
					x.graft++
				case *Miss:
					x.miss++
				case *IHave:
					x.ihave++
				}
				x.nodes[j].Handle(x.nodes[j].now, s.to, s.msg, x.nodes[j])
			}
		}
	}
}

func (x *xnet) pass(d time.Duration) {
	for range int(d / (10 * time.Millisecond)) {
		for _, b := range x.nodes {
			b.now = b.now.Add(10 * time.Millisecond)
			for {
				at, ok := b.Deadline()
				if !ok || at.After(b.now) {
					break
				}
				b.Advance(b.now, b)
				b.fill()
			}
		}
		x.move()
	}
}

// Two honest nodes, one liar at each; events with holes.
func TestXHolesMakeHonestNodesDropEachOther(t *testing.T) {
	x := newXnet(t, 2, Config{})
	x.connect(0, 1)
	x.nodes[0].up(7)
	x.move()
	x.pass(time.Second)
	const origins, holes = 500, 128
	bytes := 0
	for n := range uint64(origins) {
		o := ident.Origin{Epoch: 7}
		binary.BigEndian.PutUint64(o.ID[2:], n+1)
		for k := range uint64(holes) {
			g := gossip(o, 2*k+2, 1)
			bytes += len(g.Body) + 40
			x.nodes[0].get(7, g)
		}
		if n%10 == 9 {
			x.pass(20 * time.Millisecond)
		}
	}
	for range 30 {
		x.pass(time.Second)
	}
	t.Logf("about %d kB of events; frames: GRAFT %d MISS %d IHAVE %d; parts %v; over the limit after %v", bytes/1000, x.graft, x.miss, x.ihave, x.parts, x.broke)
	if len(x.broke) > 0 {
		t.Error("honest nodes drop each other")
	}
}

// A link comes up between honest nodes, one of which has a history in pieces.
func TestXAHistoryInPieces(t *testing.T) {
	for _, mib := range []int{16, 64} {
		x := newXnet(t, 2, Config{HistoryBytes: mib << 20})
		x.nodes[0].up(7)
		per := uint64(mib) * 1600
		for n := range uint64(4) {
			o := ident.Origin{Epoch: 7}
			binary.BigEndian.PutUint64(o.ID[2:], n+1)
			for k := range per {
				x.nodes[0].get(7, gossip(o, 2*k+2, 1))
				if k%1000 == 0 {
					x.nodes[0].forget()
				}
			}
		}
		x.nodes[0].forget()
		x.nodes[0].delivered = nil
		x.connect(0, 1)
		x.move()
		x.pass(2 * time.Second)
		t.Logf("history of %d MiB: parts %v; over the limit after %v", mib, x.parts, x.broke)
	}
}

// Invented old origins, in a line of nodes: how far do they get?
func TestXInventedOldOriginsSpread(t *testing.T) {
	x := newXnet(t, 6, Config{})
	for i := range 5 {
		x.connect(i, i+1)
	}
	x.move()
	a := origin(1)
	x.nodes[5].up(8)
	x.nodes[5].gossip(8, a, 1, 2, 3)
	x.move()
	x.nodes[0].up(7)
	x.pass(10 * time.Minute)
	before := x.graft + x.miss + x.ihave
	lie := 0
	for n := range uint64(70) {
		b := x.nodes[0]
		b.Handle(b.now, 7, invented(1000*n), b)
		for range 15 {
			for _, b := range x.nodes {
				b.now = b.now.Add(10 * time.Millisecond)
				if at, ok := b.Deadline(); ok && !at.After(b.now) {
					b.Advance(b.now, b)
				}
			}
			b.fill()
			for _, s := range b.sent {
				if g, ok := s.msg.(*Graft); ok && s.to == 7 {
					for _, r := range g.Ranges {
						lie++
						b.Handle(b.now, 7, &Miss{r, Gone, maxAge}, b)
					}
				}
			}
			x.move()
		}
	}
	x.pass(10 * time.Second)
	for i, b := range x.nodes {
		t.Logf("node %d remembers %d origins; a: %v", i, len(b.order), b.streams.find(a) != nil)
	}
	t.Logf("%d lies, %d frames among honest nodes; over the limit: %v", lie, x.graft+x.miss+x.ihave-before, x.broke)
	last := x.nodes[5]
	last.gossip(8, a, 1, 2, 3)
	last.wantDelivered(a, 1, 2, 3)
}
