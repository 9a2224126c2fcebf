package hyparview

import (
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/retry"
)

// betweenRounds sets the delays between rounds of requests without success.
var betweenRounds = retry.Policy{Min: 100 * time.Millisecond, Max: 5 * time.Second}

// fill looks for neighbours while there are fewer than MinPeers. A round of requests ends
// in three cases: if no address is left to try, if enough nodes have refused, or some
// time after the first refusal. It does not wait for the last dials of dead addresses, so
// it ends long before many dead addresses were all tried. After a round, fill waits and
// asks the seeds for fresh contacts. After a few rounds without success, it sends
// high-priority requests (see insistence).
func (m *Membership) fill(now time.Time, out Out) {
	m.hastenRotation(now)
	m.reportShutOut(now, out)
	if m.leaving || len(m.active) >= m.cfg.MinPeers {
		m.roundAt, m.sweep = time.Time{}, sweep{}
		return
	}
	if !m.roundAt.IsZero() && !now.Before(m.roundAt) {
		m.roundAt = time.Time{}
		m.rounds, m.refusals, m.refusedAt = m.rounds+1, 0, time.Time{}
		for i := range m.seeds {
			m.seeds[i].tried = false
		}
		m.orderSeeds()
	}
	underWay := m.pendingRequests() + len(m.dials)
	want := m.cfg.MinPeers - len(m.active)
	if m.failures >= 2 || len(m.active) == 0 {
		want = maxDials // many addresses are dead, so dial more of them and close surplus links
	}
	for len(m.anchors) > 0 && underWay < want { // anchors are dialled first, and only once
		addr := m.anchors[0]
		m.anchors = m.anchors[1:]
		if m.canDial(Contact{Addr: addr}) {
			m.dial(addr, toFill, out)
			underWay++
		}
	}
	skip := func(c Contact) bool { return !m.canDial(c) }
	if len(m.active) > 0 {
		m.sweep = sweep{}
	}
	if len(m.active) == 0 || m.rounds > 0 {
		width := m.dialWidth(now, want)
		for i := range m.seeds {
			if s := &m.seeds[i]; underWay < width && !s.tried && m.canDial(Contact{Addr: s.addr}) {
				s.tried = true
				m.dial(s.addr, toJoin, out)
				underWay++
			}
		}
		m.scheduleWidening(now, underWay >= width)
	}
	seeds := m.sweepDials()
	for underWay-seeds < want {
		c, ok := m.book.pick(now, m.cfg.Rand, m.avoided(now), func(e *entry) bool { return skip(e.Contact) })
		if !ok {
			break
		}
		m.dial(c.Addr, toFill, out)
		underWay++
	}
	over := underWay == 0 || m.failures >= 2 && underWay < want || m.refusals >= maxRefusals ||
		!m.roundEndsAt().IsZero() && !now.Before(m.roundEndsAt())
	if over && m.roundAt.IsZero() && len(m.seeds)+len(m.book.entries) > 0 {
		m.roundAt = now.Add(max(betweenRounds.Delay(m.rounds, m.cfg.Rand), m.betweenSweeps()))
		if at, ok := m.book.soonest(now, skip); ok && at.Before(m.roundAt) && m.rounds >= politeRounds {
			m.roundAt = at
		}
	}
}

// roundEndsAt returns when a round ends in which a node has refused, or the zero time if
// none has.
func (m *Membership) roundEndsAt() time.Time {
	switch {
	case m.leaving || m.refusedAt.IsZero() || len(m.active) >= m.cfg.MinPeers:
		return time.Time{}
	case len(m.active) == 0:
		return m.refusedAt.Add(stuckAlone)
	}
	return m.refusedAt.Add(stuckFor)
}

func (m *Membership) deadAt(l *link) time.Time {
	return l.heard.Add(m.cfg.PingInterval + m.cfg.PingTimeout)
}

// silentAt returns when one of the two ends will have sent no frame for a PingInterval.
func (m *Membership) silentAt(l *link) time.Time {
	since := l.heard
	if l.sent.Before(since) {
		since = l.sent
	}
	return since.Add(m.cfg.PingInterval)
}

// keepAlive sends pings on links that this node dialled, and closes links that are
// silent.
func (m *Membership) keepAlive(now time.Time, out Out) {
	if !m.lastDeadline.IsZero() && now.Sub(m.lastDeadline) > lateAfter {
		// This node was stalled, so frames of its neighbours may wait unread.
		for _, l := range m.active {
			if grace := now.Add(-m.cfg.PingInterval); l.heard.Before(grace) {
				l.heard = grace
			}
		}
	}
	for i := 0; i < len(m.active); i++ {
		l := m.active[i]
		if !now.Before(m.deadAt(l)) {
			m.remove(l)
			i--
			out.Close(l.Link, ReasonSilent)
			out.Down(l.Link, ReasonSilent)
			m.book.markFailed(now, l.reach(), m.cfg.Rand) // the peer was alive, so no source is to blame
			continue
		}
		if l.Dialled != "" && !now.Before(l.pingAt) {
			if silent := m.silentAt(l); now.Before(silent) && now.Sub(l.pinged) < rarePings*m.cfg.PingInterval {
				l.pingAt = silent
				continue
			}
			l.pingAt, l.pinged = now.Add(m.cfg.PingInterval), now
			out.Send(l.Link, &Ping{Degree: m.degree(), Sent: now.Sub(m.started)})
		}
	}
}

