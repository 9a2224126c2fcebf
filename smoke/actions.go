package smoke

import (
	"context"
	"errors"
	"slices"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/frame"
	"github.com/smokesignal-go/smokesignal/internal/logging"
	"github.com/smokesignal-go/smokesignal/internal/overlay"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/netsplit"
	"github.com/smokesignal-go/smokesignal/peerlist"
)

// The driver is the machine's overlay.Out. All of these run inside a step, so
// mu is held, and nothing may wait or call the machine.

var _ overlay.Out = (*driver)(nil)

// Send implements overlay.Out.
func (d *driver) Send(to ident.Link, message frame.Message) {
	if l := d.links[to]; l != nil {
		l.put(func(buf []byte) ([]byte, error) { return l.enc.Append(buf, message) })
	}
}

// Ready implements overlay.Out: the link's writer fills its outbox when it has
// written what is in it.
func (d *driver) Ready(to ident.Link) {
	if l := d.links[to]; l != nil {
		l.ready.Store(true)
		d.behind = append(d.behind, l)
		d.woken = append(d.woken, l)
	}
}

// Push implements overlay.Out.
func (d *driver) Push(to ident.Link, g *plumtree.Gossip) {
	if l := d.links[to]; l != nil {
		l.push(g, g.Origin == d.self)
	}
}

// Dial implements overlay.Out.
func (d *driver) Dial(wish overlay.Dial) {
	if d.stopping {
		return // the machine needs no answer any more
	}
	d.begin(&d.dialling, wish.Addr)
	d.spawn(func() { d.dial(wish) })
}

// Close implements overlay.Out.
func (d *driver) Close(id ident.Link, why peerlist.Reason) {
	if l := d.links[id]; l != nil {
		d.forget(l)
		l.finish(why)
	}
}

// Resolve implements overlay.Out.
func (d *driver) Resolve(seed string) {
	if d.stopping {
		return
	}
	d.begin(&d.looking, seed)
	d.spawn(func() { d.lookUp(seed) })
}

// PeerUp implements overlay.Out.
func (d *driver) PeerUp(c peerlist.Conn) {
	l := d.links[c.Link]
	if l == nil {
		return
	}
	d.flushBatch()
	if p, ok := d.neighbours.Get(c.Peer.ID); ok {
		p.link.Store(l) // a better link to the same peer
		l.peer = p
		return
	}
	d.counters.peersAdded.Add(1)
	d.shutOut = nil
	p := d.host.newPeer(d, c.Peer.ID, c.Addr, l)
	l.peer = p
	d.peers = append(d.peers, p)
	d.afterwards(func() {
		d.log.Debug("neighbour up", logging.Fields{"peer": c.Peer.ID.Short(), "addr": c.Addr})
	})
	d.neighbours.Add(p)
	d.host.onPeerAdded()
	// What the peer sends waits until the hooks have registered handlers.
	d.events.Do(p.events.Release)
}

// PeerDown implements overlay.Out.
func (d *driver) PeerDown(c peerlist.Conn, why peerlist.Reason) {
	p, ok := d.neighbours.Get(c.Peer.ID)
	if !ok {
		return
	}
	l := p.link.Load()
	if l.id != c.Link {
		return // another link has taken its place
	}
	d.flushBatch()
	d.afterwards(func() {
		f := logging.Fields{"peer": c.Peer.ID.Short(), "addr": c.Addr, "why": why.String()}
		if why == peerlist.ReasonProtocol {
			d.log.About(c.Addr).Warn("a neighbour is gone: one of the two says that the other broke the protocol; have they the same Options.Signed?", f)
			return
		}
		d.log.Debug("neighbour down", f)
	})
	reason := newLeaveReason(why, l.goodbye)
	p.gone.Store(&reason)
	if !d.hasLeft { // else it may have sent something before it knew
		p.finish()
		d.forgetIdlePeers()
	}
	d.neighbours.Remove(p.id)
	if d.neighbours.Len() == 0 {
		d.host.onLastPeerRemoved()
	}
}

// finish says that no event of the peer will come any more.
func (p *Peer) finish() {
	if p.events.HasQueues() {
		p.events.Do(p.events.Finish)
	}
}

// forgetIdlePeers drops the peers that are gone and whose handlers have finished.
func (d *driver) forgetIdlePeers() {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	d.peers = slices.DeleteFunc(d.peers, func(p *Peer) bool {
		if !p.isGone() || p.events.Drain(now) != nil {
			return false
		}
		p.events.Close() // with nothing to wait for
		return true
	})
}

// Deliver implements overlay.Out. What an earlier life of this node emitted
// comes back from others, who pass it on to those that missed it; the node does
// not hear it.
func (d *driver) Deliver(e *plumtree.Event) {
	if e.Origin.ID == d.self.ID {
		d.conflicts.hear(d, e)
		return
	}
	d.deliver(e)
}

// Gap implements overlay.Out.
func (d *driver) Gap(missing plumtree.Range) {
	if missing.Origin.ID == d.self.ID && missing.Origin != d.self {
		return // of an earlier life: it would not have been heard either
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
	d.host.onGap(missing)
}

// Refused implements overlay.Out.
func (d *driver) Refused(from peerlist.Conn, events plumtree.Range, banned bool) {
	d.refusals.forgeries.Add(1)
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
func (d *driver) Notify(notice netsplit.Notice) {
	d.flushBatch()
	switch n := notice.(type) {
	case netsplit.Found:
		d.counters.netsplits.Add(1)
		d.isSplit = true
		d.afterwards(func() {
			d.log.Warn("another part of the network was found: merging", logging.Fields{
				"ours": n.Ours.Short(), "other": n.Other.Short()})
		})
	case netsplit.Healed:
		d.counters.heals.Add(1)
		d.isSplit = false
		d.afterwards(func() {
			d.log.Info("the network is one again", logging.Fields{"merging took": n.For})
		})
	case netsplit.SeedLost:
		d.afterwards(func() {
			d.log.About(n.Addr).Warn("a seed is silent and does not answer: it is down, or cut off", logging.Fields{
				"seed": n.Addr, "error": n.Err})
		})
	}
	d.host.onNetsplit(notice)
}

// flushBatch queues the events of this step before a hook, so that both keep their order.
func (d *driver) flushBatch() {
	if len(d.batch) > 0 {
		d.events.PushBatch(d.batch)
		clear(d.batch)
		d.batch = d.batch[:0]
	}
}

// Conflict implements overlay.Out.
func (d *driver) Conflict(c overlay.Conflict) {
	d.conflicts.note(d, c)
}

// Added implements overlay.Out.
func (d *driver) Added(token uint64, err error) { d.answer(token, result{err: err}) }

// Counted implements overlay.Out.
func (d *driver) Counted(token, nodes uint64, complete bool) {
	d.answer(token, result{nodes: nodes, complete: complete})
}

// addError puts the outcome of an Add into the words of this package.
func addError(addr string, err error) error {
	if err == nil {
		return nil
	}
	for _, known := range []struct{ from, to error }{
		{peerlist.ErrFull, ErrFull},
		{peerlist.ErrPeer, ErrPeerFull},
		{peerlist.ErrSelf, ErrSelf},
		{peerlist.ErrTwin, ErrSameID},
		{peerlist.ErrRefused, ErrRefused},
		{peerlist.ErrTimeout, ErrTimeout},
		{peerlist.ErrLeaving, ErrStopped},
	} {
		if errors.Is(err, known.from) {
			return &DialError{Addr: addr, Err: known.to}
		}
	}
	var dial *DialError
	if errors.As(err, &dial) {
		return err
	}
	return &DialError{Addr: addr, Err: err}
}
