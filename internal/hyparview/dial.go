package hyparview

import (
	"errors"
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// These errors are results of [Membership.Add]. A nil result means that the two nodes are
// neighbours.
var (
	ErrFull    = errors.New("this node is full")
	ErrPeer    = errors.New("the peer is full")
	ErrSelf    = errors.New("the address is this node's own")
	ErrTwin    = errors.New("another node has this node's id")
	ErrRefused = errors.New("the peer refused")
	ErrTimeout = errors.New("no answer in time")
	ErrLeaving = errors.New("the node is stopping")
)

type add struct {
	token   uint64
	peer    ident.ID
	expires time.Time
}

// Add makes the node at addr a neighbour. Out.Added reports the result with the token.
// Rotation and eviction then spare the link; see isEvictable.
func (m *Membership) Add(now time.Time, addr string, token uint64, out Out) {
	switch l := m.at(addr); {
	case m.leaving:
		out.Added(token, ErrLeaving)
	case m.listensAt(addr):
		out.Added(token, ErrSelf)
	case l != nil:
		m.markWanted(l, out)
		out.Added(token, nil)
	case m.countRegular() >= m.cfg.MaxPeers:
		out.Added(token, ErrFull)
	default:
		for _, w := range m.waiting {
			if w.asked && w.isAt(addr) {
				w.wanted = true
				w.tokens = append(w.tokens, token)
				return
			}
		}
		for _, d := range m.dials {
			if d.addr == addr {
				d.tokens = append(d.tokens, token)
				d.purpose = toAdd
				return
			}
		}
		m.dial(addr, toAdd, out).tokens = []uint64{token}
	}
}

// Remove disconnects a neighbour because the program asked for it. For a minute, this
// node neither dials nor accepts the peer. Remove reports whether there was such a
// neighbour.
func (m *Membership) Remove(now time.Time, peer ident.ID, out Out) bool {
	l := m.neighbor(peer)
	if l == nil {
		return false
	}
	m.shun(l, now.Add(removedFor))
	m.disconnect(now, l, ReasonRemoved, m.sample(leaveSample, l), out)
	m.book.rest(now, l.reach(), removedFor)
	m.fill(now, out)
	return true
}

// Ban disconnects a neighbour that broke the protocol in a way that no honest node
// does. For ten minutes, this node neither dials nor accepts the peer. The address that
// the peer advertises may belong to another node, so it stays in the book. The address
// at which this node dialled the peer is not dialled during that time. Ban reports
// whether there was such a neighbour.
func (m *Membership) Ban(now time.Time, id ident.Link, out Out) bool {
	l := m.find(id)
	if l == nil || !m.isNeighbor(l) {
		return false
	}
	m.shun(l, now.Add(bannedFor))
	m.disconnect(now, l, ReasonProtocol, nil, out)
	m.book.rest(now, l.Dialled, bannedFor)
	m.fill(now, out)
	return true
}

func (m *Membership) at(addr string) *link {
	for _, l := range m.active {
		if l.isAt(addr) {
			return l
		}
	}
	return nil
}

func (l *link) isAt(addr string) bool { return l.Addr == addr || l.Dialled == addr }

// reach returns the address under which the book knows the peer.
func (l *link) reach() string {
	if l.Addr == "" {
		return l.Dialled
	}
	return l.Addr
}

func (m *Membership) answerAdds(tokens []uint64, err error, out Out) {
	for _, t := range tokens {
		out.Added(t, err)
	}
}

func (m *Membership) dial(addr string, why purpose, out Out) *dial {
	d := &dial{addr: addr, purpose: why}
	m.dials = append(m.dials, d)
	out.Dial(addr)
	return d
}

func (m *Membership) dialFor(addr string) *dial {
	for _, d := range m.dials {
		if d.addr == addr {
			return d
		}
	}
	return nil
}

// takeDial removes and returns the dial of an address, or returns nil if there is none.
func (m *Membership) takeDial(addr string) *dial {
	for i, d := range m.dials {
		if d.addr == addr {
			m.dials = slices.Delete(m.dials, i, i+1)
			return d
		}
	}
	return nil
}

// DialFailed processes the failure of a dial: no node answered at addr, or the
// handshake failed.
func (m *Membership) DialFailed(now time.Time, addr string, err error, out Out) {
	d := m.takeDial(addr)
	if d == nil {
		if c := m.takeCheck(addr); c != nil {
			m.conclude(now, c, shut, out)
			m.fill(now, out)
		}
		return
	}
	if d.purpose != toFeel {
		m.failures++
	}
	m.recordFailure(now, addr)
	if d.purpose != toAdd && d.purpose != toJoin {
		m.guests.suspected = true // another node advertises an address at which no node answers
	}
	if d.purpose != toAdd { // for toAdd, Added reports the error instead
		m.recordAttempt(now, addr, err)
	}
	m.answerAdds(d.tokens, err, out)
	m.fill(now, out)
}
