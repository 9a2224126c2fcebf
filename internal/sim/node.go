package sim

import (
	"fmt"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/batch"
	"github.com/smokesignal-go/smokesignal/internal/census"
	"github.com/smokesignal-go/smokesignal/internal/frame"
	"github.com/smokesignal-go/smokesignal/internal/hyparview"
	"github.com/smokesignal-go/smokesignal/internal/overlay"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/netsplit"
)

// Node is one machine and the record of its actions. It implements the machine's Out.
//
// The fields that every step needs come first, in two cache lines.
type Node struct {
	Machine   *overlay.Machine
	net       *Net
	links     []ref   // the node's ends of open links, oldest first
	wakes     []int64 // when the node will be woken, the earliest last
	Index     int
	Alive     bool
	stalled   bool
	sybil     *sybil                // handles frames in place of Machine; nil for an honest node
	Hidden    bool                  // behind a NAT: it can dial, and can't be dialled
	Unnamed   bool                  // it sends no address to others
	silent    bool                  // crashed without a reset
	Ups       int                   // how many neighbours it ever got
	OnDeliver func(*plumtree.Event) // called instead of an append to Delivered; may be nil, like the other observers

	Addr   string
	ID     ident.ID
	Epoch  uint64
	Born   time.Duration // when this life began
	Joined time.Duration // when it got its first neighbour; before that, the largest Duration

	Delivered []*plumtree.Event
	Gaps      []plumtree.Range
	Alone     int // how often it lost its last neighbour
	Banned    int // how many neighbours it disconnected because of false signatures
	Notices   []netsplit.Notice
	Downs     []hyparview.Reason
	Refusals  [][]hyparview.Attempt // the dials that had failed, at each ShutOut
	Answers   map[uint64]error      // of Add, by token
	Conflicts []overlay.Conflict
	Counts    map[uint64]uint64          // of Count, by token
	Surveyed  map[uint64][]census.Digest // of Survey, by token

	// Withholds makes the node withhold events: it neither forwards nor serves those for
	// which it returns true. In all else the node is honest. May be nil.
	Withholds func(*plumtree.Gossip) bool

	// Observers, for scenarios with records of their own.
	OnGap    func(plumtree.Range)
	OnUp     func(peer *Node)
	OnDown   func(peer *Node, why hyparview.Reason)
	OnNotice func(netsplit.Notice)

	Anchors []string // for the next life
	seeds   []string
	ready   []ident.Link // links on which events wait to be pushed
	life    int          // counts Starts
	backlog []event      // while stalled
	last    ident.Link
	spins   int
}

// ref finds an end of a link by its number, without a look into each half.
type ref struct {
	id   ident.Link
	half *half
}

func (node *Node) link(id ident.Link) *half {
	for i := range node.links {
		if node.links[i].id == id {
			return node.links[i].half
		}
	}
	return nil
}

// Forget makes the node keep no delivered events.
func (node *Node) Forget() { node.OnDeliver = func(*plumtree.Event) {} }

// Emit broadcasts a body from this node.
func (node *Node) Emit(body []byte) uint64 {
	seq := node.Machine.Emit(node.net.now, body, node)
	node.net.rearm(node)
	return seq
}

// Do calls f, which may call the machine as a program would.
func (node *Node) Do(f func(m *overlay.Machine, now time.Time, out overlay.Out)) {
	f(node.Machine, node.net.now, node)
	node.net.rearm(node)
}

// Peers returns the nodes at the other end of this node's links to neighbours.
func (node *Node) Peers() (list []*Node) {
	if !node.Alive {
		return nil
	}
	for c := range node.Machine.Neighbors {
		if h := node.link(c.Link); h != nil {
			list = append(list, h.peer.node)
		}
	}
	return list
}

// Origin returns the name of this life of the node.
func (node *Node) Origin() ident.Origin { return ident.Origin{ID: node.ID, Epoch: node.Epoch} }

