package plumtree

import (
	"math/bits"
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// pulse is what shapes the tree. In Plumtree the duplicates do: the way of the
// first event is a tree, and where one origin emits, it stays one of short ways.
// With many origins the duplicates of events under way at once cut each circle
// in several places, and each repair is cut where the next origin happens to be;
// what is left is a tree of long ways, grafted and pruned for ever.
//
// So while there are events, one node, the root, sends a pulse now and then,
// which floods over all links. The link on which it comes first is the shortest
// way to the root: its other end is this node's parent. A node sends the pulse on
// to everybody but its parent, so a link on which it comes again is one of which
// neither end is the other's parent: both know, without a word, that it is no
// part of the tree. All other links are.
//
// The root is whoever emits when there is none, until somebody is much better
// for it: emits more, or has more neighbours. Of two pulses of one root the later
// one counts; where two roots are, the one of higher rank wins, then the lower
// origin. A root is no authority: without one, the tree is what it was last,
// mended by grafts and pruned by duplicates.
type pulse struct {
	root   ident.Origin
	rank   uint8
	count  uint64
	hops   uint8      // that it made to get here; 0 at the root
	at     time.Time  // when it came; zero: none ever did
	parent ident.Link // on which it came; 0 at the root, and where it is lost

	settleAt time.Time     // when it has come on all links; zero: it has
	spread   time.Duration // how long after the first link it came on the last one that brought it again, so far
	before   time.Duration // the spread of the pulse before
	nextAt   time.Time     // when the root sends the next one; zero: when there are events
	isWanted bool          // there were events since
	emitted  uint64        // events of this node since
	crossed  int           // links on which it came again
	taken    int           // pulses taken lately; see allows

	early  []arrival // of the next pulse, while it may yet come from the parent
	waitTo time.Time // until then; zero: nothing is waited for

	past   [maxPast]reign // roots that another one took the place of
	oldest int            // of past
}

// reign is how far a root had come when another one took its place.
type reign struct {
	root  ident.Origin
	count uint64
	end   time.Time
}

// arrival is a pulse that came on a link.
type arrival struct {
	from ident.Link
	Pulse
}

// role is what a link is in the tree, as the last pulse showed.
type role uint8

const (
	stray  role = iota // none, or not known yet
	parent             // it leads to the root; pulse.parent has it sooner
	child              // it leads away
)

const (
	// pulseEvery is the gap between the pulses of a root. A guess: at 3 to 5
	// links it costs about one small frame a node and second, and what is mended
	// in a hurry has long ways for no longer than that.
	pulseEvery = 5 * time.Second
	// parentLead is how much later a pulse may come from the parent than from
	// another neighbour, at least: as late as events do. A guess.
	parentLead = 10 * time.Millisecond
	// maxSettling bounds how long after a pulse events go the old way and the new
	// one, because its copies come late: they come as late as peers like. A guess:
	// it is enough for links of 250 ms.
	maxSettling = time.Second
	// A root that is silent for so long has gone, or nobody emits.
	pulseLasts = 3 * pulseEvery
	// Who takes the root's place is better by so many powers of two.
	rankLead = 3
	// maxTaken bounds the pulses taken in quick succession; one more is allowed
	// every pulseEvery/maxTaken. Where n nodes take the lead at once, each of them
	// hears of a better one about ln n times.
	maxTaken = 16
	// maxPast is how many former roots are remembered. A guess: were so many
	// pulses to chase one another, most would fall to maxTaken.
	maxPast = 8
)

// isBeatenBy reports whether a pulse takes the place of the last one.
func (p *pulse) isBeatenBy(now time.Time, m *Pulse) bool {
	switch {
	case p.at.IsZero(), now.Sub(p.at) >= pulseLasts:
		return true // whatever the last one said, of itself or falsely
	case m.Root == p.root:
		return m.Count > p.count
	case p.isPast(now, m):
		return false
	case m.Rank != p.rank:
		return m.Rank > p.rank
	}
	return m.Root.Compare(p.root) < 0
}

// isPast reports whether a pulse is no later than one that we had of a former
// root. The rank of a root may fall from one pulse to the next, and somebody else
// take its place; if the first one, which still beats that, were taken again,
// the three could chase one another around a circle of nodes for ever.
func (p *pulse) isPast(now time.Time, m *Pulse) bool {
	return slices.ContainsFunc(p.past[:], func(r reign) bool {
		return r.root == m.Root && m.Count <= r.count && now.Sub(r.end) < pulseLasts
	})
}

// allows bounds how many pulses are sent on, however many come.
func (p *pulse) allows(now time.Time) bool {
	p.taken = max(p.taken-int(now.Sub(p.at)/(pulseEvery/maxTaken)), 0)
	if p.taken >= maxTaken {
		return false
	}
	p.taken++
	return true
}

// ownRank is how good a root this node is, in powers of two: how much it has
// emitted since the last pulse, times how many neighbours it has. The ways from
// the root are the shortest ones, and those between others lead by the root.
// A handful of events is chance.
func (t *Tree) ownRank() uint8 {
	return uint8(bits.Len64(t.pulse.emitted/4) + bits.Len(uint(len(t.links))))
}

// onPulse takes a pulse.
func (t *Tree) onPulse(now time.Time, l *link, m *Pulse, out Out) {
	p := &t.pulse
	switch {
	case m.Root == p.root && m.Count == p.count && !p.at.IsZero():
		switch {
		case l.id == p.parent:
		case !t.isLost():
			t.cross(now, l, m.Hops)
		case p.isNearer(m.Hops):
			t.follow(l, out)
		}
		return
	case m.Root == t.cfg.Self || !p.isBeatenBy(now, m):
		return
	case t.waitsForParent(now, l, m) || !p.allows(now):
		return
	}
	t.takePulse(now, l, m, out)
	for _, a := range p.takeEarly() {
		if x := t.link(a.from); x != nil && x != l {
			t.onPulse(now, x, &a.Pulse, out)
		}
	}
}

// waitsForParent keeps a pulse back that came on another link than the last one,
// and is no nearer to the root: where links are busy, chance has one come before
// the other, and a tree that follows chance is never at rest. It comes from the
// parent in a moment, or else it is taken as it came.
func (t *Tree) waitsForParent(now time.Time, l *link, m *Pulse) bool {
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

// takeEarly gives the pulses that were kept back, and waits no longer.
func (p *pulse) takeEarly() (list []arrival) {
	list, p.early, p.waitTo = p.early, nil, time.Time{}
	return list
}

// takePulse takes a pulse that is news.
func (t *Tree) takePulse(now time.Time, l *link, m *Pulse, out Out) {
	p := &t.pulse
	// A new link is lazy at the other end, if that has shown us this pulse.
	mustAsk := !l.eager || l.exempt
	t.startPulse(now, l.id, m, out)
	if mustAsk {
		t.Stats.Grafts++
		out.Send(l.id, &Graft{Eager: true, Parent: true})
		t.makeEager(l, out)
	}
	if int(t.ownRank()) >= int(m.Rank)+rankLead {
		t.beat(now, out)
	}
	p.emitted = 0
}

// showTree tells a new neighbour of the last pulse. If it has had the same, the
// link is no part of the tree; if it has had none, or that of a lesser root, it
// finds the way here. Where we have lost our own way, it is asked to push instead.
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

// beat sends a pulse of our own.
func (t *Tree) beat(now time.Time, out Out) {
	p := &t.pulse
	m := &Pulse{Root: t.cfg.Self, Rank: t.ownRank(), Count: p.count + 1}
	if p.root != t.cfg.Self {
		m.Count = uint64(max(now.Sub(t.started), 0)) + 1 // more than in an earlier reign
	}
	t.startPulse(now, 0, m, out)
	p.nextAt = now.Add(pulseEvery)
	p.emitted = 0
}

// startPulse takes over what a pulse says and sends it on.
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

// cross notes that the pulse came again: neither end of the link is the other's
// parent.
func (t *Tree) cross(now time.Time, l *link, hops uint8) {
	p := &t.pulse
	if p.crossed++; l.crossed == 0 {
		l.crossed, l.hops = p.crossed, hops
		if !l.exempt { // a link that came up since shows the pulse late
			t.spreads(now)
		}
	}
	if p.settleAt.IsZero() { // where links are slow
		l.role = stray
		t.makeLazy(l)
	}
}

// settling returns how long links keep their old roles after a pulse. The last copy
// of a pulse arrives about a round trip after the first one. A node that takes
// another parent asks that parent to push, and its first event arrives a round trip
// later. If the old parent stopped before, the events between arrive by pull only.
func (t *Tree) settling(now time.Time) time.Duration {
	p := &t.pulse
	least := max(t.cfg.LazyDelay, t.wait(now))
	if t.cfg.NoSettling {
		return least
	}
	return max(least, min(2*max(p.spread, p.before), maxSettling))
}

// spreads notes that the pulse came on one more link, and puts settling off if links
// are slow.
func (t *Tree) spreads(now time.Time) {
	p := &t.pulse
	p.spread = max(p.spread, now.Sub(p.at))
	if p.settleAt.IsZero() {
		return
	}
	if at := p.at.Add(t.settling(now)); at.After(p.settleAt) {
		p.settleAt = at
	}
}

// settle gives the links their roles. Till then events go the old way and the
// new one: none is late, and few come twice.
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
		case l.exempt: // as it is
		default:
			l.role = child
		}
	}
}

