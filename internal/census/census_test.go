package census

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

var birth = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// world holds nodes and the links between them. Both ends of a link use the same
// number.
type world struct {
	t     *testing.T
	rng   *rand.Rand
	now   time.Time
	nodes []*node
	ends  [][2]int // indexed by link - 1
	queue []sentFrame
	watch func(sentFrame) // called for each delivered frame; may be nil
}

type sentFrame struct {
	to   int
	link ident.Link
	msg  Message
}

// node is one Census and its Out.
type node struct {
	*Census
	w        *world
	index    int
	dead     bool // ignores frames
	counted  map[uint64]uint64
	complete map[uint64]bool
	told     map[uint64][]Digest
}

func newWorld(t *testing.T, n int, seed uint64) *world {
	w := &world{t: t, rng: rand.New(rand.NewPCG(seed, 1)), now: birth}
	for i := range n {
		w.nodes = append(w.nodes, &node{
			w: w, index: i, counted: map[uint64]uint64{}, complete: map[uint64]bool{}, told: map[uint64][]Digest{},
		})
		self := ident.Origin{ID: ident.ID{byte(i >> 8), byte(i)}, Epoch: 7}
		w.nodes[i].Census = New(self, func() Digest { return Digest{Node: self, Known: uint64(i)} })
	}
	return w
}

func (w *world) link(a, b int) ident.Link {
	w.ends = append(w.ends, [2]int{a, b})
	id := ident.Link(len(w.ends))
	w.nodes[a].LinkUp(id)
	w.nodes[b].LinkUp(id)
	return id
}

func (n *node) Send(l ident.Link, m Message) {
	ends := n.w.ends[l-1]
	to := ends[0]
	if to == n.index {
		to = ends[1]
	}
	n.w.queue = append(n.w.queue, sentFrame{to, l, m})
}

func (n *node) Digests(token uint64, digests []Digest) {
	if _, over := n.counted[token]; over {
		n.w.t.Fatalf("count %d of node %d is over, and somebody tells", token, n.index)
	}
	n.told[token] = append(n.told[token], digests...)
}

func (n *node) Counted(token, nodes uint64, complete bool) {
	if _, twice := n.counted[token]; twice {
		n.w.t.Fatalf("count %d of node %d ends twice", token, n.index)
	}
	n.counted[token], n.complete[token] = nodes, complete
}

// settle delivers all frames. The order between links is random.
func (w *world) settle() {
	for len(w.queue) > 0 {
		at := w.rng.IntN(len(w.queue))
		f := w.queue[at]
		// Frames of one link stay in order in each direction.
		at = slices.IndexFunc(w.queue, func(x sentFrame) bool { return x.link == f.link && x.to == f.to })
		f = w.queue[at]
		w.queue = slices.Delete(w.queue, at, at+1)
		if w.watch != nil {
			w.watch(f)
		}
		if n := w.nodes[f.to]; !n.dead {
			n.Handle(w.now, f.link, f.msg, n)
		}
	}
}

func (w *world) pass(d time.Duration) {
	for end := w.now.Add(d); w.now.Before(end); {
		w.now = w.now.Add(10 * time.Millisecond)
		for _, n := range w.nodes {
			if at, ok := n.Deadline(); ok && !at.After(w.now) && !n.dead {
				n.Advance(w.now, n)
			}
		}
		w.settle()
	}
}

func (w *world) want(n int, token, nodes uint64, complete bool) {
	w.t.Helper()
	got, ok := w.nodes[n].counted[token]
	if !ok || got != nodes || w.nodes[n].complete[token] != complete {
		w.t.Fatalf("node %d counted %d, complete %v, ended %v; want %d, %v", n, got, w.nodes[n].complete[token], ok, nodes, complete)
	}
}

func (w *world) start(n int, token uint64) { w.nodes[n].Census.Start(w.now, token, w.nodes[n]) }

func line(w *world) {
	for i := range w.nodes[1:] {
		w.link(i, i+1)
	}
}

