package flowcontrol

import (
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// mesh is a network of Pacers. Its frames take no time.
type mesh struct {
	now    time.Time
	nodes  []*Pacer
	ways   map[way]way // from one end of a link to the other end
	queue  []parcel
	frames int
	heard  []int // number of SLOWs that reached each node
}

type way struct {
	node int
	link ident.Link
}

type parcel struct {
	at way
	m  Message
}

// newMesh makes n nodes and links each pair for which linked returns true.
func newMesh(n int, linked func(a, b int) bool) *mesh {
	w := &mesh{now: birth, ways: make(map[way]way), heard: make([]int, n)}
	for i := range n {
		w.nodes = append(w.nodes, New(origin(i)))
	}
	last := ident.Link(0)
	for a := range n {
		for b := range a {
			if linked(a, b) {
				last += 2
				w.ways[way{a, last}], w.ways[way{b, last + 1}] = way{b, last + 1}, way{a, last}
				w.nodes[a].LinkUp(last)
				w.nodes[b].LinkUp(last + 1)
			}
		}
	}
	return w
}

// outlet is the Out of one node.
type outlet struct {
	mesh *mesh
	node int
}

func (o outlet) Send(to ident.Link, m Message) {
	o.mesh.frames++
	o.mesh.queue = append(o.mesh.queue, parcel{o.mesh.ways[way{o.node, to}], m})
}

// throttle calls Throttle on one node and delivers frames until none is left.
func (w *mesh) throttle(t *testing.T, node int, stop time.Duration) {
	w.nodes[node].Throttle(w.now, stop, outlet{w, node})
	for moved := 0; len(w.queue) > 0; moved++ {
		if moved > 1_000_000 {
			t.Fatal("a SLOW goes round and round")
		}
		p := w.queue[0]
		w.queue = w.queue[1:]
		w.heard[p.at.node]++
		w.nodes[p.at.node].Handle(w.now, p.at.link, p.m, outlet{w, p.at.node})
	}
}

func ring(n int) *mesh {
	return newMesh(n, func(a, b int) bool { return a-b == 1 || a-b == n-1 })
}

func clique(n int) *mesh { return newMesh(n, func(a, b int) bool { return true }) }

// A SLOW reaches every node. It crosses each link once, or once per direction if both
// ends send it at the same time, and never circles.
func TestASlowIsFloodedOnce(t *testing.T) {
	const n = 20
	for name, w := range map[string]*mesh{"ring": ring(n), "clique": clique(n)} {
		t.Run(name, func(t *testing.T) {
			links := len(w.ways) / 2
			for _, stop := range []time.Duration{0, MostStop} {
				w.frames = 0
				clear(w.heard)
				w.throttle(t, 3, stop)
				if w.frames < n-1 || w.frames > 2*links-(n-1) {
					t.Errorf("%d frames on %d links", w.frames, links)
				}
				for i, heard := range w.heard {
					if i != 3 && heard == 0 {
						t.Errorf("node %d has heard nothing", i)
					}
				}
				w.now = w.now.Add(time.Second)
			}
		})
	}
}

// All nodes are behind and call Throttle after every frame. The number of frames is
// bounded: each node forwards one SLOW per gap.
func TestAllPressAtOnce(t *testing.T) {
	const lasts = time.Second
	for name, w := range map[string]*mesh{"ring": ring(20), "clique": clique(20)} {
		for _, test := range []struct{ stop, gap time.Duration }{{0, every}, {MostStop, MostStop / 2}} {
			w.frames = 0
			for range lasts / time.Millisecond {
				for node := range w.nodes {
					w.throttle(t, node, test.stop)
				}
				w.now = w.now.Add(time.Millisecond)
			}
			if most := len(w.ways) * int(lasts/test.gap+1); w.frames == 0 || w.frames > most {
				t.Errorf("%s, stop %v: %d frames, want %d at most", name, test.stop, w.frames, most)
			}
			w.now = w.now.Add(time.Minute)
		}
	}
}

// A SLOW is sent neither back on the link that it came on nor on a link that has ended.
func TestASlowDoesNotGoBack(t *testing.T) {
	e := newEmitter(t)
	for l := range ident.Link(4) {
		e.LinkUp(l + 1)
	}
	e.LinkDown(3)
	e.hear(1, 0)
	if len(e.sent) != 2 || e.sent[0] != 2 || e.sent[1] != 4 {
		t.Errorf("passed on to %v, want 2 and 4", e.sent)
	}
}
