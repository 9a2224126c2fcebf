package hyparview

import (
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/retry"
)

// LinkUp processes a link whose handshake is complete. If this node dialled the link, it
// sends its request, unless the link is no longer needed. If it accepted the link, it
// waits for the peer's request.
func (m *Membership) LinkUp(now time.Time, c Conn, out Out) {
	l := m.newLink(now, c)
	d := m.takeDial(c.Dialled)
	if check := m.takeCheck(c.Dialled); d == nil && check != nil {
		found := shut
		if c.Peer.ID == check.peer.ID {
			found = open
		}
		out.Close(c.Link, ReasonProbed)
		m.conclude(now, check, found, out)
		m.fill(now, out)
		return
	}
	if d != nil {
		m.failures = 0
		l.purpose, l.tokens, l.wanted = d.purpose, d.tokens, d.purpose == toAdd
	}
	switch {
	case m.leaving:
		m.answerAdds(l.tokens, ErrLeaving, out)
		out.Close(c.Link, ReasonLeave)
	case c.Peer.ID == m.cfg.Self.ID:
		err := ErrSelf
		if m.isTwin(c.Peer) {
			err = ErrTwin
			m.recordAttempt(now, c.Dialled, err)
		}
		if c.Dialled != "" {
			m.restSelfAddr(now, c.Dialled, err)
		}
		m.answerAdds(l.tokens, err, out)
		out.Close(c.Link, ReasonSelf)
	case d == nil:
		m.limitWaiting(l, out)
		m.waiting = append(m.waiting, l)
		return
	case l.purpose == toFeel:
		m.recordReached(now, l)
		out.Close(c.Link, ReasonProbed)
	default:
		m.recordReached(now, l)
		m.ask(now, l, out)
	}
	m.fill(now, out)
}

func (m *Membership) newLink(now time.Time, c Conn) *link {
	return &link{
		Conn: c, heard: now, expires: now.Add(requestTimeout),
		source: m.book.salt.source(c), prefix: m.book.salt.prefix(c), atHost: isAtItsHost(c),
	}
}

// limitWaiting makes room for a new link: if too many accepted links wait for a request,
// it closes one of them. It finds the prefix that has most of them, the new one included,
// and draws a random link of that prefix. So a stranger that opens many links closes its
// own. The oldest link is not preferred, because it may belong to an honest node with a
// long round trip.
func (m *Membership) limitWaiting(newcomer *link, out Out) {
	n, most := 0, 0
	counts := map[uint16]int{newcomer.prefix: 1}
	for _, l := range m.waiting {
		if l.Dialled == "" {
			n++
			counts[l.prefix]++
			most = max(most, counts[l.prefix])
		}
	}
	if n < m.cfg.MaxWaiting {
		return
	}
	ofSelf := most > 1 && counts[newcomer.prefix] == most
	var victim *link
	seen := 0
	for _, l := range m.waiting {
		if l.Dialled != "" || counts[l.prefix] < most || ofSelf && l.prefix != newcomer.prefix {
			continue
		}
		if seen++; m.cfg.Rand.IntN(seen) == 0 {
			victim = l
		}
	}
	m.drop(victim, ReasonUnwanted, out)
}

// Adopt takes over a link that was dialled as a probe and has found another component.
// This node asks the peer to become a bridge.
func (m *Membership) Adopt(now time.Time, c Conn, out Out) {
	if m.leaving {
		out.Close(c.Link, ReasonLeave)
		return
	}
	l := m.newLink(now, c)
	l.purpose = toBridge
	m.recordReached(now, l)
	m.ask(now, l, out)
}

// recordReached puts a peer that this node reached into the book. The dialled address has
// worked. The address that the peer advertises may differ, for instance behind a mapped
// port. It is added as untried, because it may be the one that still works after a
// restart. A peer that dialled this node does not prove that its address works.
func (m *Membership) recordReached(now time.Time, l *link) {
	if l.Dialled == "" {
		return
	}
	m.book.markWorking(Contact{l.Peer.ID, l.Dialled}, l.source, m.cfg.Rand)
	if l.Dialled != l.Addr && l.Addr != "" && !m.self[l.Addr] {
		m.addContact(now, l, Contact{l.Peer.ID, l.Addr})
	}
}

