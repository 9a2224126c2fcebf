package plumtree

import (
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// This file decides when a pulse is accepted, forwarded or sent, and when enough copies
// have arrived to assign the places of the links in the tree.

// onPulse processes a pulse.
func (p *pulse) onPulse(now time.Time, l *link, m *Pulse, out pulseOut) {
	switch {
	case m.Root == p.root && m.Count == p.count && !p.at.IsZero():
		switch {
		case l.id == p.parent:
		case !p.isLost():
			p.recordCopy(now, l, m.Hops, out)
		case p.isNearer(m.Hops):
			p.setParent(l, out)
		}
		return
	case m.Root == p.cfg.Self || !p.isBeatenBy(now, m):
		return
	case p.waitForParent(now, l, m) || !p.admit(now):
		return
	}
	p.accept(now, l, m, out)
	for _, a := range p.takeEarly() {
		if x := p.links.find(a.from); x != nil && x != l {
			p.onPulse(now, x, &a.Pulse, out)
		}
	}
}

// waitForParent holds back a pulse that arrives on another link than the parent's and is
// no nearer to the root. On busy links, chance decides which copy arrives first, and a
// tree that follows chance keeps changing. If the parent's copy does not arrive within a
// moment, the held copies are processed in the order of their arrival.
func (p *pulse) waitForParent(now time.Time, l *link, m *Pulse) bool {
	if m.Root != p.root || l.id == p.parent || p.links.find(p.parent) == nil || m.Hops < p.hops {
		return false
	}
	if p.waitTo.IsZero() {
		p.waitTo = now.Add(min(max(parentLead, p.late.most, p.late.before), p.cfg.OrderWait/8))
	} else if !now.Before(p.waitTo) {
		return false
	}
	if len(p.early) < 2*len(*p.links) {
		p.early = append(p.early, arrival{l.id, *m})
	}
	return true
}

// takeEarly returns the pulses that were held back, and ends the wait.
func (p *pulse) takeEarly() (list []arrival) {
	list, p.early, p.waitTo = p.early, nil, time.Time{}
	return list
}

// accept takes a new pulse, which makes l the path to the root. If l is not eager, or is
// exempt, accept asks the peer to push.
func (p *pulse) accept(now time.Time, l *link, m *Pulse, out pulseOut) {
	// The other end of a new link treats it as lazy if it has sent this pulse on it.
	mustAsk := !l.role.isEager() || l.role.isExempt()
	p.start(now, l.id, m, out)
	if mustAsk {
		out.askToPush(l.id, true)
		out.makeEager(l)
	}
	if int(p.ownRank()) >= int(m.Rank)+rankLead {
		p.send(now, out)
	}
	p.emitted = 0
}

// recordReign records that the root is replaced. If maxPast roots are remembered, one is
// forgotten: one whose pulses have expired, or else the oldest one of the link that brought
// the most. So forged pulses displace only each other.
func (p *pulse) recordReign(now time.Time) {
	most, at := 0, 0
	for i, r := range p.past {
		count := 0
		for _, other := range p.past {
			if other.by == r.by {
				count++
			}
		}
		if now.Sub(r.end) >= pulseLasts {
			at = i
			break
		}
		if count > most || count == most && r.end.Before(p.past[at].end) {
			most, at = count, i
		}
	}
	p.past[at] = reign{p.root, p.count, now, p.from}
}

// send starts a new pulse of this node.
func (p *pulse) send(now time.Time, out pulseOut) {
	m := &Pulse{Root: p.cfg.Self, Rank: p.ownRank(), Count: p.count + 1}
	if !p.isOwn() {
		m.Count = uint64(max(now.Sub(p.started), 0)) + 1 // higher than when this node was root before
	}
	p.start(now, 0, m, out)
	p.nextAt = now.Add(pulseEvery)
	p.emitted = 0
}

// start stores a pulse and forwards it.
func (p *pulse) start(now time.Time, from ident.Link, m *Pulse, out pulseOut) {
	if m.Root != p.root {
		p.recordReign(now)
	}
	p.root, p.rank, p.count, p.hops, p.at, p.parent, p.from = m.Root, m.Rank, m.Count, m.Hops, now, from, from
	p.settleAt = now.Add(p.settling(now, out))
	p.before, p.spread = p.spread, 0
	p.nextAt, p.isWanted, p.copies = time.Time{}, false, 0
	next := *m
	next.Hops = min(m.Hops, 254) + 1
	for i := range *p.links {
		l := &(*p.links)[i]
		l.role.awaitCopy()
		if l.id != from {
			out.sendPulse(l.id, &next)
		}
	}
}

// showTree sends the last pulse to a new neighbour. If the neighbour has the same pulse,
// the link is not part of the tree. If it has no pulse, or one of a lesser root, it takes
// this node as its parent. If this node has lost its own path to the root, it asks the
// neighbour to push instead.
func (p *pulse) showTree(now time.Time, l *link, out pulseOut) {
	switch {
	case p.isLost():
		out.askToPush(l.id, false)
	case !p.isOver(now):
		l.role.stopPushing()
		out.sendPulse(l.id, &Pulse{Root: p.root, Rank: p.rank, Hops: min(p.hops, 254) + 1, Count: p.count})
	}
}

// noteEvents records that there are events. It reports whether this node, as the root,
// must send a pulse now.
func (p *pulse) noteEvents(now time.Time) (isDue bool) {
	p.isWanted = true
	return p.nextAt.IsZero() && p.isOwn() && now.Sub(p.at) >= pulseEvery && !p.cfg.NoPulses
}

// noteEmitted records an event of this node. It reports whether this node must send a
// pulse now, because it is the root or because there is none.
func (p *pulse) noteEmitted(now time.Time) (isDue bool) {
	p.emitted++
	return p.noteEvents(now) || len(*p.links) > 0 && !p.cfg.NoPulses && p.isOver(now)
}

// advance does three things when they are due: it settles the links, processes the pulses
// that were held back, and sends a pulse.
func (p *pulse) advance(now time.Time, out pulseOut) {
	if p.isSettling() && !now.Before(p.settleAt) {
		p.settle(out)
	}
	if !p.waitTo.IsZero() && !now.Before(p.waitTo) {
		for _, a := range p.takeEarly() {
			if l := p.links.find(a.from); l != nil {
				p.waitTo = now // the wait is over for this pulse
				p.onPulse(now, l, &a.Pulse, out)
			}
		}
		p.waitTo = time.Time{}
	}
	if !p.nextAt.IsZero() && !now.Before(p.nextAt) {
		p.nextAt = time.Time{}
		if p.isWanted {
			p.send(now, out)
		}
	}
}
