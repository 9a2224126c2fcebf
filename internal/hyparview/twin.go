package hyparview

import (
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/retry"
)

// Two lives of one ID.
//
// A life is one run of a node, from its start to its stop. All lives of a node have its
// ID. Each life has an epoch, and a later life has a higher one. If two lives ask one
// node for a link, that node accepts the later life, so that a node that restarts does
// not wait until its old link times out. If both lives are running, two nodes have one ID
// or key by mistake, or one of them lies. An encrypted link proves the ID by its key; a
// plaintext link only claims it. Such twins must not evict each other again and again,
// and each must learn of the other:
//
//   - A life that is evicted gets a DISCONNECT, and a life that is refused gets a
//     NEIGHBOR_REPLY. Both carry the reason twin and the address of the other life.
//   - A life that was refused is running, so the neighbour with the same ID gets
//     the same reply unasked. Nodes of version 1.0 ignore that reply.
//
// The ID is taken as long as one of its lives has a link, whatever its epoch. When that
// link has ended, another life may become a neighbour. So a clock that is behind keeps a
// life out only while its predecessor's link lasts.

var (
	// atSelf spaces the dials of an address at which this node has met itself. A guess:
	// if another node takes over the address, it is found within a minute.
	atSelf = retry.Policy{Min: 10 * time.Second, Max: time.Minute}
	// atTwin spaces the dials of an address at which another life of this node was met,
	// and the requests to nodes that have another life as a neighbour. A guess: the end
	// of a life's link is noticed within five seconds.
	atTwin = retry.Policy{Min: 2 * time.Second, Max: 15 * time.Second}
)

const (
	// maxSwaps bounds how often the link to an ID is replaced by another link to the same
	// ID within swapsWithin. Without the bound, two lives of one epoch, such as copies of
	// one virtual machine, would replace each other forever.
	maxSwaps    = 2
	swapsWithin = 2 * time.Minute
)

// swaps counts how often links to one ID have replaced each other.
type swaps struct {
	since time.Time
	n     int
}

// allow reports whether another link may replace this one now.
func (s swaps) allow(now time.Time) bool { return s.n < maxSwaps || now.Sub(s.since) >= swapsWithin }

// next returns the count for the link that replaces this one.
func (s swaps) next(now time.Time) swaps {
	if s.n == 0 || now.Sub(s.since) >= swapsWithin {
		return swaps{now, 1}
	}
	return swaps{s.since, s.n + 1}
}

// isTwin reports whether a peer with this node's ID is another life of this node.
func (m *Membership) isTwin(peer ident.Origin) bool {
	return m.cfg.Epoch != 0 && peer.Epoch != m.cfg.Epoch
}

// MetSelf records that a dial made by the owner reached this node itself.
func (m *Membership) MetSelf(now time.Time, addr string) { m.restSelfAddr(now, addr, ErrSelf) }

// restSelfAddr delays dials of an address at which this node, or another life of it,
// answered.
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

// retrySelfAddrs allows dials again of addresses at which this node met itself, after a
// delay.
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

// refuseTwin refuses the request of a life because another life of the same ID is a
// neighbour. It informs that other life.
func (m *Membership) refuseTwin(now time.Time, l, old *link, out Out) {
	out.Send(l.Link, &NeighborReply{Reason: ReasonTwin, Degree: m.degree(), Sample: twinOf(old, l)})
	m.drop(l, ReasonTwin, out)
	if old.twinReported.IsZero() || now.Sub(old.twinReported) >= removedFor {
		old.twinReported = now
		out.Send(old.Link, &NeighborReply{Reason: ReasonTwin, Degree: m.degree(), Sample: twinOf(l, old)})
	}
}

// twinOf returns the contact of a life for a message to another life. The contact has an
// address only if that address is valid for the receiver.
func twinOf(l, to *link) []Contact {
	if l.Addr == "" || ident.IsLoopback(l.Addr) && !to.Local {
		return nil
	}
	return []Contact{{l.Peer.ID, l.Addr}}
}

// addrOfTwin returns the address of the other life in a peer's sample. It may be empty.
func (m *Membership) addrOfTwin(told []Contact) string {
	for _, c := range told {
		if c.ID == m.cfg.Self.ID {
			return c.Addr
		}
	}
	return ""
}

// isYielding reports whether a peer is shunned, until the given time, only because it had
// another life of this node as a neighbour. If that peer now sends a request to this
// node, it has lost the other life.
func (m *Membership) isYielding(peer ident.ID, until time.Time) bool {
	at, ok := m.twins.Until(peer.String())
	return ok && at.Equal(until)
}

// yieldToTwin avoids, for a while, a peer that has another life of this node as a
// neighbour.
func (m *Membership) yieldToTwin(now time.Time, l *link, told []Contact, out Out) {
	key := l.Peer.ID.String()
	m.twins.Add(now, key, atTwin, m.cfg.Rand)
	until, _ := m.twins.Until(key)
	m.shun(l, until)
	m.book.rest(now, l.reach(), until.Sub(now))
	out.Twin(l.Conn, m.addrOfTwin(told), true)
}
