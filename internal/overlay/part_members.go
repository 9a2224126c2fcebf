package overlay

import (
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/frame"
	"github.com/smokesignal-go/smokesignal/internal/hyparview"
)

// membersPart is the machine, with the methods of membership's Part and Out. This file
// and watchPart also hold the code that concerns several parts: a neighbour is added or
// removed, a probe becomes a bridge, or a seed's name is resolved.
type membersPart Machine

// LastWords is how many bytes of waiting events are sent on a link before this node's
// goodbye. If more events wait, the neighbour can only pull them from other nodes.
const LastWords = 1 << 20

// lastAnswer is how many bytes of waiting events are sent to a neighbour that has said
// goodbye, because it still takes the events that were emitted before it stopped. A
// guess.
const lastAnswer = 64 << 10

// LinkUp implements Part. It does nothing, because membership itself has added the
// neighbour.
func (p *membersPart) LinkUp(time.Time, hyparview.Conn, Out) {}

// LinkDown implements Part. It does nothing, because membership itself has ended the
// link.
func (p *membersPart) LinkDown(time.Time, ident.Link, Out) {}

// Handle implements Part.
func (p *membersPart) Handle(now time.Time, id ident.Link, msg frame.Message, _ Out) {
	m := (*Machine)(p)
	canonicalize(msg, m.conn(id).Zone)
	if join, ok := msg.(*hyparview.Join); ok && join.AsSeed {
		m.touch(forWatch)
		m.watch.CalledSeed()
	}
	if bye, ok := msg.(*hyparview.Disconnect); ok && bye.Reason == hyparview.ReasonLeave && m.conn(id).neighbor {
		m.tree.Leave(now, id)
		m.tree.Fill(now, id, lastAnswer, (*treePart)(m))
	}
	if msg, ok := msg.(hyparview.Message); ok {
		m.members.Handle(now, id, msg, p)
	}
}

// Advance implements Part.
func (p *membersPart) Advance(now time.Time, _ Out) {
	for _, r := range p.conns {
		p.members.Heard(r.conn.heard, r.id)
		p.members.Said(r.conn.said, r.id)
	}
	p.members.Advance(now, p)
}

// Deadline implements Part.
func (p *membersPart) Deadline() (time.Time, bool) { return p.members.Deadline() }

// Send implements hyparview.Out.
func (p *membersPart) Send(to ident.Link, msg hyparview.Message) {
	if bye, ok := msg.(*hyparview.Disconnect); ok {
		if bye.Reason == hyparview.ReasonLeave {
			p.tree.Leave(p.now, to)
		}
		p.tree.Fill(p.now, to, LastWords, (*treePart)(p))
	}
	p.out.Send(to, withoutZones(msg))
}

// Dial implements hyparview.Out.
func (p *membersPart) Dial(addr string) { p.out.Dial(Dial{Addr: addr}) }

// Added implements hyparview.Out.
func (p *membersPart) Added(token uint64, err error) { p.out.Added(token, err) }

// ShutOut implements hyparview.Out.
func (p *membersPart) ShutOut(t []hyparview.Attempt) { p.out.ShutOut(t) }

// Twin implements hyparview.Out.
func (p *membersPart) Twin(by hyparview.Conn, addr string, yields bool) {
	p.out.Conflict(Conflict{By: by, Addr: addr, Yields: yields})
}

// Close implements hyparview.Out.
func (p *membersPart) Close(id ident.Link, why hyparview.Reason) {
	p.out.Close(id, why)
	if c := (*Machine)(p).conn(id); c != nil && !c.neighbor { // the conn of a neighbour stays, because Down needs it
		(*Machine)(p).forget(id)
	}
}

// Up implements hyparview.Out.
func (p *membersPart) Up(id ident.Link) {
	m := (*Machine)(p)
	c := m.conn(id)
	c.neighbor = true
	m.out.PeerUp(c.Conn)
	m.linkUp(c.Conn)
}

// Down implements hyparview.Out.
func (p *membersPart) Down(id ident.Link, why hyparview.Reason) {
	m := (*Machine)(p)
	c := m.conn(id)
	if !m.hasLeft {
		m.forget(id)
	}
	m.linkDown(id)
	if why == hyparview.ReasonLeave {
		m.noteLeft(c.Peer.ID)
	}
	m.out.PeerDown(c.Conn, why)
}

// Add makes the node at addr a neighbour. Out.Added reports the result.
func (m *Machine) Add(now time.Time, addr string, token uint64, out Out) {
	m.begin(now, forMembers, out)
	m.members.Add(now, addr, token, (*membersPart)(m))
}

// Withdraw reports that the caller of Add no longer waits for the answer. If the node is
// not a neighbour yet, this Add alone does not make it one.
func (m *Machine) Withdraw(token uint64) { m.members.Withdraw(token) }

// Remove closes the link to a neighbour, and reports whether there was one.
func (m *Machine) Remove(now time.Time, peer ident.ID, out Out) bool {
	m.begin(now, forMembers, out)
	return m.members.Remove(now, peer, (*membersPart)(m))
}

// Degree returns the number of neighbours.
func (m *Machine) Degree() int { return m.members.Degree() }

// Guests returns the number of neighbours beyond MaxPeers that no node can dial.
func (m *Machine) Guests() int { return m.members.Guests() }

// BookLen returns the number of addresses in the passive view.
func (m *Machine) BookLen() int { return m.members.BookLen() }

// Anchors returns addresses of neighbours. The next run of this node takes them as
// Config.Membership.Anchors.
func (m *Machine) Anchors() []string { return m.members.Anchors() }

// RTT returns the last measured round-trip time of a link; see
// [hyparview.Membership.RTT].
func (m *Machine) RTT(id ident.Link) time.Duration { return m.members.RTT(id) }

// RefusedContacts returns the number of contacts that the address book did not accept.
func (m *Machine) RefusedContacts() uint64 { return m.members.RefusedContacts() }

// Book iterates over the addresses of the passive view.
func (m *Machine) Book(yield func(addr string) bool) { m.members.Book(yield) }

// Neighbors iterates over the active view, oldest neighbour first.
func (m *Machine) Neighbors(yield func(hyparview.Conn) bool) { m.members.Neighbors(yield) }
