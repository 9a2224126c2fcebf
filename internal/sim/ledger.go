package sim

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
)

// Ledger records emitted events and their deliveries, and checks the promises of every node
// while the network runs. An event is delivered once, not at its origin, in the order of
// its origin, and not to a node that started later (unless it has a rewind). A skipped
// event must have been reported as a gap. It may arrive after all, if no later event has.
// If an origin reports an event as lost before any node took it, no node may deliver it. A
// broken promise fails the network.
//
// The ledger is cheap enough to be always on: some bytes for each node and origin.
type Ledger struct {
	net     *Net
	Sources []*Source
	byID    map[ident.Origin]int32 // look-ups only
	current []int32                // per node: the source of its life, or -1
	heard   [][]heard              // per node, per source

	Delivered uint64 // deliveries
	Missed    uint64 // events reported as gaps
	Unheard   uint64 // events that their origins reported as lost before any node took them
	Latency   Histogram
	Hops      [256]uint64 // deliveries, by how many hops the event made
}

// Source is one life of an emitting node.
type Source struct {
	Node   *Node
	Origin ident.Origin
	Events []Emitted // event 1 first
}

// Emitted is the state of one event.
type Emitted struct {
	At   time.Duration // virtual time of Emit
	Solo bool          // the node had no neighbour: it counts as emitted when the next one comes
	Last time.Duration // when it was last delivered
	Got  int           // deliveries
	Hops uint8         // the most hops of a delivery
}

// heard holds the deliveries from one source at one node.
type heard struct {
	next   uint32 // the number of the next event to deliver; 0: none was delivered yet
	missed uint32 // how many events were reported as gaps, of those emitted since the node joined
	gap    uint32 // where the gap begins that was reported after the last delivery; 0: none
}

// NewLedger returns the ledger of a network. Its nodes must be started by [Ledger.Begin].
func NewLedger(n *Net) *Ledger {
	return &Ledger{net: n, byID: make(map[ident.Origin]int32)}
}

// Begin starts a node that is not running. With same, the node keeps its ID, as in
// [Net.Restart].
func (l *Ledger) Begin(node *Node, same bool) {
	for len(l.heard) <= node.Index {
		l.heard = append(l.heard, nil)
		l.current = append(l.current, -1)
	}
	l.heard[node.Index], l.current[node.Index] = l.heard[node.Index][:0], -1
	node.Delivered, node.Gaps, node.Notices, node.Downs, node.Ups = nil, nil, nil, nil, 0
	node.OnDeliver = func(e *plumtree.Event) { l.deliver(node, e) }
	node.OnGap = func(r plumtree.Range) { l.gap(node, r) }
	if same {
		l.net.Restart(node)
	} else {
		l.net.Start(node)
	}
}

// SourceOf returns the source for the current life of a node.
func (l *Ledger) SourceOf(node *Node) *Source {
	at := l.current[node.Index]
	if at < 0 {
		at = int32(len(l.Sources))
		l.current[node.Index] = at
		l.Sources = append(l.Sources, &Source{Node: node, Origin: node.Origin()})
		l.byID[node.Origin()] = at
	}
	return l.Sources[at]
}

// Source returns the source of an event that was emitted by the ledger.
func (l *Ledger) Source(e *plumtree.Event) *Source {
	return l.Sources[binary.LittleEndian.Uint32(Body(e)[2:])]
}

// Emit broadcasts an event of about size bytes from node. It returns the event's source
// and number.
func (l *Ledger) Emit(node *Node, size int) (src *Source, seq uint64) {
	src = l.SourceOf(node)
	at := l.current[node.Index]
	body := make([]byte, max(size, 6))
	copy(body, "\x01e") // the name of the event
	binary.LittleEndian.PutUint32(body[2:], uint32(at))
	src.Events = append(src.Events, Emitted{At: l.net.Now(), Last: l.net.Now(), Solo: node.Machine.Degree() == 0})
	if seq = node.Emit(body); seq != uint64(len(src.Events)) {
		l.net.Fail(fmt.Errorf("node %d numbers its event %d as %d", node.Index, len(src.Events), seq))
	}
	return src, seq
}

