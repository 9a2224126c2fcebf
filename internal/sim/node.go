package sim

import (
	"fmt"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/ident"
	"github.com/smokesignal-go/smokesignal/internal/overlay"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/netsplit"
	"github.com/smokesignal-go/smokesignal/peerlist"
)

// Node is one machine, and the record of what it did. It is the machine's Out.
type Node struct {
	Index   int
	Addr    string
	ID      ident.ID
	Epoch   uint64
	Alive   bool
	Machine *overlay.Machine

	Delivered []*plumtree.Event
	Gaps      []plumtree.Range
	Notices   []netsplit.Notice
	Ups       int // neighbours that came, ever
	Downs     []peerlist.Reason
	Answers   map[uint64]error  // of Add, by token
	Counts    map[uint64]uint64 // of Count, by token

	// Observers, for scenarios that keep their own books. May be nil.
	OnDeliver func(*plumtree.Event)

	net    *Net
	seeds  []string
	silent bool // crashed without a reset
	last   ident.Link
	links  map[ident.Link]*half // look-ups only
	order  []ident.Link         // of links that came up, some gone
	wake   time.Time
	spins  int
}

// half is one end of a link.
type half struct {
	node *Node
	id   ident.Link
	peer *half
	lag  time.Duration
	open bool
	last time.Time // of the last thing under way to the peer: order is kept
	held []func()  // waits behind a cut
}

// Emit broadcasts a body from this node.
func (node *Node) Emit(body []byte) uint64 {
	seq := node.Machine.Emit(node.net.now, body, node)
	node.net.after(node)
	return seq
}

// Do calls the machine for something that the program wants.
func (node *Node) Do(f func(m *overlay.Machine, now time.Time, out overlay.Out)) {
	f(node.Machine, node.net.now, node)
	node.net.after(node)
}

// Peers are the nodes at the other end of this node's active view.
func (node *Node) Peers() (list []*Node) {
	if !node.Alive {
		return nil
	}
	for c := range node.Machine.Neighbors {
		if h := node.links[c.Link]; h != nil {
			list = append(list, h.peer.node)
		}
	}
	return list
}

func (node *Node) later(d time.Duration, do func(m *overlay.Machine)) {
	machine := node.Machine
	node.net.at(node.net.now.Add(d), func() {
		if node.Machine == machine && machine != nil {
			do(machine)
			node.net.after(node)
		}
	})
}

// Dial implements overlay.Out.
func (node *Node) Dial(d overlay.Dial) {
	n := node.net
	n.note(node, "dials", 0, func() string {
		if d.Probe {
			return n.listener(d.Addr) + " to probe it"
		}
		return n.listener(d.Addr)
	})
	to := n.addrs[d.Addr]
	lag := n.cfg.Delay + time.Duration(n.Rand.Int64N(int64(n.cfg.Delay)+1))
	fail := func(after time.Duration, err error) {
		node.later(after, func(m *overlay.Machine) { m.DialFailed(n.now, d, err, node) })
	}
	machine := node.Machine
	n.at(n.now.Add(lag), func() {
		switch {
		case node.Machine != machine:
		case to == nil || n.isCut(node, to) || !to.Alive && to.silent:
			fail(n.cfg.DialTimeout-lag, ErrTimeout)
		case !to.Alive:
			fail(lag, ErrRefused)
		default:
			n.connect(node, to, d, lag)
		}
	})
}

// connect brings a link up: a TCP handshake and the exchange of greetings.
func (n *Net) connect(from, to *Node, d overlay.Dial, lag time.Duration) {
	a := from.half(lag)
	b := to.half(lag)
	a.peer, b.peer = b, a
	conn := func(h *half) peerlist.Conn {
		p := h.peer.node
		return peerlist.Conn{Link: h.id, Peer: ident.Origin{ID: p.ID, Epoch: p.Epoch}, Addr: p.Addr}
	}
	a.peer.after(0, func(m *overlay.Machine) { m.LinkUp(n.now, conn(b), nil, to) })
	a.after(2*lag, func(m *overlay.Machine) {
		c := conn(a)
		c.Dialled = d.Addr
		m.LinkUp(n.now, c, &d, from)
	})
}

func (node *Node) half(lag time.Duration) *half {
	node.last++
	h := &half{node: node, id: node.last, lag: lag, open: true}
	node.links[h.id] = h
	node.order = append(node.order, h.id)
	return h
}