// seeEvents lets the root go on: there are events.
func (t *Tree) seeEvents(now time.Time, out Out) {
	p := &t.pulse
	p.isWanted = true
	if p.root == t.cfg.Self && p.nextAt.IsZero() && now.Sub(p.at) >= pulseEvery && !t.cfg.NoPulses {
		t.beat(now, out)
	}
}

// emits counts an event of this node, and makes it the root if there is none.
func (t *Tree) emits(now time.Time, out Out) {
	p := &t.pulse
	p.emitted++
	t.seeEvents(now, out)
	if len(t.links) > 0 && !t.cfg.NoPulses && (p.at.IsZero() || now.Sub(p.at) >= pulseLasts) {
		t.beat(now, out)
	}
}

// advancePulse does what is due.
func (t *Tree) advancePulse(now time.Time, out Out) {
	p := &t.pulse
	if !p.settleAt.IsZero() && !now.Before(p.settleAt) {
		t.settle()
	}
	if !p.waitTo.IsZero() && !now.Before(p.waitTo) {
		for _, a := range p.takeEarly() {
			if l := t.link(a.from); l != nil {
				p.waitTo = now // it has been waited for
				t.onPulse(now, l, &a.Pulse, out)
			}
		}
		p.waitTo = time.Time{}
	}
	if !p.nextAt.IsZero() && !now.Before(p.nextAt) {
		p.nextAt = time.Time{}
		if p.isWanted {
			t.beat(now, out)
		}
	}
}