func (l *Ledger) of(node *Node, source int32) *heard {
	list := l.heard[node.Index]
	for len(list) <= int(source) {
		list = append(list, heard{})
	}
	l.heard[node.Index] = list
	return &list[source]
}

func (l *Ledger) deliver(node *Node, e *plumtree.Event) {
	at := int32(binary.LittleEndian.Uint32(Body(e)[2:]))
	src := l.Sources[at]
	h := l.of(node, at)
	switch {
	case src.Origin != e.Origin:
		l.net.Fail(fmt.Errorf("node %d delivers event %d of %s, which is by %s", node.Index, e.Seq, e.Origin, src.Origin))
	case e.Origin == node.Origin():
		l.net.Fail(fmt.Errorf("node %d delivers its own event %d", node.Index, e.Seq))
	case h.gap != 0 && e.Seq >= uint64(h.gap) && e.Seq < uint64(h.next):
		l.count(node, h, src, e.Seq, uint64(h.next), false)
	case h.next != 0 && e.Seq < uint64(h.next):
		l.net.Fail(fmt.Errorf("node %d delivers event %d of n%d after event %d", node.Index, e.Seq, src.Node.Index, h.next-1))
	case h.next != 0 && e.Seq > uint64(h.next):
		l.net.Fail(fmt.Errorf("node %d delivers event %d of n%d after event %d, and reported no gap", node.Index, e.Seq, src.Node.Index, h.next-1))
	case h.next == 0 && e.Seq > 1 && src.Events[e.Seq-2].At > node.Born+slackOfBirth:
		l.net.Fail(fmt.Errorf("node %d begins with event %d of n%d and reported no gap, though it was running when the event before was emitted", node.Index, e.Seq, src.Node.Index))
	case l.isTooOld(node, &src.Events[e.Seq-1]):
		l.net.Fail(fmt.Errorf("node %d, born at %v, delivers event %d of n%d, which was emitted at %v", node.Index, node.Born, e.Seq, src.Node.Index, src.Events[e.Seq-1].At))
	}
	h.next, h.gap = uint32(e.Seq)+1, 0
	ev := &src.Events[e.Seq-1]
	ev.Last = l.net.Now()
	ev.Got++
	ev.Hops = max(ev.Hops, e.Round)
	l.Delivered++
	l.Latency.Add(ev.Last - ev.At)
	l.Hops[e.Round]++
}

// slackOfWay and slackOfBirth are the tolerances of the rule that a node gets no events
// from before its start. The age of an event does not include its time on links. So an
// event that was on its way when a node started may count as emitted up to slackOfWay
// later than it was. A guess: as long as a few hops take here, with retransmissions. The
// time for which a stall or a cut held bytes up is added to it. An event never counts as
// emitted earlier than it was, so slackOfBirth is zero.
const (
	slackOfBirth = 0
	slackOfWay   = 2 * time.Second
)

// isTooOld reports whether an event was emitted so long before the node's start that the
// node must not deliver it.
func (l *Ledger) isTooOld(node *Node, e *Emitted) bool {
	return !e.Solo && e.At < node.Born-slackOfWay-l.net.held-l.net.cfg.Overlay.Tree.Rewind
}

func (l *Ledger) gap(node *Node, r plumtree.Range) {
	at, ok := l.byID[r.Origin]
	if !ok || r.To > uint64(len(l.Sources[at].Events))+1 {
		l.net.Fail(fmt.Errorf("node %d reports a gap [%d,%d) of %s, which emitted no such events", node.Index, r.From, r.To, r.Origin))
		return
	}
	if r.Origin == node.Origin() {
		l.lose(node, l.Sources[at], r)
		return
	}
	h := l.of(node, at)
	if h.next != 0 && uint64(h.next) != r.From {
		l.net.Fail(fmt.Errorf("node %d reports a gap [%d,%d) of n%d after event %d", node.Index, r.From, r.To, l.Sources[at].Node.Index, h.next-1))
	}
	h.next = uint32(r.To)
	if h.gap == 0 {
		h.gap = uint32(r.From)
	}
	l.count(node, h, l.Sources[at], r.From, r.To, true)
}