// after does something at this end of the link, not before what is under way.
func (h *half) after(d time.Duration, do func(m *overlay.Machine)) {
	n, machine := h.node.net, h.node.Machine
	at := n.now.Add(d)
	if at.Before(h.last) {
		at = h.last
	}
	h.last = at
	deliver := func() {
		if h.open && h.node.Machine == machine && machine != nil {
			do(machine)
			n.after(h.node)
		}
	}
	n.at(at, func() {
		if n.isCut(h.node, h.peer.node) || len(h.held) > 0 {
			h.held = append(h.held, deliver)
			return
		}
		deliver()
	})
}

// release lets go what waited behind a cut, in order.
func (h *half) release(n *Net) {
	for _, do := range h.held {
		n.at(n.now.Add(h.lag), do)
		if h.last.Before(n.now.Add(h.lag)) {
			h.last = n.now.Add(h.lag)
		}
	}
	h.held = nil
}

// end closes the link from this end; the other end hears of it.
func (h *half) end(n *Net) {
	h.open = false
	p := h.peer
	p.after(h.lag, func(m *overlay.Machine) {
		p.open = false
		delete(p.node.links, p.id)
		m.LinkDown(n.now, p.id, peerlist.ReasonNone, ErrRefused, p.node)
	})
}

// Send implements overlay.Out.
func (node *Node) Send(to ident.Link, msg any) {
	if h := node.links[to]; h != nil && h.open {
		p := h.peer
		node.net.note(node, "->", uint64(to), func() string {
			return fmt.Sprintf("n%d %s", p.node.Index, node.net.describe(msg))
		})
		p.after(h.lag, func(m *overlay.Machine) { m.Handle(node.net.now, p.id, msg, p.node) })
	}
}

// Push implements overlay.Out.
func (node *Node) Push(to ident.Link, e *plumtree.Event, age time.Duration) {
	node.Send(to, &plumtree.Gossip{Origin: e.Origin, Seq: e.Seq, Round: min(e.Round, 254) + 1, Age: age, Body: e.Body})
}

// Close implements overlay.Out.
func (node *Node) Close(id ident.Link, why peerlist.Reason) {
	if h := node.links[id]; h != nil {
		node.net.note(node, "closes", uint64(id), func() string {
			return fmt.Sprintf("link to n%d (%s)", h.peer.node.Index, why)
		})
		h.end(node.net)
		delete(node.links, id)
	}
}

// Resolve implements overlay.Out: names are addresses here.
func (node *Node) Resolve(seed string) {
	node.later(0, func(m *overlay.Machine) { m.Resolved(node.net.now, seed, []string{seed}, nil, node) })
}

// PeerUp implements overlay.Out.
func (node *Node) PeerUp(c peerlist.Conn) {
	node.net.note(node, "gains", uint64(c.Link), func() string { return node.net.name(c.Peer.ID) })
	node.Ups++
}

// PeerDown implements overlay.Out.
func (node *Node) PeerDown(c peerlist.Conn, why peerlist.Reason) {
	node.net.note(node, "loses", uint64(c.Link), func() string {
		return fmt.Sprintf("%s (%s)", node.net.name(c.Peer.ID), why)
	})
	node.Downs = append(node.Downs, why)
}

// Deliver implements overlay.Out.
func (node *Node) Deliver(e *plumtree.Event) {
	node.net.note(node, "delivers", e.Seq, func() string {
		return fmt.Sprintf("%s event %d", node.net.name(e.Origin.ID), e.Seq)
	})
	if node.OnDeliver != nil {
		node.OnDeliver(e)
		return
	}
	node.Delivered = append(node.Delivered, e)
}

// Gap implements overlay.Out.
func (node *Node) Gap(missing plumtree.Range) {
	node.net.note(node, "misses", missing.From, func() string { return node.net.ranges([]plumtree.Range{missing})[1:] })
	node.Gaps = append(node.Gaps, missing)
}

// Notify implements overlay.Out.
func (node *Node) Notify(n netsplit.Notice) {
	node.net.note(node, "says", 0, func() string { return node.net.notice(n) })
	node.Notices = append(node.Notices, n)
}

// Added implements overlay.Out.
func (node *Node) Added(token uint64, err error) {
	if node.Answers == nil {
		node.Answers = make(map[uint64]error)
	}
	node.Answers[token] = err
}

// Counted implements overlay.Out.
func (node *Node) Counted(token, nodes uint64, _ bool) {
	if node.Counts == nil {
		node.Counts = make(map[uint64]uint64)
	}
	node.Counts[token] = nodes
}