// loseParent finds another way to the root: by the neighbour that had the last
// pulse first, of those that were nearer to the root than we were. No other one
// is certain not to have it through us; if there is none, all are asked to push
// until duplicates show which of them need not.
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
		t.follow(next, out)
		return
	}
	for i := range t.links {
		// A link that the pulse is about to show to be lazy is asked for too, once.
		if l := &t.links[i]; !l.eager || !p.settleAt.IsZero() && (!l.exempt || l.crossed > 0) {
			t.makeEager(l, out)
			t.keep(l)
			t.Stats.Grafts++
			out.Send(l.id, &Graft{Eager: true})
		}
	}
}

// isNearer reports whether a neighbour is nearer to the root than this node: the
// pulse came from it with so many hops. Where hops are no longer counted, no one is.
func (p *pulse) isNearer(hops uint8) bool { return hops <= p.hops && hops < 255 }

// follow makes a link the way to the root.
func (t *Tree) follow(l *link, out Out) {
	t.pulse.parent, l.role, l.crossed = l.id, parent, 0
	t.makeEager(l, out)
	t.Stats.Grafts++
	out.Send(l.id, &Graft{Eager: true, Parent: true})
}

// isLost reports whether the way that the last pulse came is lost, and no other
// was found. Then any link may be the only one on which events come, and none is
// given up.
func (t *Tree) isLost() bool {
	p := &t.pulse
	return !p.at.IsZero() && p.parent == 0 && p.root != t.cfg.Self
}

// keep lets a link stay as it is, whatever the pulse has shown of it.
func (t *Tree) keep(l *link) { l.crossed, l.exempt = 0, true }

// adopt takes a neighbour as a child. If it is our parent, it has lost its own
// way, and we need another.
func (t *Tree) adopt(l *link, out Out) {
	wasParent := l.id == t.pulse.parent
	l.role, l.crossed, l.exempt = child, 0, false
	if wasParent {
		t.loseParent(out)
	}
}