func (m *Membership) onPong(now time.Time, l *link, p *Pong) {
	if rtt := now.Sub(m.started) - p.Sent; rtt >= 0 && rtt < time.Minute {
		l.rtt = rtt
	}
}

// forwardJoin sends the contact of the newcomer on random walks. The newcomer gains
// neighbours far from its contact node, and enters the books of the nodes on the way.
func (m *Membership) forwardJoin(newcomer Contact, from *link, out Out) {
	if newcomer.Addr == "" {
		return
	}
	walks := min(m.cfg.MinPeers-1, len(m.active)-1)
	if walks <= 0 {
		return
	}
	start := m.cfg.Rand.IntN(len(m.active))
	for i := 0; i < len(m.active) && walks > 0; i++ {
		to := m.active[(start+i)%len(m.active)]
		if to != from && (to.Local || !ident.IsLoopback(newcomer.Addr)) {
			out.Send(to.Link, &ForwardJoin{Newcomer: newcomer, TTL: activeWalk})
			walks--
		}
	}
}

func (m *Membership) onForwardJoin(now time.Time, from *link, f *ForwardJoin, out Out) {
	c := f.Newcomer
	if !m.isUsable(c, from) {
		return
	}
	next := m.walkTarget(from, c)
	if f.TTL == 0 || next == nil {
		m.addContact(now, from, c)
		// The last free neighbour slot is kept for nodes without a neighbour. An address
		// that has just failed is not dialled: otherwise a neighbour could make this node
		// dial it forever.
		if m.book.mayDial(now, c.Addr) && m.canDial(c) && m.mayFollow(now, c.Addr) && m.countRegular()+m.pendingRequests()+len(m.dials) < m.cfg.MaxPeers-1 {
			m.dial(c.Addr, toAnswer, out)
		}
		return
	}
	if f.TTL == passiveWalk {
		m.addContact(now, from, c)
	}
	out.Send(next.Link, &ForwardJoin{Newcomer: c, TTL: min(f.TTL, activeWalk) - 1})
}

// walkTarget draws the neighbour to which a walk continues: neither the sender nor the
// node that the message is about.
func (m *Membership) walkTarget(from *link, about Contact) *link {
	if len(m.active) == 0 {
		return nil
	}
	start := m.cfg.Rand.IntN(len(m.active))
	for i := range m.active {
		l := m.active[(start+i)%len(m.active)]
		if l != from && l.Peer.ID != about.ID && (l.Local || !ident.IsLoopback(about.Addr)) {
			return l
		}
	}
	return nil
}

// shuffle sends a sample of both views on a random walk. While incoming walks bring new
// contacts, the gap between shuffles stays short. Otherwise it doubles.
//
// HyParView answers a SHUFFLE over a separate connection. This node does not: every node
// sends as many shuffles as it receives, so answers would add little, and each would cost
// a dial.
func (m *Membership) shuffle(now time.Time, out Out) {
	if m.shuffleAt.IsZero() || now.Before(m.shuffleAt) {
		return
	}
	if m.fresh > shufflePassive/4 {
		m.shuffleIn = m.cfg.ShuffleInterval
	} else {
		m.shuffleIn = min(2*m.shuffleIn, max(maxShuffleInterval, m.cfg.ShuffleInterval))
	}
	m.fresh = 0
	m.shuffleAt = now.Add(retry.Blur(m.shuffleIn, m.cfg.Rand))
	if to := m.walkTarget(nil, Contact{}); to != nil {
		m.offer(to, shuffleActive+shufflePassive, activeWalk, out)
	}
}

// offer sends the contact of this node and n more contacts on a walk that begins at a
// neighbour.
func (m *Membership) offer(to *link, n int, ttl uint8, out Out) {
	var sample []Contact
	if self := m.cfg.Self; self.Addr != "" && (to.Local || !ident.IsLoopback(self.Addr)) {
		sample = append(sample, self)
	}
	if sample = append(sample, m.sample(n, to)...); len(sample) > 0 {
		out.Send(to.Link, &Shuffle{Sample: sample, TTL: ttl})
	}
}

func (m *Membership) onShuffle(now time.Time, from *link, s *Shuffle, out Out) {
	if s.TTL > 0 && len(s.Sample) > 0 {
		if next := m.walkTarget(from, s.Sample[0]); next != nil {
			sample := s.Sample
			if from.Local && !next.Local { // a sample from another machine has no loopback addresses
				sample = nil
				for _, c := range s.Sample {
					if !ident.IsLoopback(c.Addr) {
						sample = append(sample, c)
					}
				}
			}
			if len(sample) > 0 {
				out.Send(next.Link, &Shuffle{Sample: sample, TTL: min(s.TTL, activeWalk) - 1})
			}
			return
		}
	}
	m.addContacts(now, from, s.Sample)
}
