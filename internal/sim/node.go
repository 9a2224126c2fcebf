package sim

import (
	"fmt"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/batch"
	"github.com/smokesignal-go/smokesignal/internal/census"
	"github.com/smokesignal-go/smokesignal/internal/frame"
	"github.com/smokesignal-go/smokesignal/internal/overlay"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/netsplit"
	"github.com/smokesignal-go/smokesignal/peerlist"
)

// Node is one machine and the record of what it did. It implements the machine's Out.
//
// Fields that every step needs come first, in two cache lines.
type Node struct {
	Machine   *overlay.Machine
	net       *Net
	links     []ref   // ends of links that are open, oldest first
	wakes     []int64 // when it is going to be woken, the earliest last
	Index     int
	Alive     bool
	stalled   bool
	sybil     *sybil                // drives it instead of Machine; nil for an honest node
	Hidden    bool                  // behind a NAT: it can dial, and cannot be dialled
	Unnamed   bool                  // it tells others no address
	silent    bool                  // crashed without a reset
	Ups       int                   // neighbours that came, ever
	OnDeliver func(*plumtree.Event) // instead of Delivered; may be nil, as the other observers

	Addr   string
	ID     ident.ID
	Epoch  uint64
	Born   time.Duration // when this life began
	Joined time.Duration // when it had its first neighbour; later than ever before that

	Delivered []*plumtree.Event
	Gaps      []plumtree.Range
	Alone     int // how often it lost its last neighbour
	Banned    int // neighbours that sent too much that is not to be believed
	Notices   []netsplit.Notice
	Downs     []peerlist.Reason
	Refusals  [][]peerlist.Attempt // what it had tried, each time that it was refused everywhere
	Answers   map[uint64]error     // of Add, by token
	Conflicts []overlay.Conflict
	Counts    map[uint64]uint64          // of Count, by token
	Surveyed  map[uint64][]census.Digest // of Survey, by token

	// Withholds makes the node one that does not pass on, nor serve, the events for
	// which it says so, and does all else as the others. May be nil.
	Withholds func(*plumtree.Gossip) bool

	// Observers, for scenarios that keep their own books.
	OnGap    func(plumtree.Range)
	OnUp     func(peer *Node)
	OnDown   func(peer *Node, why peerlist.Reason)
	OnNotice func(netsplit.Notice)

	Anchors []string // for the next life
	seeds   []string
	ready   []ident.Link // links that events wait for
	life    int          // counts Starts
	backlog []event      // while stalled
	last    ident.Link
	spins   int
}

// ref finds the end of a link by its number, without a look at each.
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

// Forget makes the node keep none of the events delivered to it.
func (node *Node) Forget() { node.OnDeliver = func(*plumtree.Event) {} }

// Emit broadcasts a body from this node.
func (node *Node) Emit(body []byte) uint64 {
	seq := node.Machine.Emit(node.net.now, body, node)
	node.net.rearm(node)
	return seq
}

// Do calls the machine for something that the program wants.
func (node *Node) Do(f func(m *overlay.Machine, now time.Time, out overlay.Out)) {
	f(node.Machine, node.net.now, node)
	node.net.rearm(node)
}

// Peers are the nodes at the other end of this node's active view.
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

// Origin names this life of the node.
func (node *Node) Origin() ident.Origin { return ident.Origin{ID: node.ID, Epoch: node.Epoch} }

// IsStalled reports whether the node's processor stands still.
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

// Ready implements overlay.Out: there is always room, so the link is filled as
// soon as the machine has done what it is at.
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

// gossip takes a frame that is not under way any more.
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
	case *peerlist.Ping, *peerlist.Pong:
		s.Pings++
	default:
		s.Other++
	}
}

// Close implements overlay.Out.
func (node *Node) Close(id ident.Link, why peerlist.Reason) {
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

// Resolve implements overlay.Out: names are addresses here.
func (node *Node) Resolve(seed string) {
	node.later(0, func(m *overlay.Machine) { m.Resolved(node.net.now, seed, []string{seed}, nil, node) })
}

// PeerUp implements overlay.Out.
func (node *Node) PeerUp(c peerlist.Conn) {
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
func (node *Node) PeerDown(c peerlist.Conn, why peerlist.Reason) {
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
		if e.Count > 1 { // as if each had come alone
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

// Body is what was emitted as the event that a node delivers.
func Body(e *plumtree.Event) []byte {
	body, _, _ := batch.Next(e.Body)
	return body
}

// Refused implements overlay.Out.
func (node *Node) Refused(from peerlist.Conn, events plumtree.Range, banned bool) {
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
func (node *Node) ShutOut(tried []peerlist.Attempt) { node.Refusals = append(node.Refusals, tried) }

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

// IsPeer reports whether the node counts a link to the other one.
func (node *Node) IsPeer(other *Node) bool {
	for _, l := range node.links {
		if l.half.counted && l.half.peer.node == other {
			return true
		}
	}
	return false
}
