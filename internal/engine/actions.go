package engine

import (
	"context"
	"slices"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/census"
	"github.com/smokesignal-go/smokesignal/internal/frame"
	"github.com/smokesignal-go/smokesignal/internal/hyparview"
	"github.com/smokesignal-go/smokesignal/internal/logging"
	"github.com/smokesignal-go/smokesignal/internal/overlay"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/netsplit"
)

// actions performs the actions of the machine. All its methods run inside a step, with mu
// held, so they must neither block nor call the machine.
type actions struct{ *Driver }

var _ overlay.Out = actions{}

// out returns the Out that is passed to the calls of the machine.
func (d *Driver) out() overlay.Out { return actions{d} }

// Send implements overlay.Out.
func (d actions) Send(to ident.Link, message frame.Message) {
	if l := d.links[to]; l != nil {
		l.put(func(buf []byte) ([]byte, error) { return l.enc.Append(buf, message) })
	}
}

// Ready implements overlay.Out. It makes the link's writer fill its outbox with events,
// as soon as the present content is written.
func (d actions) Ready(to ident.Link) {
	if l := d.links[to]; l != nil {
		l.ready.Store(true)
		d.behind = append(d.behind, l)
		d.woken = append(d.woken, l)
	}
}

// Push implements overlay.Out.
func (d actions) Push(to ident.Link, g *plumtree.Gossip) {
	if l := d.links[to]; l != nil {
		l.push(g, g.Origin == d.self)
	}
}

// Dial implements overlay.Out.
func (d actions) Dial(wish overlay.Dial) {
	if d.stopping {
		return // the life is ending, so the machine needs no answer
	}
	d.begin(&d.dialling, wish.Addr)
	d.spawn(func() { d.dial(wish) })
}

// Close implements overlay.Out.
func (d actions) Close(id ident.Link, why hyparview.Reason) {
	if l := d.links[id]; l != nil {
		d.forget(l)
		l.finish(why)
	}
}

// Resolve implements overlay.Out.
func (d actions) Resolve(seed string) {
	if d.stopping {
		return
	}
	d.begin(&d.looking, seed)
	d.spawn(func() { d.lookUp(seed) })
}

// PeerUp implements overlay.Out.
func (d actions) PeerUp(c hyparview.Conn) {
	l := d.links[c.Link]
	if l == nil {
		return
	}
	d.flushBatch()
	if n := d.neighbours[c.Peer.ID]; n != nil {
		n.link.Store(l) // this link replaces another one to the same peer
		l.peer = n
		return
	}
	d.counters.PeersAdded.Add(1)
	n := &Neighbour{driver: d.Driver, id: c.Peer.ID, addr: c.Addr, events: d.host.PeerEvents(c.Peer.ID)}
	n.events.Hold() // direct events wait until the hooks have registered handlers
	n.link.Store(l)
	l.peer = n
	d.neighbours[n.id] = n
	d.met = append(d.met, n)
	d.afterwards(func() {
		d.log.Debug("neighbour up", logging.Fields{"peer": c.Peer.ID.Short(), "addr": c.Addr})
	})
	d.host.PeerUp(n)
	d.events.Do(n.events.Release)
}

// PeerDown implements overlay.Out.
func (d actions) PeerDown(c hyparview.Conn, why hyparview.Reason) {
	n := d.neighbours[c.Peer.ID]
	if n == nil {
		return
	}
	l := n.link.Load()
	if l.id != c.Link {
		return // another link to the same peer has replaced this one
	}
	d.flushBatch()
	d.afterwards(func() {
		f := logging.Fields{"peer": c.Peer.ID.Short(), "addr": c.Addr, "why": why.String()}
		if why == hyparview.ReasonProtocol {
			d.log.About(c.Addr).Warn("a neighbour is gone: one of the two says that the other broke the protocol; have they the same Options.Signed?", f)
			return
		}
		d.log.Debug("neighbour down", f)
	})
	n.gone.Store(&Departure{why, l.goodbye})
	if !d.hasLeft { // if this node has left, the neighbour's last events are still accepted
		n.finish()
		d.forgetIdle()
	}
	delete(d.neighbours, n.id)
	d.host.PeerDown(n)
}