// ask sends this node's request on a link that it dialled, if the link is still needed.
func (m *Membership) ask(now time.Time, l *link, out Out) {
	other := m.request(l.Peer.ID)
	shunned, banned := m.removed[l.Peer.ID]
	switch {
	case m.neighbor(l.Peer.ID) != nil:
		if l.purpose == toAdd {
			m.markWanted(m.neighbor(l.Peer.ID), out)
		}
		m.answerAdds(l.tokens, nil, out)
		out.Close(l.Link, ReasonDuplicate)
		return
	case other != nil:
		other.wanted = other.wanted || l.wanted
		other.tokens = append(other.tokens, l.tokens...)
		out.Close(l.Link, ReasonDuplicate)
		return
	case banned && l.purpose != toAdd && now.Before(shunned.until):
		m.book.rest(now, l.Dialled, shunned.until.Sub(now))
		out.Close(l.Link, ReasonRemoved)
		return
	case l.purpose == toBridge && !m.hasRoom():
		m.replaceNeighbor(now, l, m.victimForBridge(now), out)
	}
	if l.purpose == toRotate {
		m.evictForRotation(now, out)
	}
	isFilled := (l.purpose == toFill || l.purpose == toJoin) && len(m.active)+m.pendingRequests() >= m.cfg.MinPeers
	if isFilled || !m.hasRoom() { // other nodes answered first; do not take more neighbours than needed
		if l.tokens != nil {
			m.answerAdds(l.tokens, ErrFull, out)
		}
		out.Close(l.Link, ReasonUnwanted)
		return
	}
	if l.purpose == toAdd {
		delete(m.removed, l.Peer.ID)
	}
	l.asked = true
	m.waiting = append(m.waiting, l)
	switch {
	case l.purpose == toBridge:
		out.Send(l.Link, &Neighbor{Priority: Bridge})
	case len(m.active) == 0 && l.purpose != toAdd:
		out.Send(l.Link, &Join{Priority: m.insistence(), AsSeed: m.isSeed(l.Dialled)})
	default:
		out.Send(l.Link, &Neighbor{Priority: m.insistence(), Kept: l.wanted})
	}
}

// insistence returns the priority of a request. It is High if low-priority rounds have
// failed and the new link cannot exceed this node's own bound. A full node that accepts
// evicts a neighbour, and that neighbour may dial this node as well. This node then gains
// two links, so it needs room for both.
func (m *Membership) insistence() Priority {
	switch {
	case m.rounds < politeRounds || m.cfg.NoInsistence:
		return Low
	case len(m.active) == 0:
		return High
	case len(m.active)+2 <= m.cfg.MaxPeers && m.rounds >= politeRounds+2:
		return High
	}
	return Low
}

func (m *Membership) isSeed(addr string) bool {
	return slices.ContainsFunc(m.seeds, func(s seed) bool { return s.addr == addr })
}

// onRequest decides on a JOIN or NEIGHBOR.
//
// If two nodes dial each other at once, one link remains, the same at both ends, and the
// nodes are never without one. The node with the lower ID refuses the other's request
// while its own is pending. The node with the higher ID accepts and drops its own. If a
// neighbour sends a new request, it has lost the old link, so the new link replaces it.
// The exception is an old link that wins by this rule: the peer may have sent the new
// request before it dropped that attempt.
func (m *Membership) onRequest(now time.Time, l *link, prio Priority, join bool, out Out) {
	peer := l.Peer.ID
	if l.asked || l.checked || m.isNeighbor(l) {
		return // a repeated request has no effect
	}
	m.setAccess(now, l)
	newcomer := Contact{peer, l.Addr}
	own, old := m.request(peer), m.neighbor(peer)
	shunned, banned := m.removed[peer]
	switch {
	case banned && now.Before(shunned.until) && !shunned.mayAsk && !m.isYielding(peer, shunned.until):
		m.refuse(l, ReasonRemoved, out)
		return
	case old != nil && (l.Peer.Epoch < old.Peer.Epoch || !old.swaps.allow(now)):
		m.refuseTwin(now, l, old, out)
		return
	case own != nil && m.cfg.Self.ID.Less(peer):
		m.refuse(l, ReasonDuplicate, out)
		return
	case own != nil:
		l.tokens, l.wanted = own.tokens, own.wanted
		m.drop(own, ReasonDuplicate, out)
	case old != nil && old.Dialled != "" && old.Peer.Epoch >= l.Peer.Epoch && m.cfg.Self.ID.Less(peer):
		m.refuse(l, ReasonDuplicate, out)
		return
	case old != nil:
		l.wanted, l.asksKeep = old.wanted, l.asksKeep || old.asksKeep
		l.swaps = old.swaps.next(now)
		m.accept(now, l, out)
		m.remove(old)
		if old.Peer.Epoch < l.Peer.Epoch {
			// If the older run of the node is still active, it learns of the other one.
			out.Send(old.Link, &Disconnect{Reason: ReasonTwin, Try: twinOf(l, old)})
		}
		out.Close(old.Link, ReasonDuplicate)
		out.Down(old.Link, ReasonDuplicate)
		return
	case !m.hasRoomFor(now, l, prio, join):
		if m.deferToCheck(now, l, prio, join, out) {
			return
		}
		if !m.hasRoomFor(now, l, prio, join) { // the check may have shown that the peer is a guest
			m.evictFor(now, l, prio, join, out)
		}
	}
	if !m.hasRoomFor(now, l, prio, join) {
		m.refuseFull(now, l, prio, join, out)
		return
	}
	if prio == Bridge {
		l.protected = now.Add(protectedFor)
	}
	m.accept(now, l, out)
	if join && l.access != shut {
		m.forwardJoin(newcomer, l, out)
	}
}

