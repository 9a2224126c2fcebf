package peerlist

import (
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/retry"
)

// Two lives of one ID.
//
// A node has one ID, and each of its lives an epoch, later ones a higher one. Of two
// lives that ask one node, the later one gets the place, so that a node that restarts
// does not wait until its old link is silent. If both live, two nodes have one ID, or
// one key, by mistake, or one of them lies: encrypted links have an ID only with its
// key, plaintext ones by claim. Such twins must not take each other's place again and
// again, and each must learn of the other:
//
//   - the life that loses its place gets a DISCONNECT, the one that is refused gets a
//     NEIGHBOR_REPLY, both with the reason twin and the address of the other;
//   - a life that is refused is alive, so the neighbour that it asked for its place
//     gets the same reply unasked. Nodes of version 1.0 ignore that one.
//
// The place is bound to a link and not to the epoch: when the link of one life has
// ended, another life may have it, whatever its epoch. So a clock that is behind
// keeps no life out for longer than its predecessor's link lasts.

var (
	// atSelf spaces the dials of an address at which this node met itself. A guess:
	// another node that takes the address is found within a minute.
	atSelf = retry.Policy{Min: 10 * time.Second, Max: time.Minute}
	// atTwin spaces the dials of an address at which another life was met, and the
	// requests to nodes that keep one as a neighbour. A guess: the link of a life
	// that has ended is noticed in five seconds.
	atTwin = retry.Policy{Min: 2 * time.Second, Max: 15 * time.Second}
)

const (
	// mostSwaps is how often the link to a peer is replaced by another one to the
	// same ID within swapsWithin. Two lives of one epoch, such as copies of one
	// virtual machine, would do that for ever.
	maxSwaps    = 2
	swapsWithin = 2 * time.Minute
)

// swaps counts how often the links to one ID have taken each other's place.
type swaps struct {
	since time.Time
	n     int
}

// allow reports whether another link may take the place now.
func (s swaps) allow(now time.Time) bool { return s.n < maxSwaps || now.Sub(s.since) >= swapsWithin }

// next is what the link has that takes the place.
func (s swaps) next(now time.Time) swaps {
	if s.n == 0 || now.Sub(s.since) >= swapsWithin {
		return swaps{now, 1}
	}
	return swaps{s.since, s.n + 1}
}

// isTwin reports whether a peer with this node's ID is another life of it.
func (m *Membership) isTwin(peer ident.Origin) bool {
	return m.cfg.Epoch != 0 && peer.Epoch != m.cfg.Epoch
}

// MetSelf notes that a dial of the owner's own led to this node.
func (m *Membership) MetSelf(now time.Time, addr string) { m.restSelfAddr(now, addr, ErrSelf) }

// metSelf has an address rest at which this node, or another life of it, answered.
func (m *Membership) restSelfAddr(now time.Time, addr string, why error) {
	policy := atSelf
	if why == ErrTwin {
		policy = atTwin
	}
	m.self[addr] = true
	m.resting.Add(now, addr, policy, m.cfg.Rand)
	m.selfRetryAt, _ = m.resting.Next(now)
	m.book.forget(addr)
}

// wake has addresses tried again at which this node met itself a while ago.
func (m *Membership) retrySelfAddrs(now time.Time) {
	m.clock = now
	if m.selfRetryAt.IsZero() || now.Before(m.selfRetryAt) {
		return
	}
	for addr := range m.self { // order does not matter: entries are independent
		if !m.listensAt(addr) && !m.resting.Has(now, addr) {
			delete(m.self, addr)
			for i := range m.seeds {
				if m.seeds[i].addr == addr {
					m.seeds[i].tried = false
				}
			}
		}
	}
	m.selfRetryAt, _ = m.resting.Next(now)
}

// refuseTwin refuses the request of a life, because the link to another one is in
// its place, and lets that one know that the first is alive.
func (m *Membership) refuseTwin(now time.Time, l, old *link, out Out) {
	out.Send(l.Link, &NeighborReply{Reason: ReasonTwin, Degree: m.degree(), Sample: twinOf(old, l)})
	m.drop(l, ReasonTwin, out)
	if old.twinReported.IsZero() || now.Sub(old.twinReported) >= removedFor {
		old.twinReported = now
		out.Send(old.Link, &NeighborReply{Reason: ReasonTwin, Degree: m.degree(), Sample: twinOf(l, old)})
	}
}

// twinOf is a life as it is told to another one, with its address if that means
// something there.
func twinOf(l, to *link) []Contact {
	if l.Addr == "" || ident.IsLoopback(l.Addr) && !to.Local {
		return nil
	}
	return []Contact{{l.Peer.ID, l.Addr}}
}

// addrOfTwin is the address of the other life in what a peer tells; may be empty.
func (m *Membership) addrOfTwin(told []Contact) string {
	for _, c := range told {
		if c.ID == m.cfg.Self.ID {
			return c.Addr
		}
	}
	return ""
}

// isYielding reports whether a peer is shunned until then only because it had another
// life of this ID as a neighbour. If it asks for this one, it has no other.
func (m *Membership) isYielding(peer ident.ID, until time.Time) bool {
	at, ok := m.twins.Until(peer.String())
	return ok && at.Equal(until)
}

// yield keeps away, for a while, from a peer that has another life of this ID as a
// neighbour.
func (m *Membership) yieldToTwin(now time.Time, l *link, told []Contact, out Out) {
	key := l.Peer.ID.String()
	m.twins.Add(now, key, atTwin, m.cfg.Rand)
	until, _ := m.twins.Until(key)
	m.shun(l.Peer.ID, until)
	m.book.rest(now, l.reach(), until.Sub(now))
	out.Twin(l.Conn, m.addrOfTwin(told), true)
}
