package hyparview

import (
	"fmt"
	"testing"

	"github.com/smokesignal-go/smokesignal/ident"
)

// pair is two Memberships and the network between them. The test chooses the order of
// all events.
type pair struct {
	ends  [2]*end
	wires []*wire // in the order of the dials
	steps []int   // the choice at each step
	width []int   // number of possible choices at each step
	begin [2]bool // the program of each side has made its call
	start func(p *pair, e *end)
	log   []string
}

// end is one node and the Out of its Membership.
type end struct {
	*Membership
	p     *pair
	index int
	up    []ident.Link
	downs int
	added []error
}

// wire is one connection. Each side has a queue of events that it has not processed
// yet.
type wire struct {
	dialler int
	queue   [2][]func()
	names   [2][]string
	open    [2]bool
}

func newPair(lowerFirst bool, start func(p *pair, e *end)) *pair {
	p := &pair{start: start}
	for i := range p.ends {
		id := ident.ID{byte(1 + i)}
		if !lowerFirst {
			id[0] = byte(2 - i)
		}
		p.ends[i] = &end{p: p, index: i}
		p.ends[i].Membership = New(Config{
			Self: Contact{id, addr(i)}, MinPeers: 1, MaxPeers: 3, Rand: newRand(uint64(i)),
		})
		p.ends[i].Start(birth, p.ends[i])
	}
	return p
}

func (p *pair) note(format string, args ...any) { p.log = append(p.log, fmt.Sprintf(format, args...)) }

// tell queues an event for one side of a wire.
func (w *wire) tell(side int, name string, do func()) {
	w.queue[side] = append(w.queue[side], do)
	w.names[side] = append(w.names[side], name)
}

func (e *end) Dial(addr string) {
	w := &wire{dialler: e.index, open: [2]bool{true, true}}
	e.p.wires = append(e.p.wires, w)
	link := ident.Link(len(e.p.wires))
	for side := range 2 {
		it, other := e.p.ends[side], e.p.ends[1-side]
		c := Conn{Link: link, Peer: ident.Origin{ID: other.cfg.Self.ID, Epoch: 1}, Addr: other.cfg.Self.Addr}
		if side == e.index {
			c.Dialled = addr
		}
		w.tell(side, "link up", func() { it.LinkUp(birth, c, it) })
	}
}

func (e *end) Send(l ident.Link, m Message) {
	w, it := e.p.wires[l-1], e.p.ends[1-e.index]
	w.tell(it.index, fmt.Sprintf("%T", m), func() { it.Handle(birth, l, m, it) })
}

func (e *end) Close(l ident.Link, why Reason) {
	w, it := e.p.wires[l-1], e.p.ends[1-e.index]
	w.open[e.index] = false
	w.tell(it.index, "end of link", func() { it.LinkDown(birth, l, ReasonNone, it) })
}

func (e *end) Up(l ident.Link) { e.up = append(e.up, l) }

func (e *end) Down(ident.Link, Reason)      { e.downs++ }
func (e *end) Twin(Conn, string, bool)      {}
func (e *end) Added(token uint64, e2 error) { e.added = append(e.added, e2) }
func (e *end) ShutOut([]Attempt)            {}

// run processes all events in the order that the choices determine. If no choice is left,
// the first event comes first.
func (p *pair) run(choices []int) {
	for {
		var can []func()
		for i := range p.ends {
			if !p.begin[i] {
				can = append(can, func() {
					p.note("node %d begins", i)
					p.begin[i] = true
					p.start(p, p.ends[i])
				})
			}
		}
		for n, w := range p.wires {
			for side := range 2 {
				if len(w.queue[side]) > 0 {
					can = append(can, func() {
						do, name := w.queue[side][0], w.names[side][0]
						w.queue[side], w.names[side] = w.queue[side][1:], w.names[side][1:]
						if w.open[side] {
							p.note("link %d tells node %d: %s", n+1, side, name)
							do()
						}
					})
				}
			}
		}
		if len(can) == 0 {
			return
		}
		choice := 0
		if len(p.steps) < len(choices) {
			choice = choices[len(p.steps)]
		}
		p.steps, p.width = append(p.steps, choice), append(p.width, len(can))
		can[choice]()
	}
}

// Two nodes dial each other at once, and the two ends process the events in any order.
// One link remains, the same at both ends, and no event on it is lost. Both programs that
// asked for a link get a success.
func TestTieBreakInEveryInterleaving(t *testing.T) {
	for name, start := range map[string]func(p *pair, e *end){
		"both programs add": func(p *pair, e *end) { e.Add(birth, addr(1-e.index), 1, e) },
		"both join": func(p *pair, e *end) {
			e.SetSeeds(birth, []string{addr(1 - e.index)}, e)
		},
		"one adds and one joins": func(p *pair, e *end) {
			if e.index == 0 {
				e.Add(birth, addr(1), 1, e)
			} else {
				e.SetSeeds(birth, []string{addr(0)}, e)
			}
		},
	} {
		for _, lowerFirst := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, the first is the lower: %v", name, lowerFirst), func(t *testing.T) {
				runs := 0
				for choices := []int{}; choices != nil; runs++ {
					p := newPair(lowerFirst, start)
					p.run(choices)
					if fault := p.fault(); fault != "" {
						for _, line := range p.log {
							t.Log(line)
						}
						t.Fatalf("order %v: %s", p.steps, fault)
					}
					choices = p.next()
				}
				if runs < 100 {
					t.Errorf("only %d orders", runs)
				}
				t.Logf("%d orders", runs)
			})
		}
	}
}

// next returns the sequence of choices after the present one, or nil after the last.
func (p *pair) next() []int {
	for i := len(p.steps) - 1; i >= 0; i-- {
		if p.steps[i]+1 < p.width[i] {
			return append(append([]int{}, p.steps[:i]...), p.steps[i]+1)
		}
	}
	return nil
}

func (p *pair) fault() string {
	for i, e := range p.ends {
		switch {
		case len(e.active) != 1:
			return fmt.Sprintf("node %d has %d neighbours", i, len(e.active))
		case len(e.up) != 1 || e.downs != 0:
			return fmt.Sprintf("node %d gained %v and lost %d", i, e.up, e.downs)
		case len(e.waiting)+len(e.dials)+len(e.adds) > 0:
			return fmt.Sprintf("node %d still waits: %d links, %d dials, %d adds", i, len(e.waiting), len(e.Membership.dials), len(e.adds))
		}
		for _, err := range e.added {
			if err != nil {
				return fmt.Sprintf("node %d was told %v", i, err)
			}
		}
	}
	if a, b := p.ends[0].up[0], p.ends[1].up[0]; a != b {
		return fmt.Sprintf("they keep different links, %d and %d", a, b)
	}
	for n, w := range p.wires {
		if open := w.open[0] && w.open[1]; open != (ident.Link(n+1) == p.ends[0].up[0]) {
			return fmt.Sprintf("link %d is open: %v", n+1, open)
		}
	}
	return ""
}