// IsStalled reports whether the node is stalled.
func (node *Node) IsStalled() bool { return node.stalled }

// Send implements overlay.Out.
func (node *Node) Send(to ident.Link, msg frame.Message) {
	h := node.link(to)
	if h == nil {
		return
	}
	n := node.net
	n.Sent.count(msg)
	n.mark(node, verbSend, uint64(to))
	if n.cfg.Trace != nil {
		n.tell(node, "-> n%d %s", h.peer.node.Index, n.describe(msg))
	}
	h.send(msg)
}

// Ready implements overlay.Out. A simulated link always has room, so the link is filled as
// soon as the machine's current call returns.
func (node *Node) Ready(to ident.Link) { node.ready = append(node.ready, to) }

// Push implements overlay.Out.
func (node *Node) Push(to ident.Link, g *plumtree.Gossip) {
	if node.Withholds != nil && node.Withholds(g) {
		return
	}
	frame := node.net.gossip()
	*frame = *g
	node.Send(to, frame)
}

// fill lets ready links take their queued events, a limited number of bytes at a time. A
// network that took all at once would never cause backpressure.
func (node *Node) fill() {
	const room, pause = 256 << 10, 5 * time.Millisecond
	for i := 0; i < len(node.ready); i++ {
		to := node.ready[i]
		if node.Machine.Fill(node.net.now, to, room, node) {
			node.later(int64(pause), func(*overlay.Machine) { node.Ready(to) })
		}
	}
	node.ready = node.ready[:0]
}

// gossip returns a frame for a new message. It reuses a frame that has been handled, if
// there is one.
func (n *Net) gossip() *plumtree.Gossip {
	if last := len(n.idle) - 1; last >= 0 {
		g := n.idle[last]
		n.idle = n.idle[:last]
		return g
	}
	return new(plumtree.Gossip)
}

func (s *Sent) count(msg any) {
	switch msg.(type) {
	case *plumtree.Gossip:
		s.Pushes++
	case *plumtree.IHave:
		s.Announced++
	case *plumtree.Pulse:
		s.Pulses++
	case plumtree.Message:
		s.Repair++
	case *netsplit.Beacon:
		s.Beacons++
	case *hyparview.Ping, *hyparview.Pong:
		s.Pings++
	default:
		s.Other++
	}
}

// Close implements overlay.Out.
func (node *Node) Close(id ident.Link, why hyparview.Reason) {
	h := node.link(id)
	if h == nil {
		return
	}
	n := node.net
	n.mark(node, verbClose, uint64(id))
	if n.cfg.Trace != nil {
		n.tell(node, "closes link to n%d (%s)", h.peer.node.Index, why)
	}
	h.close()
}

// Resolve implements overlay.Out. In the simulation each name is an address.
func (node *Node) Resolve(seed string) {
	node.later(0, func(m *overlay.Machine) { m.Resolved(node.net.now, seed, []string{seed}, nil, node) })
}

// PeerUp implements overlay.Out.
func (node *Node) PeerUp(c hyparview.Conn) {
	n := node.net
	n.mark(node, verbGain, uint64(c.Link))
	if n.cfg.Trace != nil {
		n.tell(node, "gains %s", n.name(c.Peer.ID))
	}
	node.Ups++
	node.Joined = min(node.Joined, n.Now())
	if h := node.link(c.Link); h != nil {
		h.counted = true
		n.changed = true
		if node.OnUp != nil {
			node.OnUp(h.peer.node)
		}
	}
}

// PeerDown implements overlay.Out.
func (node *Node) PeerDown(c hyparview.Conn, why hyparview.Reason) {
	n := node.net
	n.mark(node, verbLose, uint64(c.Link))
	if n.cfg.Trace != nil {
		n.tell(node, "loses %s (%s)", n.name(c.Peer.ID), why)
	}
	node.Downs = append(node.Downs, why)
	if node.Machine.Degree() == 0 {
		node.Alone++
	}
	n.changed = true
	if h := node.link(c.Link); h != nil {
		h.counted = false
	}
	if node.OnDown != nil {
		node.OnDown(n.ids[c.Peer.ID], why)
	}
}

