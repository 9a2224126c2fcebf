package sim

import (
	"fmt"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/frame"
	"github.com/smokesignal-go/smokesignal/internal/hyparview"
	"github.com/smokesignal-go/smokesignal/internal/overlay"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/internal/wire"
)

// half is one end of a connection. It becomes a link of the node's machine when the HELLO
// of the other end arrives.
//
// The fields that every frame needs come first, in one cache line.
type half struct {
	node    *Node
	peer    *half
	id      ident.Link
	lag     int64 // the delay in one direction
	last    int64 // when the last frame on its way to this end arrives; later ones arrive after it
	codec   *codec
	held    *held // frames that wait behind a cut; nil if there are none
	open    bool  // this end has not closed, and has not learnt that the other one has
	greeted bool  // the machine knows the link
	counted bool  // the machine counts it as a neighbour
	ended   bool  // the other end has been notified
	wish    *wish // the dial that made this end; nil at the end that was dialled
}

// held holds the frames that a cut blocks and the frames behind them.
type held struct {
	events []event
	since  int64 // when the first frame arrived
	resume int64 // when they are delivered
}

// codec encodes and decodes the frames of one end, with Config.Wire.
type codec struct {
	wire.Encoder
	wire.Decoder
}

// wish is a dial that has not been answered yet. It is answered once.
type wish struct {
	overlay.Dial
	life     int
	answered bool
}

// Dial implements overlay.Out. It simulates a TCP handshake and then the HELLOs, of which
// the dialling end sends the first.
func (node *Node) Dial(d overlay.Dial) {
	n := node.net
	n.mark(node, verbDial, 0)
	if n.cfg.Trace != nil {
		why := ""
		if d.Probe {
			why = " to probe it"
		}
		n.tell(node, "dials %s%s", n.listener(d.Addr), why)
	}
	to := n.addrs[d.Addr]
	at := node.Index
	if to != nil {
		at = to.Index
	}
	lag := int64(n.latency(n.Rand, node.Index, at))
	w := &wish{Dial: d, life: node.life}
	n.queue.put(n.t+lag, event{do: func() {
		switch {
		case node.life != w.life || !node.Alive:
		case to == nil || to.Hidden || !to.Alive && to.silent || n.isCut(node, to) || n.isCut(to, node):
			node.answer(w, int64(n.cfg.DialTimeout)-lag, ErrTimeout)
		case !to.Alive:
			node.answer(w, lag, ErrRefused)
		default:
			n.connect(node, to, w, lag)
		}
	}})
}

// answer reports to the machine that a dial failed, after the given time, unless the dial
// has been answered by then.
func (node *Node) answer(w *wish, after int64, err error) {
	n := node.net
	n.queue.put(n.t+max(after, 0), event{node: node, do: func() {
		if w.answered || node.life != w.life || !node.Alive {
			return
		}
		w.answered = true
		if node.sybil != nil {
			return // a Sybil dials another address in its next round
		}
		node.Machine.DialFailed(n.now, w.Dial, err, node)
		n.rearm(node)
	}})
}

// connect makes a connection after the first packet of the dial has reached the node to.
// The dialling end learns of the connection one lag from now, and its HELLO arrives one lag
// later.
func (n *Net) connect(from, to *Node, w *wish, lag int64) {
	a, b := from.half(lag), to.half(lag)
	a.peer, b.peer = b, a
	a.wish = w
	if n.cfg.Wire {
		a.codec, b.codec = new(codec), new(codec)
	}
	b.put(2*lag, event{what: hello, msg: a.greeting()})
	n.queue.put(n.t+lag+int64(n.cfg.GreetTimeout), event{node: from, do: func() {
		if a.open && !a.greeted {
			a.close()
			from.answer(w, 0, ErrTimeout)
		}
	}})
}

// advertised returns the address that the node sends to others.
func (node *Node) advertised() string {
	if node.Unnamed {
		return ""
	}
	return node.Addr
}

func (node *Node) half(lag int64) *half {
	node.last++
	h := &half{node: node, id: node.last, lag: lag, open: true}
	node.links = append(node.links, ref{h.id, h})
	return h
}

// greeting returns the HELLO or other first frame that this end sends.
func (h *half) greeting() any {
	m := &wire.Hello{
		Major: wire.Major, Minor: wire.Minor,
		ID: h.node.ID, Epoch: h.node.Epoch, Addr: h.node.advertised(), Seen: h.peer.node.Addr,
	}
	if h.codec == nil {
		return m
	}
	return h.encode(m)
}

// send sends a frame to the other end.
func (h *half) send(msg any) {
	if h.codec != nil {
		frame := h.encode(msg)
		if g, ok := msg.(*plumtree.Gossip); ok {
			h.node.net.reuse(g)
		}
		if frame == nil {
			return
		}
		msg = frame
	}
	h.peer.put(h.lag, event{what: message, msg: msg})
}

func (h *half) encode(msg any) any {
	n := h.node.net
	b, err := h.codec.Append(nil, msg)
	if err != nil {
		n.Fail(fmt.Errorf("node %d sends a message that can't be encoded: %w", h.node.Index, err))
		return nil
	}
	n.Sent.Bytes += uint64(len(b))
	return b
}

// put schedules an event at this end, after everything that is already on its way.
func (h *half) put(after int64, e event) {
	n := h.node.net
	h.last = max(n.t+after+n.lost(h.lag), h.last)
	e.half, e.node = h, h.node
	n.queue.put(h.last, e)
}

