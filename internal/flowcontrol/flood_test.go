package flowcontrol

import (
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// town is a network of Pacers in which frames take no time.
type town struct {
	now    time.Time
	nodes  []*Pacer
	ways   map[way]way // where a link of a node ends, and as which link
	queue  []parcel
	frames int
	heard  []int // SLOWs that reached a node
}

type way struct {
	node int
	link ident.Link
}

type parcel struct {
	at way
	m  Message
}

// found makes a town of n nodes and links those that are to be linked.
func found(n int, linked func(a, b int) bool) *town {
	w := &town{now: birth, ways: make(map[way]way), heard: make([]int, n)}
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

// outlet takes what one node sends.
type outlet struct {
	town *town
	node int
}

func (o outlet) Send(to ident.Link, m Message) {
	o.town.frames++
	o.town.queue = append(o.town.queue, parcel{o.town.ways[way{o.node, to}], m})
}

// press has one node press, and all frames come to where they go, if they ever do.
func (w *town) press(t *testing.T, node int, stop time.Duration) {
	w.nodes[node].Press(w.now, stop, outlet{w, node})
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

func ring(n int) *town {
	return found(n, func(a, b int) bool { return a-b == 1 || a-b == n-1 })
}

func clique(n int) *town { return found(n, func(a, b int) bool { return true }) }

// A SLOW comes to everybody, over each link once, or once in each direction where
// two send it to each other at once; it does not circle.
func TestASlowIsFloodedOnce(t *testing.T) {
	const n = 20
	for name, w := range map[string]*town{"ring": ring(n), "clique": clique(n)} {
		t.Run(name, func(t *testing.T) {
			links := len(w.ways) / 2
			for _, stop := range []time.Duration{0, MostStop} {
				w.frames = 0
				clear(w.heard)
				w.press(t, 3, stop)
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

// All are behind at once, and say so with every frame that they handle. That
// takes no more frames than each node's passing on of one SLOW for each gap
// between two that count.
func TestAllPressAtOnce(t *testing.T) {
	const lasts = time.Second
	for name, w := range map[string]*town{"ring": ring(20), "clique": clique(20)} {
		for _, test := range []struct{ stop, gap time.Duration }{{0, every}, {MostStop, MostStop / 2}} {
			w.frames = 0
			for range lasts / time.Millisecond {
				for node := range w.nodes {
					w.press(t, node, test.stop)
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

// It is not sent back on the link that it came on, nor on one that has ended.
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