// Deliver implements overlay.Out.
func (node *Node) Deliver(e *plumtree.Event) {
	n := node.net
	n.mark(node, verbDeliver, e.Seq)
	rest := e.Body
	for i := range e.Count {
		one := e
		if e.Count > 1 { // deliver each event of the run as if it had come alone
			_, next, _ := batch.Next(rest)
			one = &plumtree.Event{Origin: e.Origin, Seq: e.Seq + uint64(i), Count: 1, Round: e.Round, Body: rest[:len(rest)-len(next)]}
			rest = next
		}
		if n.cfg.Trace != nil {
			n.tell(node, "delivers %s event %d", n.name(e.Origin.ID), one.Seq)
		}
		if node.OnDeliver != nil {
			node.OnDeliver(one)
		} else {
			node.Delivered = append(node.Delivered, one)
		}
	}
}

// Body returns the bytes that were emitted as the event e.
func Body(e *plumtree.Event) []byte {
	body, _, _ := batch.Next(e.Body)
	return body
}

// Refused implements overlay.Out.
func (node *Node) Refused(from hyparview.Conn, events plumtree.Range, banned bool) {
	n := node.net
	n.mark(node, verbRefuse, events.From)
	if banned {
		node.Banned++
	}
	if n.cfg.Trace != nil {
		n.tell(node, "does not believe %s%s", n.name(from.Peer.ID), n.ranges([]plumtree.Range{events}))
	}
}

// Gap implements overlay.Out.
func (node *Node) Gap(missing plumtree.Range) {
	n := node.net
	n.mark(node, verbMiss, missing.From)
	if n.cfg.Trace != nil {
		n.tell(node, "misses%s", n.ranges([]plumtree.Range{missing}))
	}
	node.Gaps = append(node.Gaps, missing)
	if node.OnGap != nil {
		node.OnGap(missing)
	}
}

// Notify implements overlay.Out.
func (node *Node) Notify(notice netsplit.Notice) {
	n := node.net
	n.mark(node, verbSay, 0)
	if n.cfg.Trace != nil {
		n.tell(node, "says %s", n.notice(notice))
	}
	node.Notices = append(node.Notices, notice)
	if node.OnNotice != nil {
		node.OnNotice(notice)
	}
}

// Conflict implements overlay.Out.
func (node *Node) Conflict(c overlay.Conflict) { node.Conflicts = append(node.Conflicts, c) }

// Added implements overlay.Out.
func (node *Node) Added(token uint64, err error) {
	if node.Answers == nil {
		node.Answers = make(map[uint64]error)
	}
	node.Answers[token] = err
}

// ShutOut implements overlay.Out.
func (node *Node) ShutOut(tried []hyparview.Attempt) { node.Refusals = append(node.Refusals, tried) }

// Counted implements overlay.Out.
func (node *Node) Counted(token, nodes uint64, _ bool) {
	if node.Counts == nil {
		node.Counts = make(map[uint64]uint64)
	}
	node.Counts[token] = nodes
}

// Digests implements overlay.Out.
func (node *Node) Digests(token uint64, digests []census.Digest) {
	if node.Surveyed == nil {
		node.Surveyed = make(map[uint64][]census.Digest)
	}
	node.Surveyed[token] = append(node.Surveyed[token], digests...)
}

func (node *Node) String() string { return fmt.Sprintf("n%d", node.Index) }

// IsPeer reports whether the node counts a link to other as a neighbour's.
func (node *Node) IsPeer(other *Node) bool {
	for _, l := range node.links {
		if l.half.counted && l.half.peer.node == other {
			return true
		}
	}
	return false
}