// forgetIdle forgets the neighbours that have left and whose handlers have finished.
func (d *Driver) forgetIdle() {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	d.met = slices.DeleteFunc(d.met, func(n *Neighbour) bool {
		if !n.isGone() || n.events.Drain(now) != nil {
			return false
		}
		n.events.Close() // all its handlers have finished, so this call does not wait
		return true
	})
}

// Deliver implements overlay.Out. It drops the events of an earlier life of this node.
// Such events may still arrive, because other nodes relay them to nodes that missed them.
func (d actions) Deliver(e *plumtree.Event) {
	if e.Origin.ID == d.self.ID {
		d.conflicts.hear(d.Driver, e)
		return
	}
	d.deliver(e)
}

// Gap implements overlay.Out.
func (d actions) Gap(missing plumtree.Range) {
	if missing.Origin.ID == d.self.ID && missing.Origin != d.self {
		return // the events are of an earlier life of this node, which Deliver would drop
	}
	if d.cfg.Signing.all && !d.cfg.Signing.mayOriginate(missing.Origin.ID, d.self.ID) {
		return // deliver would drop these events, so they do not count as missed
	}
	d.flushBatch()
	if missing.Origin != d.self {
		d.missed += missing.To - missing.From
	}
	d.afterwards(func() {
		if missing.Origin == d.self {
			d.log.Warn("events of this node are lost: they left its history before it had a neighbour to take them", logging.Fields{
				"from": missing.From, "to": missing.To})
			return
		}
		d.log.Warn("events are missing and can't be had any more", logging.Fields{
			"origin": missing.Origin.ID.Short(), "from": missing.From, "to": missing.To})
	})
	d.host.Gap(missing)
}

// Refused implements overlay.Out.
func (d actions) Refused(from hyparview.Conn, events plumtree.Range, banned bool) {
	d.refusals.Forgeries.Add(1)
	d.afterwards(func() {
		f := logging.Fields{"peer": from.Peer.ID.Short(), "addr": from.Addr, "origin": events.Origin.ID.Short(), "seq": events.From}
		log := d.log.About(from.Peer.ID.Short())
		log.Warn("an event was refused: it is not signed by its origin; do the two nodes have the same Options.Signed?", f)
		if banned {
			log.Warn("a peer passes on events that are not signed by their origin; its link was closed, for ten minutes", f)
		}
	})
}

// Notify implements overlay.Out.
func (d actions) Notify(notice netsplit.Notice) {
	d.flushBatch()
	switch n := notice.(type) {
	case netsplit.Found:
		d.counters.Netsplits.Add(1)
		d.isSplit = true
		d.afterwards(func() {
			d.log.Warn("another part of the network was found: merging", logging.Fields{
				"ours": n.Ours.Short(), "other": n.Other.Short()})
		})
	case netsplit.Healed:
		d.counters.Heals.Add(1)
		d.isSplit = false
		d.afterwards(func() {
			d.log.Info("the network is one again", logging.Fields{"merging took": n.For})
		})
	case netsplit.SeedLost:
		n.Err = seedError(n.Addr, n.Err)
		notice = n
		d.afterwards(func() {
			d.log.About(n.Addr).Warn("a seed is silent and does not answer: it is down, or cut off", logging.Fields{
				"seed": n.Addr, "error": n.Err})
		})
	}
	d.host.Netsplit(notice)
}

// Conflict implements overlay.Out.
func (d actions) Conflict(c overlay.Conflict) {
	d.conflicts.note(d.Driver, c)
}

// Added implements overlay.Out.
func (d actions) Added(token uint64, err error) { d.answer(token, result{err: err}) }

// Counted implements overlay.Out.
func (d actions) Counted(token, nodes uint64, complete bool) {
	d.answer(token, result{nodes: nodes, complete: complete})
}

// Digests implements overlay.Out.
func (d actions) Digests(token uint64, digests []census.Digest) {
	if s := d.surveys[token]; s != nil { // if s is nil, the caller no longer waits
		s.add(digests)
	}
}

// ShutOut implements overlay.Out.
func (d actions) ShutOut(tried []hyparview.Attempt) {
	errs := make([]*DialError, len(tried))
	for i, t := range tried {
		errs[i] = &DialError{Addr: t.Addr, Err: addError(t.Addr, t.Err).Err}
	}
	d.flushBatch()
	if report := d.host.ShutOut(errs); report != nil {
		d.afterwards(report)
	}
}