func (m *Membership) accept(now time.Time, l *link, out Out) {
	if l.access != shut {
		// The peer dialled this node, so it is not known yet whether the peer can be
		// dialled.
		m.addContact(now, l, Contact{l.Peer.ID, l.Addr})
	}
	out.Send(l.Link, &NeighborReply{Accepted: true, Degree: m.degree() + 1, Sample: m.sample(replySample, l)})
	m.activate(now, l, out)
}

// refuseFull refuses a request because there is no room for a neighbour. It always
// returns true.
func (m *Membership) refuseFull(now time.Time, l *link, prio Priority, join bool, out Out) bool {
	if join && prio == High && !m.isFlooding(now, l) {
		m.guests.needy, m.guests.suspected = now.Add(keptForNeedy), true
	}
	m.rememberLooker(now, l)
	m.refuse(l, ReasonFull, out)
	return true
}

func (m *Membership) refuse(l *link, why Reason, out Out) {
	reply := &NeighborReply{Reason: why, Degree: m.degree()}
	if why == ReasonFull {
		reply.Sample = m.sample(replySample, l)
	}
	out.Send(l.Link, reply)
	m.drop(l, why, out)
}

// rememberLooker remembers a node that this node had to refuse, unless the node's source
// floods.
func (m *Membership) rememberLooker(now time.Time, l *link) {
	c := Contact{l.Peer.ID, l.Addr}
	if l.access == shut || m.isFlooding(now, l) {
		return
	}
	m.lookers = slices.DeleteFunc(m.lookers, func(k looker) bool { return k.Addr == c.Addr || now.After(k.until) })
	if len(m.lookers) >= 2*replySample {
		m.lookers = m.lookers[1:]
	}
	m.lookers = append(m.lookers, looker{c, now.Add(2 * time.Second)})
	m.addContact(now, l, c)
}

// activate makes the link a neighbour.
func (m *Membership) activate(now time.Time, l *link, out Out) {
	m.remove(l)
	l.asked, l.expires, l.heard, l.since = false, time.Time{}, now, now
	if l.Dialled != "" {
		l.pingAt = now.Add(retry.Blur(m.cfg.PingInterval, m.cfg.Rand))
	}
	m.active = append(m.active, l)
	m.rounds, m.refusals, m.refusedAt, m.roundAt, m.failures = 0, 0, time.Time{}, time.Time{}, 0
	m.twins.Drop(l.Peer.ID.String())
	out.Up(l.Link)
	m.shutOut = shutOut{}
	told := l.purpose == toAdd && l.wanted // this node's request carried Kept
	m.answerAdds(l.tokens, nil, out)
	l.tokens = nil
	m.adds = slices.DeleteFunc(m.adds, func(a add) bool {
		if a.peer == l.Peer.ID {
			l.wanted = true
			out.Added(a.token, nil)
		}
		return a.peer == l.Peer.ID
	})
	if l.wanted && !told {
		out.Send(l.Link, &Neighbor{Kept: true})
	}
}