func TestCountIsExact(t *testing.T) {
	for name, shape := range map[string]func(w *world){
		"alone": func(*world) {},
		"line":  line,
		"ring": func(w *world) {
			line(w)
			w.link(len(w.nodes)-1, 0)
		},
		"full mesh": func(w *world) {
			for a := range w.nodes {
				for b := range a {
					w.link(a, b)
				}
			}
		},
		"random": func(w *world) {
			line(w)
			for range 3 * len(w.nodes) {
				if a, b := w.rng.IntN(len(w.nodes)), w.rng.IntN(len(w.nodes)); a != b {
					w.link(a, b)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(20) {
				n := 12
				if name == "alone" {
					n = 1
				}
				w := newWorld(t, n, seed)
				shape(w)
				for token := range uint64(3) {
					from := w.rng.IntN(n)
					w.start(from, token)
					w.settle()
					w.want(from, token, uint64(n), true)
				}
				// Every node sends its digest once.
				w.nodes[0].Survey(w.now, 8, w.nodes[0])
				w.settle()
				w.want(0, 8, uint64(n), true)
				w.wantDigests(0, 8, n)
				// All nodes ask at the same time.
				for i := range w.nodes {
					w.start(i, 9)
				}
				w.settle()
				for i := range w.nodes {
					w.want(i, 9, uint64(n), true)
				}
				w.pass(10 * time.Second)
				for i, x := range w.nodes {
					if len(x.queries) > 0 {
						t.Fatalf("seed %d: node %d remembers %d counts", seed, i, len(x.queries))
					}
					if _, ok := x.Deadline(); ok {
						t.Fatalf("seed %d: an idle census wants Advance", seed)
					}
				}
			}
		})
	}
}

// If a neighbour has died unnoticed, the count takes the full wait and leaves that
// neighbour out.
func TestDeadNeighborIsWaitedForInVain(t *testing.T) {
	w := newWorld(t, 6, 1)
	for i := 1; i < 6; i++ {
		w.link(0, i)
	}
	w.nodes[3].dead = true
	w.start(0, 1)
	w.settle()
	w.pass(answerIn - 20*time.Millisecond)
	if len(w.nodes[0].counted) > 0 {
		t.Fatal("it did not wait")
	}
	w.pass(20 * time.Millisecond)
	w.want(0, 1, 5, false)
}

func TestLinkThatEndsIsNotWaitedFor(t *testing.T) {
	w := newWorld(t, 4, 1)
	var last ident.Link
	for i := 1; i < 4; i++ {
		last = w.link(0, i)
	}
	w.nodes[3].dead = true
	w.start(0, 1)
	w.settle()
	w.nodes[0].LinkDown(last, w.nodes[0])
	w.want(0, 1, 3, false) // and the result says that a node may be missing
}

func TestNobodyAnswersALinkThatEnded(t *testing.T) {
	w := newWorld(t, 3, 1) // 0 - 1 - 2
	first, last := w.link(0, 1), w.link(1, 2)
	w.nodes[2].dead = true
	w.start(0, 1)
	w.settle()
	middle := w.nodes[1]
	middle.LinkDown(first, middle)
	middle.LinkDown(last, middle)
	if len(w.queue) > 0 {
		t.Errorf("sent %+v", w.queue)
	}
}

// A node that waits for a dead neighbour answers early enough for its parent to forward
// the sum.
func TestLateAnswerFromAfarStillCounts(t *testing.T) {
	w := newWorld(t, 4, 1) // 0 - 1 - 2, and 3 behind 1, dead
	w.link(0, 1)
	w.link(1, 2)
	w.link(1, 3)
	w.nodes[3].dead = true
	w.start(0, 1)
	w.settle()
	w.pass(answerIn - time.Millisecond) // just before the node that counts times out
	w.want(0, 1, 3, false)              // all live nodes, marked as incomplete
}

// The number of stored counts is bounded, and every count gets an answer.
func TestCountsThatPassThroughAreBounded(t *testing.T) {
	w := newWorld(t, 3, 1)
	w.link(0, 1)
	w.link(1, 2)
	w.nodes[2].dead = true
	w.start(1, 1) // waits for node 2
	for n := range uint64(1000) {
		w.nodes[1].Handle(w.now, 1, &Count{Query: n, Origin: ident.ID{9}}, w.nodes[1])
		if len(w.nodes[1].queries) > maxQueries {
			t.Fatalf("%d counts are remembered", len(w.nodes[1].queries))
		}
	}
	if len(w.nodes[1].counted) > 0 {
		t.Error("counts of a neighbour ended our own count")
	}
	w.pass(answerIn)
	if _, ok := w.nodes[1].counted[1]; !ok || w.nodes[1].complete[1] {
		t.Errorf("our own count: %v, complete %v", ok, w.nodes[1].complete[1])
	}
}

// One neighbour begins more counts than a node stores. It ends its own counts early, and
// none of the node or of another neighbour. Copies of these are still recognised.
func TestANeighbourEndsNoCountsOfOthers(t *testing.T) {
	w := newWorld(t, 4, 1)
	hostile, other := w.link(0, 1), w.link(1, 2)
	w.link(1, 3)
	w.nodes[3].dead = true // so that the counts stay open
	n := w.nodes[1]
	n.Handle(w.now, other, &Count{Query: 1, Origin: ident.ID{8}, Wait: answerIn}, n)
	w.start(1, 1)
	for round := range uint64(3 * maxPast / countsAtOnce) {
		for k := range uint64(countsAtOnce) {
			n.Handle(w.now, hostile, &Count{Query: round<<8 + k, Origin: ident.ID{9}, Wait: answerIn}, n)
		}
		w.queue = nil
		if round == 1 {
			if _, ended := n.counted[1]; ended || n.find(ident.ID{8}, 1) == nil || n.find(ident.ID{8}, 1).done {
				t.Fatal("a count of another node ended early")
			}
		}
		if len(n.queries) > maxQueries || len(n.order) > maxPast || len(n.past) != len(n.order) {
			t.Fatalf("%d counts are open, %d are remembered", len(n.queries), len(n.order))
		}
		w.pass(2 * time.Second)
	}
	w.queue = nil
	n.Handle(w.now, hostile, &Count{Query: 1, Origin: ident.ID{8}, Wait: answerIn}, n)
	for _, f := range w.queue {
		if _, ok := f.msg.(*Count); ok {
			t.Fatal("a late copy of a count went on")
		}
	}
}

func TestLiesAndStrangers(t *testing.T) {
	w := newWorld(t, 2, 1)
	l := w.link(0, 1)
	n := w.nodes[0]
	n.Handle(w.now, 99, &Count{Query: 1, Origin: ident.ID{9}}, n) // on an unknown link
	n.Handle(w.now, l, &CountReply{Query: 1, Origin: ident.ID{9}, Nodes: 5}, n)
	n.Handle(w.now, l, &Count{Query: 3, Origin: n.self}, n) // of an earlier life
	if len(n.queries) > 0 {
		t.Errorf("%d counts began", len(n.queries))
	}
	w.queue = nil
	w.nodes[1].dead = true
	w.start(0, 1)
	w.queue = nil
	n.Handle(w.now, l, &CountReply{Query: n.last, Origin: n.self, Nodes: 1<<64 - 1}, n)
	if got := n.counted[1]; got > maxNodes {
		t.Errorf("counted %d", got)
	}
	n.Handle(w.now, l, &CountReply{Query: n.last, Origin: n.self, Nodes: 7}, n) // a second time
	if len(n.counted) != 1 {
		t.Error("a count ended twice")
	}
}

// wantDigests checks that the digests of n nodes arrived, each once.
func (w *world) wantDigests(node int, token uint64, n int) {
	w.t.Helper()
	told := w.nodes[node].told[token]
	who := make(map[ident.Origin]uint64)
	for _, d := range told {
		who[d.Node] = d.Known
	}
	if len(told) != n || len(who) != n {
		w.t.Fatalf("node %d was told %d digests, of %d nodes; want %d", node, len(told), len(who), n)
	}
	for i, x := range w.nodes {
		if known, ok := who[ident.Origin{ID: x.self, Epoch: 7}]; ok && known != uint64(i) {
			w.t.Fatalf("node %d is said to be %d", i, known)
		}
	}
}

// The digests of live nodes arrive at once, even if another node never answers.
func TestASurveyDoesNotWaitForTheDead(t *testing.T) {
	w := newWorld(t, 4, 1) // 0 - 1 - 2, and 3 behind 1, dead
	w.link(0, 1)
	w.link(1, 2)
	w.link(1, 3)
	w.nodes[3].dead = true
	w.nodes[0].Survey(w.now, 1, w.nodes[0])
	w.settle()
	w.pass(2 * gather)
	w.wantDigests(0, 1, 3)
	if len(w.nodes[0].counted) > 0 {
		t.Error("it is over already")
	}
	w.pass(surveyIn)
	w.want(0, 1, 3, false)
}

// The digests of many nodes travel in frames that each hold a few.
func TestDigestsGoTogether(t *testing.T) {
	const n = 200
	w := newWorld(t, n, 1)
	w.link(0, 1)
	for i := 2; i < n; i++ {
		w.link(1, i) // a star with node 1 in its centre
	}
	tells := 0
	w.watch = func(f sentFrame) {
		if m, ok := f.msg.(*Tell); ok && f.to == 0 {
			tells++
			if len(m.Digests) == 0 || len(m.Digests) > MaxDigests {
				t.Errorf("a frame of %d digests", len(m.Digests))
			}
		}
	}
	w.nodes[0].Survey(w.now, 1, w.nodes[0])
	w.settle()
	w.wantDigests(0, 1, n)
	if tells > n/MaxDigests+1 {
		t.Errorf("%d frames", tells)
	}
}

// Digests that were not asked for, or exceed the number asked for, are dropped.
func TestUnwantedDigestsGoNowhere(t *testing.T) {
	w := newWorld(t, 3, 1)
	first, last := w.link(0, 1), w.link(1, 2)
	w.nodes[2].dead = true
	middle := w.nodes[1]
	middle.Handle(w.now, last, &Tell{Query: 1, Origin: ident.ID{9}, Digests: make([]Digest, 16)}, middle)
	middle.Handle(w.now, first, &Count{Query: 5, Origin: ident.ID{9}, Digests: 40, Wait: answerIn}, middle)
	w.queue = nil
	middle.Handle(w.now, first, &Tell{Query: 5, Origin: ident.ID{9}, Digests: make([]Digest, 16)}, middle) // from the parent
	for range 100 {
		middle.Handle(w.now, last, &Tell{Query: 5, Origin: ident.ID{9}, Digests: make([]Digest, 16)}, middle)
	}
	middle.Handle(w.now, last, &CountReply{Query: 5, Origin: ident.ID{9}, Nodes: 1}, middle)
	told := 0
	for _, f := range w.queue {
		if m, ok := f.msg.(*Tell); ok {
			told += len(m.Digests)
		}
	}
	if told != 40 {
		t.Errorf("%d digests went on; want 40", told)
	}
}

// Each count is flooded, so a neighbour may begin only a limited number.
func TestWhoAsksTooOftenIsTurnedAway(t *testing.T) {
	for _, digests := range []uint64{0, 1} {
		w := newWorld(t, 3, 1)
		first := w.link(0, 1)
		w.link(1, 2)
		asked := 0
		w.watch = func(f sentFrame) {
			if _, ok := f.msg.(*Count); ok && f.to == 2 {
				asked++
			}
		}
		const seconds = 10
		for n := range uint64(1000 * seconds) {
			w.nodes[1].Handle(w.now, first, &Count{Query: n, Origin: ident.ID{9}, Digests: digests}, w.nodes[1])
			w.settle()
			if n%10 == 9 {
				w.pass(10 * time.Millisecond)
			}
		}
		most := countsAtOnce + seconds*countsPerSecond
		if digests > 0 {
			most /= surveyCost
		}
		if asked > most || asked < most*9/10 {
			t.Errorf("with %d digests: %d questions went on; want %d", digests, asked, most)
		}
	}
}

// A count that was dropped to make room is recognised when a copy returns. If it were
// not, a few hundred counts would circle in the network without end.
func TestACountThatMadeRoomDoesNotComeBack(t *testing.T) {
	w := newWorld(t, 3, 1)
	first := w.link(0, 1)
	w.link(1, 2)
	w.nodes[2].dead = true
	asked := make(map[uint64]int)
	w.watch = func(f sentFrame) {
		if m, ok := f.msg.(*Count); ok && f.to == 2 {
			asked[m.Query]++
		}
	}
	for round := range 3 {
		for n := range uint64(4 * maxQueries) {
			w.nodes[1].Handle(w.now, first, &Count{Query: n, Origin: ident.ID{9}, Wait: answerIn}, w.nodes[1])
			w.settle()
			if round == 0 && n%16 == 0 {
				w.pass(time.Second / 2) // as many as the limit allows
			}
		}
	}
	for n, times := range asked {
		if times > 1 {
			t.Fatalf("count %d went on %d times", n, times)
		}
	}
	if len(asked) <= maxQueries {
		t.Errorf("only %d counts went on", len(asked))
	}
}
