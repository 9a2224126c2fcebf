package plumtree

import (
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// This file derives the role of each link from the last pulse, and finds another path if
// the path to the root is lost.

// isLost reports whether this node has lost its path to the root and found no other.
// Then any link may be the only one on which events arrive, and none is pruned.
func (p *pulse) isLost() bool {
	return !p.at.IsZero() && p.parent == 0 && !p.isOwn()
}

// isNearer reports whether a neighbour is nearer to the root than this node. hops is the
// hop count of the pulse that came from the neighbour. The count stops at 255, so the
// result is then false.
func (p *pulse) isNearer(hops uint8) bool { return hops <= p.hops && hops < 255 }

// isInUse reports whether events travel on a link as part of the tree.
func (p *pulse) isInUse(now time.Time, l *link) bool {
	if now.Sub(p.at) >= pulseLasts {
		return false
	}
	// While a pulse spreads, any link on which events are pushed may be part of the
	// tree.
	return l.role.isInTree() || l.id == p.parent || l.role.isEager() && p.isSettling()
}

// recordCopy records that a copy of the pulse arrived: neither end of the link is the
// other's parent.
func (p *pulse) recordCopy(now time.Time, l *link, hops uint8, out pulseOut) {
	if p.copies++; !l.role.isCrossed() {
		isLate := l.role.isExempt() // a copy on a new link may be late
		l.role.cross(p.copies, hops)
		if !isLate {
			p.widenSpread(now, out)
		}
	}
	if !p.isSettling() { // on slow links, a copy may come after settle
		l.role.leaveTree()
		out.makeLazy(l)
	}
}

// settling returns how long links keep their old places after a pulse. The last copy of a
// pulse arrives about a round trip after the first one. A node that takes another parent
// asks that parent to push, and the first event from it arrives a round trip later. If
// the old parent stopped before that, the events between would arrive only by pull.
func (p *pulse) settling(now time.Time, out pulseOut) time.Duration {
	least := max(p.cfg.LazyDelay, out.pullDelay(now))
	if p.cfg.NoSettling {
		return least
	}
	return max(least, min(2*max(p.spread, p.before), maxSettling))
}

// widenSpread records that a copy arrived on one more link. If links are slow, it
// postpones the time of settle.
func (p *pulse) widenSpread(now time.Time, out pulseOut) {
	p.spread = max(p.spread, now.Sub(p.at))
	if !p.isSettling() {
		return
	}
	if at := p.at.Add(p.settling(now, out)); at.After(p.settleAt) {
		p.settleAt = at
	}
}

// settle assigns the places of the links in the tree. Before it is called, events use the
// old paths and the new ones, so that none is late and few arrive twice.
func (p *pulse) settle(out pulseOut) {
	p.settleAt = time.Time{}
	for i := range *p.links {
		l := &(*p.links)[i]
		if isUnneeded := l.role.settle(l.id == p.parent); isUnneeded {
			out.makeLazy(l)
		}
	}
}

// onLinkDown finds another path to the root if the link that went down was the path. If
// it led to a child, the child itself finds another path. If links have no places yet,
// any link may have been the one on which events arrived.
func (p *pulse) onLinkDown(id ident.Link, r role, out pulseOut) {
	if id == p.parent || r.isEager() && !r.isInTree() && p.parent == 0 && !p.isOwn() {
		p.loseParent(out)
	}
}

// onPrune takes a link out of the tree, because the peer has had an event on another
// link.
func (p *pulse) onPrune(l *link, out pulseOut) {
	l.role.leaveTree()
	if l.id == p.parent {
		p.loseParent(out)
	}
}

// loseParent finds another path to the root. It chooses among the neighbours that were
// nearer to the root than this node: the one from which the last pulse came first. Any
// other neighbour may have its path through this node. If no neighbour was nearer, all
// neighbours are asked to push, until duplicates show which links are not needed.
func (p *pulse) loseParent(out pulseOut) {
	p.parent = 0
	var next *link
	for i := range *p.links {
		l := &(*p.links)[i]
		if l.role.isCrossed() && p.isNearer(l.role.hops) && (next == nil || l.role.rank < next.role.rank) {
			next = l
		}
	}
	if next != nil {
		p.setParent(next, out)
		return
	}
	for i := range *p.links {
		// If the pulse is about to make a link lazy, its peer is also asked to push,
		// once.
		l := &(*p.links)[i]
		if !l.role.isEager() || p.isSettling() && l.role.shown != exempt {
			out.makeEager(l)
			l.role.exemptFromPulse()
			out.askToPush(l.id, false)
		}
	}
}

// setParent makes a link the path to the root.
func (p *pulse) setParent(l *link, out pulseOut) {
	p.parent = l.id
	l.role.makeParent()
	out.makeEager(l)
	out.askToPush(l.id, true)
}

// setChild makes a neighbour a child. If that neighbour is the parent, it has lost its
// own path, and this node needs another one.
func (p *pulse) setChild(l *link, out pulseOut) {
	wasParent := l.id == p.parent
	l.role.makeChild()
	if wasParent {
		p.loseParent(out)
	}
}