// onReply processes the answer to this node's request.
func (m *Membership) onReply(now time.Time, l *link, r *NeighborReply, out Out) {
	if !l.asked {
		if !r.Accepted && r.Reason == ReasonTwin && m.isNeighbor(l) {
			out.Twin(l.Conn, m.addrOfTwin(r.Sample), false)
		}
		return
	}
	l.degree = int(r.Degree)
	m.addContacts(now, l, r.Sample)
	if r.Accepted {
		switch l.purpose {
		case toBridge, toAdd:
			l.protected = now.Add(protectedFor)
		}
		m.activate(now, l, out)
		if l.degree < m.cfg.MinPeers {
			// The peer may have no other neighbour, for instance a seed that has
			// restarted.
			m.offer(l, replySample, 0, out)
		}
		return
	}
	m.drop(l, r.Reason, out)
	if l.purpose != toAdd {
		m.recordAttempt(now, l.Dialled, refusalError(r.Reason))
	}
	switch r.Reason {
	case ReasonDuplicate: // the peer's own dial replaces this link
		for _, t := range l.tokens {
			m.adds = append(m.adds, add{t, l.Peer.ID, now.Add(requestTimeout)})
		}
		m.book.rest(now, l.reach(), time.Second)
		return
	case ReasonFull:
		if m.refusals++; m.refusals == 1 {
			m.refusedAt = now
		}
		m.answerAdds(l.tokens, ErrPeer, out)
	case ReasonRemoved:
		m.avoid(l, now.Add(removedFor))
		m.book.rest(now, l.reach(), removedFor)
		m.answerAdds(l.tokens, ErrRefused, out)
	case ReasonTwin:
		m.yieldToTwin(now, l, r.Sample, out)
		m.answerAdds(l.tokens, ErrTwin, out)
	default:
		m.answerAdds(l.tokens, ErrRefused, out)
	}
	m.book.rest(now, l.reach(), afterRefusal.Delay(0, m.cfg.Rand))
}

// onDisconnect processes a neighbour's DISCONNECT and dials a contact that it offers.
func (m *Membership) onDisconnect(now time.Time, l *link, d *Disconnect, out Out) {
	wasNeighbor := m.remove(l)
	out.Close(l.Link, d.Reason)
	if wasNeighbor {
		out.Down(l.Link, d.Reason)
	}
	m.answerAdds(l.tokens, ErrRefused, out)
	if !wasNeighbor { // contacts from a peer that is not a neighbour are ignored
		m.book.rest(now, l.reach(), afterRefusal.Delay(0, m.cfg.Rand))
		return
	}
	switch d.Reason {
	case ReasonLeave:
		m.book.markFailed(now, l.reach(), m.cfg.Rand) // the peer said goodbye, so no source is to blame
	case ReasonRemoved:
		m.avoid(l, now.Add(removedFor))
		m.book.rest(now, l.reach(), removedFor)
	case ReasonTwin:
		m.yieldToTwin(now, l, d.Try, out)
	default:
		m.book.rest(now, l.reach(), retry.Blur(4*time.Second, m.cfg.Rand))
	}
	m.addContacts(now, l, d.Try)
	if d.Reason == ReasonMakeRoom || d.Reason == ReasonLeave {
		for _, c := range d.Try {
			if m.isUsable(c, l) && m.canDial(c) && m.mayFollow(now, c.Addr) && m.countRegular()+m.pendingRequests()+len(m.dials) < m.cfg.MaxPeers {
				m.dial(c.Addr, toAnswer, out)
				break
			}
		}
	}
}

// expire ends links, calls of Add, and entries of removed peers whose time is over.
func (m *Membership) expire(now time.Time, out Out) {
	for _, l := range slices.Clone(m.waiting) {
		if now.Before(l.expires) {
			continue
		}
		m.drop(l, ReasonSilent, out)
		m.answerAdds(l.tokens, ErrTimeout, out)
		if l.Dialled != "" {
			if l.purpose != toAdd {
				m.recordAttempt(now, l.Dialled, ErrTimeout)
			}
			m.recordFailure(now, l.reach())
		}
	}
	m.adds = slices.DeleteFunc(m.adds, func(a add) bool {
		late := !now.Before(a.expires)
		if late {
			out.Added(a.token, ErrTimeout)
		}
		return late
	})
	for id, s := range m.removed { // order does not matter: entries are independent
		if now.After(s.until) {
			delete(m.removed, id)
		}
	}
}
