package plumtree

import (
	"math/bits"
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// pulse is the state that shapes the tree. In Plumtree, duplicates shape it: the path
// of the first event is a tree, and if only one origin emits, its paths stay short. If
// many origins emit, duplicates of concurrent events cut each cycle in several places,
// and each repair depends on the position of the next origin. The result is a tree of
// long paths that is grafted and pruned without end.
//
// So while there are events, one node, the root, sends a pulse every few seconds, which
// floods over all links. The neighbour from which a node receives it first is its
// parent: that link is the shortest path to the root. A node forwards the pulse to all
// neighbours except its parent. If a pulse arrives again on a link, neither end is the
// other's parent. Both ends thus know, without a further frame, that the link is not
// part of the tree. All other links are.
//
// If there is no root, the next node that emits becomes the root. A node replaces it if
// it is much better: if it emits more or has more neighbours. Of two pulses of one
// root, the later one counts. Of two roots, the one of higher rank wins, then the lower
// origin. The tree does not depend on a root: without one, it keeps its last shape,
// repaired by grafts and pruned by duplicates.
type pulse struct {
	root   ident.Origin
	rank   uint8
	count  uint64
	hops   uint8      // of the pulse when it arrived here; 0 at the root
	at     time.Time  // when it arrived; zero: no pulse ever did
	parent ident.Link // the link on which it arrived first; 0 at the root, and after the parent is lost

	settleAt time.Time     // when links get their roles; zero: they have them
	spread   time.Duration // time from its first to its last copy, so far
	before   time.Duration // the spread of the previous pulse
	nextAt   time.Time     // when the root sends the next one; zero: when there are events
	isWanted bool          // events arrived since the last pulse
	emitted  uint64        // events of this node since the last pulse
	crossed  int           // links on which a copy arrived
	taken    int           // pulses accepted lately; see admit

	early  []arrival // copies of the next pulse, while it may still come from the parent
	waitTo time.Time // end of that wait; zero: not waiting

	past   [maxPast]reign // former roots
	oldest int            // index in past
}

// reign records how far a root had come when another one replaced it.
type reign struct {
	root  ident.Origin
	count uint64
	end   time.Time
}

// arrival is a pulse with the link on which it arrived.
type arrival struct {
	from ident.Link
	Pulse
}

// role is the role of a link in the tree, according to the last pulse.
type role uint8

const (
	stray  role = iota // not in the tree, or not known yet
	parent             // it leads to the root; pulse.parent is updated earlier
	child              // it leads away from the root
)

const (
	// pulseEvery is the gap between pulses of a root. A guess: with 3 to 5 links, it
	// costs about one small frame per node and second, and after a repair paths are
	// long for at most this time.
	pulseEvery = 5 * time.Second
	// parentLead is how much later a pulse may arrive from the parent than from another
	// neighbour. It is at least the lateness of events. A guess.
	parentLead = 10 * time.Millisecond
	// maxSettling bounds how long after a pulse events use the old paths and the new
	// ones, because copies of the pulse arrive late. A peer can delay its copy. A
	// guess: enough for links of 250 ms.
	maxSettling = time.Second
	// A root that is silent for this long is gone, or no node emits.
	pulseLasts = 3 * pulseEvery
	// A node replaces the root if its rank is higher by rankLead powers of two.
	rankLead = 3
	// maxTaken bounds the pulses accepted in quick succession; one more is allowed
	// every pulseEvery/maxTaken. If n nodes become root at the same time, each receives
	// a better pulse about ln n times.
	maxTaken = 16
	// maxPast bounds the former roots that are remembered. A guess: if that many pulses
	// displaced each other, maxTaken would stop most of them.
	maxPast = 8
)

// isBeatenBy reports whether a pulse replaces the last one.
func (p *pulse) isBeatenBy(now time.Time, m *Pulse) bool {
	switch {
	case p.at.IsZero(), now.Sub(p.at) >= pulseLasts:
		return true // the last one has expired, whether it was true or false
	case m.Root == p.root:
		return m.Count > p.count
	case p.isPast(now, m):
		return false
	case m.Rank != p.rank:
		return m.Rank > p.rank
	}
	return m.Root.Compare(p.root) < 0
}

// isPast reports whether a pulse is no later than one already received from a former
// root. The rank of a root may fall between pulses, and another node may replace it. If
// the older pulse, which still beats the new root, were accepted again, the pulses
// could displace each other around a cycle of nodes forever.
func (p *pulse) isPast(now time.Time, m *Pulse) bool {
	return slices.ContainsFunc(p.past[:], func(r reign) bool {
		return r.root == m.Root && m.Count <= r.count && now.Sub(r.end) < pulseLasts
	})
}

// admit limits how many pulses are forwarded.
func (p *pulse) admit(now time.Time) bool {
	p.taken = max(p.taken-int(now.Sub(p.at)/(pulseEvery/maxTaken)), 0)
	if p.taken >= maxTaken {
		return false
	}
	p.taken++
	return true
}

// ownRank returns how good a root this node is, in powers of two: the number of events
// it emitted since the last pulse, times the number of its neighbours. Paths from the
// root are the shortest, and paths between other nodes lead past the root. A few events
// are chance, so the count is divided by four.
func (t *Tree) ownRank() uint8 {
	return uint8(bits.Len64(t.pulse.emitted/4) + bits.Len(uint(len(t.links))))
}

// onPulse processes a pulse.
func (t *Tree) onPulse(now time.Time, l *link, m *Pulse, out Out) {
	p := &t.pulse
	switch {
	case m.Root == p.root && m.Count == p.count && !p.at.IsZero():
		switch {
		case l.id == p.parent:
		case !t.isLost():
			t.recordCrossing(now, l, m.Hops)
		case p.isNearer(m.Hops):
			t.setParent(l, out)
		}
		return
	case m.Root == t.cfg.Self || !p.isBeatenBy(now, m):
		return
	case t.waitForParent(now, l, m) || !p.admit(now):
		return
	}
	t.acceptPulse(now, l, m, out)
	for _, a := range p.takeEarly() {
		if x := t.link(a.from); x != nil && x != l {
			t.onPulse(now, x, &a.Pulse, out)
		}
	}
}

// waitForParent holds back a pulse that arrives on another link than the parent's and
// is no nearer to the root. On busy links, chance decides which copy arrives first, and
// a tree that follows chance never comes to rest. If the parent's copy does not arrive
// within a moment, the held copies are processed in the order of their arrival.
func (t *Tree) waitForParent(now time.Time, l *link, m *Pulse) bool {
	p := &t.pulse
	if m.Root != p.root || l.id == p.parent || t.link(p.parent) == nil || m.Hops < p.hops {
		return false
	}
	if p.waitTo.IsZero() {
		p.waitTo = now.Add(min(max(parentLead, t.late.most, t.late.before), t.cfg.OrderWait/8))
	} else if !now.Before(p.waitTo) {
		return false
	}
	if len(p.early) < 2*len(t.links) {
		p.early = append(p.early, arrival{l.id, *m})
	}
	return true
}

// takeEarly returns the pulses that were held back, and ends the wait.
func (p *pulse) takeEarly() (list []arrival) {
	list, p.early, p.waitTo = p.early, nil, time.Time{}
	return list
}

// acceptPulse accepts a pulse that is new.
func (t *Tree) acceptPulse(now time.Time, l *link, m *Pulse, out Out) {
	p := &t.pulse
	// A new link is lazy at the other end if that end has sent this pulse on it.
	mustAsk := !l.eager || l.exempt
	t.startPulse(now, l.id, m, out)
	if mustAsk {
		t.Stats.Grafts++
		out.Send(l.id, &Graft{Eager: true, Parent: true})
		t.makeEager(l, out)
	}
	if int(t.ownRank()) >= int(m.Rank)+rankLead {
		t.sendPulse(now, out)
	}
	p.emitted = 0
}

// showTree sends the last pulse to a new neighbour. If the neighbour has the same
// pulse, the link is not part of the tree. If it has none, or one of a lesser root, it
// finds the path through this node. If this node has lost its own path, it asks the
// neighbour to push instead.
func (t *Tree) showTree(now time.Time, id ident.Link, out Out) {
	p := &t.pulse
	switch {
	case t.isLost():
		t.Stats.Grafts++
		out.Send(id, &Graft{Eager: true})
		return
	case p.at.IsZero() || now.Sub(p.at) >= pulseLasts:
		return
	}
	t.link(id).eager = false
	out.Send(id, &Pulse{Root: p.root, Rank: p.rank, Hops: min(p.hops, 254) + 1, Count: p.count})
}

// sendPulse sends a pulse of this node.
func (t *Tree) sendPulse(now time.Time, out Out) {
	p := &t.pulse
	m := &Pulse{Root: t.cfg.Self, Rank: t.ownRank(), Count: p.count + 1}
	if p.root != t.cfg.Self {
		m.Count = uint64(max(now.Sub(t.started), 0)) + 1 // more than in an earlier reign
	}
	t.startPulse(now, 0, m, out)
	p.nextAt = now.Add(pulseEvery)
	p.emitted = 0
}

// startPulse stores a pulse and forwards it.
func (t *Tree) startPulse(now time.Time, from ident.Link, m *Pulse, out Out) {
	p := &t.pulse
	if m.Root != p.root {
		p.past[p.oldest] = reign{p.root, p.count, now}
		p.oldest = (p.oldest + 1) % maxPast
	}
	p.root, p.rank, p.count, p.hops, p.at, p.parent = m.Root, m.Rank, m.Count, m.Hops, now, from
	p.settleAt = now.Add(t.settling(now))
	p.before, p.spread = p.spread, 0
	p.nextAt, p.isWanted, p.crossed = time.Time{}, false, 0
	next := *m
	next.Hops = min(m.Hops, 254) + 1
	for i := range t.links {
		l := &t.links[i]
		l.exempt, l.isPruned, l.crossed = false, false, 0
		if l.id != from {
			out.Send(l.id, &next)
		}
	}
}

// recordCrossing records that a copy of the pulse arrived: neither end of the link is
// the other's parent.
func (t *Tree) recordCrossing(now time.Time, l *link, hops uint8) {
	p := &t.pulse
	if p.crossed++; l.crossed == 0 {
		l.crossed, l.hops = p.crossed, hops
		if !l.exempt { // a new link shows the pulse late
			t.widenSpread(now)
		}
	}
	if p.settleAt.IsZero() { // if links are slow
		l.role = stray
		t.makeLazy(l)
	}
}

// settling returns how long links keep their old roles after a pulse. The last copy of
// a pulse arrives about a round trip after the first one. A node that takes another
// parent asks that parent to push, and its first event arrives a round trip later. If
// the old parent stopped before, the events between would arrive only by pull.
func (t *Tree) settling(now time.Time) time.Duration {
	p := &t.pulse
	least := max(t.cfg.LazyDelay, t.pullDelay(now))
	if t.cfg.NoSettling {
		return least
	}
	return max(least, min(2*max(p.spread, p.before), maxSettling))
}

// widenSpread records that a copy arrived on one more link, and delays settling if
// links are slow.
func (t *Tree) widenSpread(now time.Time) {
	p := &t.pulse
	p.spread = max(p.spread, now.Sub(p.at))
	if p.settleAt.IsZero() {
		return
	}
	if at := p.at.Add(t.settling(now)); at.After(p.settleAt) {
		p.settleAt = at
	}
}

// settle assigns the roles of the links. Until then events use the old paths and the
// new ones, so that none is late and few arrive twice.
func (t *Tree) settle() {
	p := &t.pulse
	p.settleAt = time.Time{}
	for i := range t.links {
		switch l := &t.links[i]; {
		case l.id == p.parent:
			l.role = parent
		case l.crossed > 0:
			l.role = stray
			t.makeLazy(l)
		case l.exempt: // unchanged
		default:
			l.role = child
		}
	}
}

// noteEvents lets the root continue its pulses, because there are events.
func (t *Tree) noteEvents(now time.Time, out Out) {
	p := &t.pulse
	p.isWanted = true
	if p.root == t.cfg.Self && p.nextAt.IsZero() && now.Sub(p.at) >= pulseEvery && !t.cfg.NoPulses {
		t.sendPulse(now, out)
	}
}

// countEmitted counts an event of this node, and makes this node the root if there is
// none.
func (t *Tree) countEmitted(now time.Time, out Out) {
	p := &t.pulse
	p.emitted++
	t.noteEvents(now, out)
	if len(t.links) > 0 && !t.cfg.NoPulses && (p.at.IsZero() || now.Sub(p.at) >= pulseLasts) {
		t.sendPulse(now, out)
	}
}

// advancePulse performs what is due.
func (t *Tree) advancePulse(now time.Time, out Out) {
	p := &t.pulse
	if !p.settleAt.IsZero() && !now.Before(p.settleAt) {
		t.settle()
	}
	if !p.waitTo.IsZero() && !now.Before(p.waitTo) {
		for _, a := range p.takeEarly() {
			if l := t.link(a.from); l != nil {
				p.waitTo = now // the wait is over for this pulse
				t.onPulse(now, l, &a.Pulse, out)
			}
		}
		p.waitTo = time.Time{}
	}
	if !p.nextAt.IsZero() && !now.Before(p.nextAt) {
		p.nextAt = time.Time{}
		if p.isWanted {
			t.sendPulse(now, out)
		}
	}
}

// loseParent finds another path to the root: among the neighbours that were nearer to
// the root than this node, the one from which the last pulse came first. Any other
// neighbour may have its path through this node. If there is none, all neighbours are
// asked to push, until duplicates show which links are not needed.
func (t *Tree) loseParent(out Out) {
	p := &t.pulse
	p.parent = 0
	var next *link
	for i := range t.links {
		if l := &t.links[i]; l.crossed > 0 && p.isNearer(l.hops) && (next == nil || l.crossed < next.crossed) {
			next = l
		}
	}
	if next != nil {
		t.setParent(next, out)
		return
	}
	for i := range t.links {
		// A link that the pulse is about to make lazy is also asked for, once.
		if l := &t.links[i]; !l.eager || !p.settleAt.IsZero() && (!l.exempt || l.crossed > 0) {
			t.makeEager(l, out)
			t.exemptFromPulse(l)
			t.Stats.Grafts++
			out.Send(l.id, &Graft{Eager: true})
		}
	}
}

// isNearer reports whether a neighbour is nearer to the root than this node. hops is
// the count of the pulse that came from it. From 255 on, hops are no longer counted and
// the result is false.
func (p *pulse) isNearer(hops uint8) bool { return hops <= p.hops && hops < 255 }

// setParent makes a link the path to the root.
func (t *Tree) setParent(l *link, out Out) {
	t.pulse.parent, l.role, l.crossed = l.id, parent, 0
	t.makeEager(l, out)
	t.Stats.Grafts++
	out.Send(l.id, &Graft{Eager: true, Parent: true})
}

// isLost reports whether this node has lost its path to the root and found no other.
// Then any link may be the only one on which events arrive, and none is pruned.
func (t *Tree) isLost() bool {
	p := &t.pulse
	return !p.at.IsZero() && p.parent == 0 && p.root != t.cfg.Self
}

// exemptFromPulse keeps a link as it is, whatever the last pulse shows about it.
func (t *Tree) exemptFromPulse(l *link) { l.crossed, l.exempt = 0, true }

// setChild makes a neighbour a child. If that neighbour is the parent, it has lost its
// own path, and this node needs another one.
func (t *Tree) setChild(l *link, out Out) {
	wasParent := l.id == t.pulse.parent
	l.role, l.crossed, l.exempt = child, 0, false
	if wasParent {
		t.loseParent(out)
	}
}
