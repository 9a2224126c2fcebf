package overlay

import (
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/frame"
	"github.com/smokesignal-go/smokesignal/internal/hyparview"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
)

// treePart is the machine, with the methods of the broadcast's Part and Out.
type treePart Machine

// maxRefused is how many frames with a false signature a neighbour may send before its
// link ends. In a network whose nodes all have the same options, the first such frame
// proves an attack. A few more are accepted, so that a node with other options writes
// some lines to its log before it loses the link.
const maxRefused = 3

// maxStrikes limits the number of ids for which such frames are counted.
const maxStrikes = 1024

// strikes counts the frames with a false signature by the id that sent them. If the table
// is full, the oldest of the ids with the fewest frames is dropped.
type strikes []strike

type strike struct {
	id     ident.ID
	frames int
}

// add counts a frame of an id, and returns how many were counted.
func (s *strikes) add(id ident.ID) int {
	list := *s
	if i := slices.IndexFunc(list, func(x strike) bool { return x.id == id }); i >= 0 {
		list[i].frames++
		return list[i].frames
	}
	if len(list) >= maxStrikes {
		fewest := 0
		for i, x := range list {
			if x.frames < list[fewest].frames {
				fewest = i
			}
		}
		list = slices.Delete(list, fewest, fewest+1)
	}
	*s = append(list, strike{id, 1})
	return 1
}

// verifyCost is the number of bytes that flow control adds to the length of an event that
// is verified. In the time that it takes to verify one event, a node could forward about
// that many bytes. A guess.
const verifyCost = 2 << 10

// LinkUp implements Part.
func (p *treePart) LinkUp(now time.Time, c hyparview.Conn, _ Out) {
	p.tree.LinkUp(now, c.Link, plumtree.Source{ID: c.Peer.ID, Group: p.members.Source(c)}, p)
}

// LinkDown implements Part. A node that has left still takes the events that were in
// flight to it, so its tree keeps the link.
func (p *treePart) LinkDown(now time.Time, id ident.Link, _ Out) {
	if !p.hasLeft {
		p.tree.LinkDown(now, id, p)
	}
}

// Handle implements Part.
func (p *treePart) Handle(now time.Time, id ident.Link, msg frame.Message, _ Out) {
	if g, ok := msg.(*plumtree.Gossip); ok { // most frames are GOSSIP, and this test saves the call below for them
		p.tree.Handle(now, id, g, p)
	} else if msg, ok := msg.(plumtree.Message); ok {
		p.tree.Handle(now, id, msg, p)
	}
	if p.ban == id { // the tree does not use the link at this point, so it can be ended
		p.ban = 0
		(*Machine)(p).touch(forMembers)
		p.members.Ban(now, id, (*membersPart)(p))
	}
}

// Advance implements Part.
func (p *treePart) Advance(now time.Time, _ Out) { p.tree.Advance(now, p) }

// Deadline implements Part.
func (p *treePart) Deadline() (time.Time, bool) { return p.tree.Deadline() }

// Ready implements plumtree.Out.
func (p *treePart) Ready(to ident.Link) { p.out.Ready(to) }

// Push implements plumtree.Out.
func (p *treePart) Push(to ident.Link, g *plumtree.Gossip) {
	if c := (*Machine)(p).conn(to); c != nil {
		c.said = p.now
	}
	p.out.Push(to, g)
}

// Send implements plumtree.Out.
func (p *treePart) Send(to ident.Link, msg plumtree.Message) { p.out.Send(to, msg) }

// Deliver implements plumtree.Out.
func (p *treePart) Deliver(e *plumtree.Event) { p.out.Deliver(e) }

// Gap implements plumtree.Out.
func (p *treePart) Gap(missing plumtree.Range) { p.out.Gap(missing) }

// Refused implements plumtree.Out.
func (p *treePart) Refused(from ident.Link, events plumtree.Range) {
	c := (*Machine)(p).conn(from)
	banned := p.strikes.add(c.Peer.ID) >= maxRefused
	if banned {
		p.ban = from
	}
	p.out.Refused(c.Conn, events, banned)
}

// WantsVerdict reports whether the tree wants a verdict on the events of g: see
// [plumtree.Tree.WantsVerdict].
func (m *Machine) WantsVerdict(id ident.Link, g *plumtree.Gossip) bool {
	return m.tree.WantsVerdict(id, g)
}

// Emit broadcasts an event and returns its number. The body is copied.
func (m *Machine) Emit(now time.Time, body []byte, out Out) uint64 {
	m.begin(now, forTree, out)
	m.pacer.Charge(now, len(body)+m.verifyCost)
	return m.tree.Emit(now, body, (*treePart)(m))
}

// Fill pushes about room bytes of the events that wait for a link, and reports whether
// more are waiting.
func (m *Machine) Fill(now time.Time, id ident.Link, room int, out Out) (more bool) {
	m.begin(now, 0, out)
	return m.tree.Fill(now, id, room, (*treePart)(m))
}

// IsShort reports whether this node misses events that it is not likely to get soon.
func (m *Machine) IsShort(now time.Time) bool { return m.tree.IsShort(now) }

// Lag returns how many bytes of events wait to be pushed on a link.
func (m *Machine) Lag(id ident.Link) int { return m.tree.Lag(id) }

// Emitted returns the number of events that this node has emitted.
func (m *Machine) Emitted() uint64 { return m.tree.Emitted() }

// FirstHeld returns the number of this node's oldest event that is still in the history.
// If there is none, it returns the number of the next event.
func (m *Machine) FirstHeld() uint64 { return m.tree.FirstHeld() }

// Eager iterates over the links on which events are pushed.
func (m *Machine) Eager(yield func(ident.Link) bool) { m.tree.Eager(yield) }

// Heard returns the events that were delivered, for the Tree.Heard of the next run of
// this node in the same process.
func (m *Machine) Heard() []plumtree.Range { return m.tree.Heard() }

// Rewind makes the tree deliver events that were emitted before this node's start; see
// [plumtree.Tree.Rewind].
func (m *Machine) Rewind(d time.Duration) { m.tree.Rewind(d) }

// Since returns events that the history holds; see [plumtree.Tree.Since].
func (m *Machine) Since(now time.Time, d time.Duration) []*plumtree.Event {
	return m.tree.Since(now, d)
}

// HistoryBytes returns the size of the history, counted as its bound counts it.
func (m *Machine) HistoryBytes() int { return m.tree.HistoryBytes() }

// Stats returns the counters of the broadcast.
func (m *Machine) Stats() plumtree.Stats { return m.tree.Stats }