// holds keeps an event that a cut blocks, or that is behind such events. It returns true
// if it kept e.
func (h *half) holds(e event) bool {
	n := h.node.net
	if h.held == nil {
		if !n.parted || !n.isCut(h.peer.node, h.node) {
			return false
		}
		h.held = &held{since: n.t}
	}
	h.held.events = append(h.held.events, e)
	return true
}

// arrive handles an event at this end.
func (h *half) arrive(e event) {
	n := h.node.net
	if !h.open {
		h.refuse(e)
		return
	}
	msg := e.msg
	if h.codec != nil && e.what != end {
		if msg = h.decode(msg.([]byte)); msg == nil {
			return
		}
	}
	switch e.what {
	case message:
		if h.node.sybil != nil {
			h.node.sybil.handle(h, msg)
		} else {
			h.node.Machine.Handle(n.now, h.id, msg.(frame.Message), h.node)
		}
		if g, ok := msg.(*plumtree.Gossip); ok && h.codec == nil {
			n.reuse(g)
		}
	case hello:
		h.meet(msg.(*wire.Hello))
	case end:
		h.hearEnd()
	}
	if h.node.sybil == nil {
		n.rearm(h.node)
	}
}

func (h *half) decode(frame []byte) any {
	n := h.node.net
	if n.cfg.Tamper != nil {
		frame = n.cfg.Tamper(h.peer.node, h.node, frame)
	}
	msg, size, err := h.codec.Next(frame)
	if n.cfg.Tamper != nil && (err != nil || msg == nil || size != len(frame)) {
		h.breakOff(err)
		return nil
	}
	if err != nil || msg == nil || size != len(frame) {
		n.Fail(fmt.Errorf("node %d can't decode a frame of %d bytes of node %d: %v, %v", h.node.Index, len(frame), h.peer.node.Index, msg, err))
		return nil
	}
	return msg
}

func (n *Net) reuse(g *plumtree.Gossip) {
	g.Body = nil
	n.idle = append(n.idle, g)
}

// meet handles the HELLO of the other end. Now each end knows the node at the other one.
func (h *half) meet(m *wire.Hello) {
	n := h.node.net
	h.greeted = true
	c := hyparview.Conn{Link: h.id, Peer: ident.Origin{ID: m.ID, Epoch: m.Epoch}, Addr: m.Addr}
	if h.wish == nil {
		h.peer.put(h.lag, event{what: hello, msg: h.greeting()})
		if h.node.sybil == nil {
			c.From = h.peer.node.Addr
			h.node.Machine.LinkUp(n.now, c, nil, h.node)
		}
		return
	}
	h.wish.answered = true
	if h.node.sybil != nil {
		h.node.sybil.meet(h)
		return
	}
	c.Dialled = h.wish.Addr
	h.node.Machine.LinkUp(n.now, c, &h.wish.Dial, h.node)
}

// refuse sends a reset in answer to a packet for a connection that this host does not have.
// A host that is down does not answer.
func (h *half) refuse(e event) {
	if g, ok := e.msg.(*plumtree.Gossip); ok {
		h.node.net.reuse(g)
	}
	if !h.ended && e.what != end && (h.node.Alive || !h.node.silent) {
		h.tellEnd()
	}
}

// close ends the connection from this end.
func (h *half) close() {
	h.forget()
	h.tellEnd()
}

func (h *half) tellEnd() {
	h.ended = true
	h.peer.put(h.lag, event{what: end})
}

// forget removes the connection from the node's table.
func (h *half) forget() {
	h.open, h.counted, h.held = false, false, nil
	h.node.net.changed = true
	for i := range h.node.links {
		if h.node.links[i].half == h {
			h.node.links = append(h.node.links[:i], h.node.links[i+1:]...)
			return
		}
	}
}

// hearEnd handles the notice that the other end has closed or reset the connection.
func (h *half) hearEnd() {
	n := h.node.net
	h.ended = true
	switch {
	case h.node.sybil != nil:
	case h.greeted:
		h.node.Machine.LinkDown(n.now, h.id, hyparview.ReasonNone, ErrRefused, h.node)
	case h.wish != nil:
		h.node.answer(h.wish, 0, ErrRefused)
	}
	h.forget()
}

// breakOff ends the connection because a frame could not be decoded, as the driver does.
func (h *half) breakOff(err error) {
	n := h.node.net
	switch {
	case h.greeted:
		h.node.Machine.LinkDown(n.now, h.id, hyparview.ReasonProtocol, err, h.node)
	case h.wish != nil:
		h.node.answer(h.wish, 0, err)
	}
	h.close()
	n.rearm(h.node)
}

// release delivers the frames that waited behind a cut, in order, when TCP retransmits
// them. The intervals of TCP double, so this may take as long again as the cut lasted.
// Frames that arrive meanwhile are delivered after them.
func (h *half) release(n *Net) {
	held := h.held
	if held == nil || held.resume > n.t {
		return
	}
	late := n.Rand.Int64N(min(n.t-held.since, int64(30*time.Second)) + 1)
	h.last = max(n.t+h.lag+late, h.last+1)
	held.resume = h.last
	n.queue.put(held.resume, event{do: func() {
		if h.held != held || n.isCut(h.peer.node, h.node) {
			return // there is a new cut, and the next Heal calls release again
		}
		h.held = nil
		for _, e := range held.events {
			n.handle(e)
		}
	}})
}