// lose processes a node's report that no node ever took some of its events.
func (l *Ledger) lose(node *Node, src *Source, r plumtree.Range) {
	for seq := r.From; seq < r.To; seq++ {
		if src.Events[seq-1].Got > 0 {
			l.net.Fail(fmt.Errorf("node %d reports its event %d as lost, and %d nodes delivered it", node.Index, seq, src.Events[seq-1].Got))
			return
		}
	}
	l.Unheard += r.To - r.From
}

// count adds events to the missed events of a node, or takes them off, if missed is false.
func (l *Ledger) count(node *Node, h *heard, src *Source, from, to uint64, missed bool) {
	by, all := uint32(1), to-from
	if !missed {
		by, all = -by, -all
	}
	for seq := from; seq < to; seq++ {
		if src.Events[seq-1].At >= node.Joined {
			h.missed += by
		}
	}
	l.Missed += all
}

// Mark is a moment in a run. Methods that take a Mark consider only the events that were
// emitted after it.
type Mark struct {
	at     time.Duration
	events []int // how many each source had emitted
	missed map[[2]int32]uint32
}

// Mark returns a Mark of this moment.
func (l *Ledger) Mark() *Mark {
	m := &Mark{at: l.net.Now(), missed: make(map[[2]int32]uint32)}
	for _, src := range l.Sources {
		m.events = append(m.events, len(src.Events))
	}
	for i, list := range l.heard {
		for at, h := range list {
			if h.missed > 0 {
				m.missed[[2]int32{int32(i), int32(at)}] = h.missed
			}
		}
	}
	return m
}

// since returns the number of the first event of a source after the mark.
func (m *Mark) since(source int) uint64 {
	if source < len(m.events) {
		return uint64(m.events[source]) + 1
	}
	return 1
}

// Events calls f with each event emitted since the mark.
func (l *Ledger) Events(m *Mark, f func(src *Source, seq uint64, e *Emitted)) {
	for at, src := range l.Sources {
		for seq := m.since(at); seq <= uint64(len(src.Events)); seq++ {
			f(src, seq, &src.Events[seq-1])
		}
	}
}

// Shortfall counts the events that nodes lack. It considers the events that living nodes
// emitted since a mark, at each living node that had joined by then.
type Shortfall struct {
	Lacking  int    // pairs of a node and an event that is neither delivered nor reported as lost
	Told     int    // pairs of a node and an event that was reported as lost
	Expected int    // all pairs
	Example  string // one of the lacking pairs, in words
}

// Shortfall compares the emitted events with the deliveries.
func (l *Ledger) Shortfall(m *Mark) (s Shortfall) {
	for at, src := range l.Sources {
		from, to := m.since(at), uint64(len(src.Events))
		if from > to || !src.Node.Alive || src.Node.Origin() != src.Origin {
			continue
		}
		for _, node := range l.net.Nodes {
			if !node.Alive || node == src.Node {
				continue
			}
			first := from
			for first <= to && src.Events[first-1].At < node.Joined {
				first++ // the node had not joined yet
			}
			if first > to {
				continue
			}
			want := int(to - first + 1)
			s.Expected += want
			h := heard{}
			if list := l.heard[node.Index]; at < len(list) {
				h = list[at]
			}
			if have := uint64(max(h.next, 1)); have <= to {
				lacks := int(to - max(have, first) + 1)
				if s.Lacking == 0 {
					s.Example = fmt.Sprintf("n%d lacks %d events of n%d, from %d on", node.Index, lacks, src.Node.Index, max(have, first))
				}
				s.Lacking += lacks
			}
			s.Told += min(int(h.missed-m.missed[[2]int32{int32(node.Index), int32(at)}]), want)
		}
	}
	return s
}

// IsShort reports whether any node lacks an event. It is faster than Shortfall.
func (l *Ledger) IsShort(m *Mark) bool {
	for at, src := range l.Sources {
		from, to := m.since(at), uint64(len(src.Events))
		if from > to || !src.Node.Alive || src.Node.Origin() != src.Origin {
			continue
		}
		born := src.Events[to-1].At
		for i := range l.net.Nodes {
			node := l.net.Nodes[i]
			if !node.Alive || node == src.Node || node.Joined > born {
				continue
			}
			if list := l.heard[i]; at >= len(list) || uint64(list[at].next) <= to {
				return true
			}
		}
	}
	return false
}
