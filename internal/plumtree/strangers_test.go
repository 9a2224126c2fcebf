package plumtree

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// mesh is a set of honest nodes with links between them, and the frames on these links.
// Any other link of a node leads to a stranger, whose frames the test writes.
type mesh struct {
	nodes  []*bench
	across []map[ident.Link]int // for each node and link, the node at the other end
	sent   map[[2]int]int       // ranges that one node has sent to another within a short time; a frame counts as eight
	most   int                  // the highest value of sent
	frames int
}

// These constants are the number of ranges that a receiver accepts before it treats them
// as a flood.
const (
	floodAtOnce    = 160_000
	floodPerSecond = 16_000
)

func newTown(t *testing.T, n int) *mesh {
	w := &mesh{sent: make(map[[2]int]int)}
	for i := range n {
		b := newBench(t, Config{})
		cfg := b.cfg
		cfg.Self = ident.Origin{ID: ident.ID{0xaa, byte(i)}, Epoch: 1}
		b.Tree = NewTree(birth, cfg)
		w.nodes = append(w.nodes, b)
		w.across = append(w.across, make(map[ident.Link]int))
	}
	for i := range n - 1 { // the nodes form a line
		id := ident.Link(1000 + i)
		w.across[i][id], w.across[i+1][id] = i+1, i
		w.nodes[i].LinkUp(birth, id, peerOn(id), w.nodes[i])
		w.nodes[i+1].LinkUp(birth, id, peerOn(id), w.nodes[i+1])
	}
	w.move()
	return w
}

// move delivers frames to their other end, and returns those for strangers.
func (w *mesh) move() (toStrangers []Message) {
	for busy := true; busy; {
		busy = false
		for i, b := range w.nodes {
			b.fill()
			list := b.sent
			b.sent = nil
			for _, s := range list {
				j, ok := w.across[i][s.to]
				if !ok {
					toStrangers = append(toStrangers, s.msg)
					continue
				}
				busy = true
				switch m := s.msg.(type) {
				case *IHave:
					w.sent[[2]int{i, j}] += 8 + len(m.Ranges)
					w.frames++
				case *Graft:
					w.sent[[2]int{i, j}] += 8 + len(m.Ranges)
					w.frames++
				case *Miss:
					w.frames++
				}
				w.most = max(w.most, w.sent[[2]int{i, j}])
				w.nodes[j].Handle(w.nodes[j].now, s.to, s.msg, w.nodes[j])
			}
		}
	}
	return toStrangers
}

func (w *mesh) pass(d time.Duration) (toStrangers []Message) {
	const step = 10 * time.Millisecond
	for range int(d / step) {
		for _, b := range w.nodes {
			b.now = b.now.Add(step)
			if at, ok := b.Deadline(); ok && !at.After(b.now) {
				b.Advance(b.now, b)
			}
		}
		for link := range w.sent { // order does not matter
			w.sent[link] = max(w.sent[link]-int(floodPerSecond*step/time.Second), 0)
		}
		toStrangers = append(toStrangers, w.move()...)
	}
	return toStrangers
}

// An attacker emits under many names and leaves out every other event. Honest nodes
// request the missing events, and do not treat each other as attackers.
func TestHolesDoNotPartHonestNodes(t *testing.T) {
	w := newTown(t, 2)
	w.nodes[0].up(7)
	for n := range uint64(500) {
		o := ident.Origin{Epoch: 7}
		binary.BigEndian.PutUint64(o.ID[2:], n+1)
		for k := range uint64(128) {
			w.nodes[0].get(7, gossip(o, 2*k+2, 1))
		}
		if n%10 == 9 {
			w.pass(20 * time.Millisecond)
		}
	}
	w.pass(30 * time.Second)
	if w.most > floodAtOnce {
		t.Errorf("%d ranges and more went over a link at one time; %d are the most", w.most, floodAtOnce)
	}
}

// Replies say that invented origins are older than any node. The node remembers a few
// of them, forwards none, and forgets no origin that it has heard.
func TestInventedOldOriginsGoNowhere(t *testing.T) {
	w := newTown(t, 4)
	a := origin(1)
	w.nodes[3].up(8)
	w.nodes[3].gossip(8, a, 1, 2, 3)
	w.move()
	w.nodes[0].up(7)
	w.pass(10 * time.Minute)
	before := w.frames
	for n := range uint64(70) {
		w.nodes[0].Handle(w.nodes[0].now, 7, invented(1000*n), w.nodes[0])
		for _, m := range w.pass(150 * time.Millisecond) {
			if g, ok := m.(*Graft); ok {
				for _, r := range g.Ranges {
					w.nodes[0].Handle(w.nodes[0].now, 7, &Miss{r, Gone, maxAge}, w.nodes[0])
				}
			}
		}
	}
	w.pass(10 * time.Second)
	for i, b := range w.nodes {
		most := 3
		if i == 0 {
			most += goneClaimsAtOnce + 15*goneClaimsPerSecond
		}
		if n := len(b.order); n > most || b.streams.find(a) == nil {
			t.Errorf("node %d remembers %d origins, the honest one among them: %v", i, n, b.streams.find(a) != nil)
		}
		b.delivered = nil
		b.gossip(8, a, 1, 2, 3)
		b.wantDelivered(a)
	}
	if n := w.frames - before; n > 100 {
		t.Errorf("honest nodes told each other of it in %d frames", n)
	}
}

// A peer can request events that are too old at no cost to itself. So the scan that finds
// how many of them are too old is bounded, whatever the number of requests.
func TestPullsOfWhatIsTooOldAreCheap(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2)
	a := origin(1)
	for seq := uint64(1); seq <= 20_000; seq++ {
		b.gossip(1, a, seq)
	}
	b.pass(3 * time.Second) // older than askSlack
	b.forget()
	b.get(2, &Graft{Ranges: []Range{{a, 1, 2}, {a, 1, 2}}})
	for _, m := range b.take(2) {
		if m, ok := m.(*Miss); !ok || m.Range.To > maxRanges+2 {
			t.Errorf("it looked as far as %d: %v", m.Range.To, ok)
		}
	}
}

// False claims about known origins cause requests only to the claimant.
func TestLiesAboutKnownOriginsBotherNobodyElse(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2, 3, 4, 5)
	var list []Range
	for n := range uint64(maxRanges) {
		o := ident.Origin{Epoch: 1}
		binary.BigEndian.PutUint64(o.ID[8:], n+1)
		b.gossip(1, o, 1)
		list = append(list, Range{o, 2, 3})
	}
	b.pass(time.Minute)
	b.forget()
	b.get(2, &IHave{Ranges: list}) // and neighbour 2 never answers
	b.pass(time.Minute)
	b.fill()
	for _, s := range b.sent {
		if _, ok := s.msg.(*Graft); ok && s.to != 2 {
			t.Fatalf("neighbour %d was asked", s.to)
		}
	}
	if len(b.repairs) > 0 {
		t.Error("it is still looked for")
	}
}

// Neighbours that lie and never answer do not suppress the announcements of an honest
// neighbour.
func TestSilentLiarsKeepNobodyOut(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2, 3, 4, 5)
	for l := ident.Link(1); l <= 4; l++ {
		for n := range uint64(5) {
			b.get(l, invented(1e6*uint64(l)+1000*n))
		}
	}
	b.forget()
	a := origin(1)
	b.get(5, &IHave{Ranges: []Range{{a, 1, 4}}, Sync: true}) // the honest neighbour announces them only once
	b.want(b.take(5), graft(Range{a, 1, 4}))
}
