// Package plumtree broadcasts events: each event reaches every node once, in the order
// in which its origin emitted it.
//
// The protocol is Plumtree (Leitão, Pereira, Rodrigues, SRDS 2007). Events are pushed
// on eager links and announced on lazy ones. A duplicate prunes the link on which it
// arrived; a missing event grafts the link that announced it. If many nodes emit, a
// pulse from one of them shapes the tree.
//
// In addition, every origin numbers its events. A duplicate is a number already
// received, a hole is visible, announcements are ranges, and order can be kept. A
// history, bounded in bytes and age, serves events that other nodes miss. When a link
// comes up, both ends announce everything they hold, so a split shorter than the
// history loses nothing.
//
// [Tree] does no I/O. The owner must call its methods from one goroutine at a time,
// perform the actions of [Out] in order, and call Advance at the time that Deadline
// returns. The owner must call LinkUp and LinkDown for each neighbour; the tree has no
// other contact with the membership.
package plumtree

import (
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/smokesignal-go/smokesignal/ident"
)

// NewTree returns the tree of one node that starts now.
func NewTree(now time.Time, cfg Config) *Tree {
	t := &Tree{
		cfg: cfg.withDefaults(), started: now, streams: newStreams(), bringers: make([]bringer, 1),
		rewind: max(cfg.Rewind, 0), doubts: rate.NewLimiter(doubtsPerSecond, doubtsAtOnce),
	}
	t.accounts.all = account{ids: idsInAll, at: now}
	t.pulse = pulse{cfg: &t.cfg, started: now, links: &t.links, late: &t.late}
	t.own = t.begin(now, t.cfg.Self)
	t.own.isHeard = true
	t.order = append(t.order, t.own)
	t.unsent = unsent{alone: t.own.next, given: t.own.next}
	t.rememberHeard(now)
	return t
}

// Emit broadcasts an event of this node and returns its number. Config.Sign completes
// the body first, then Emit copies it. This node does not deliver its own events.
//
// Events that are emitted before a link has taken the previous one travel together.
func (t *Tree) Emit(now time.Time, body []byte, out Out) uint64 {
	if isDue := t.pulse.noteEmitted(now); isDue {
		t.pulse.send(now, t.shape(out))
	}
	seq := t.own.next
	t.own.next++
	t.own.high = t.own.next
	isSigned := t.cfg.Sign != nil && t.cfg.Sign(seq, body)
	if t.append(now, body, isSigned) {
		return seq
	}
	e := t.history.event()
	*e = Event{Origin: t.cfg.Self, Seq: seq, Count: 1, Signed: isSigned, born: t.moment(now), Body: t.history.own.pack(nil, body)}
	t.own.put(e)
	t.own.early = 0
	t.open, t.openAt = e, t.history.end()
	t.store(now, t.own, e)
	t.spread(now, e, 0, out)
	return seq
}

// LinkUp adds a neighbour. Its link is eager, unless the tree does not need it. The
// neighbour gets an announcement of everything that this node holds.
func (t *Tree) LinkUp(now time.Time, id ident.Link, peer Source, out Out) {
	if len(t.links) == 0 {
		t.unsent.alone, t.linked = t.own.next, now
	}
	t.unsent.restamp(t.moment(now), t.own)
	t.links = append(t.links, newLink(id))
	l := &t.links[len(t.links)-1]
	t.openAccounts(now, l, peer)
	t.moveToEnd(l)
	t.pulse.showTree(now, l, t.shape(out))
	if t.cfg.NoSync {
		return
	}
	t.expireHistory(now)
	ranges := t.own.appendHeld(nil)
	known := t.order[1:] // without this node's own
	if len(known) > maxSyncOrigins {
		known = t.byWorth()[:maxSyncOrigins]
	}
	for _, s := range known {
		ranges = s.appendHeld(ranges)
	}
	for chunk := range slices.Chunk(ranges, maxRanges) {
		out.Send(id, &IHave{Ranges: chunk, Sync: true})
	}
}

// LinkDown removes a neighbour. If its link was the path to the root, the tree finds
// another.
func (t *Tree) LinkDown(now time.Time, id ident.Link, out Out) {
	at := slices.IndexFunc(t.links, func(l link) bool { return l.id == id })
	if at < 0 {
		return
	}
	former := t.links[at]
	t.closeAccounts(now, &former)
	t.closeBringer(id)
	t.disturb(now)
	t.links = slices.Delete(t.links, at, at+1)
	t.pulse.onLinkDown(id, former.role, t.shape(out))
	for _, s := range slices.Clone(t.repairs) { // the order changes during the loop
		s.removeClaimant(id)
		if s.asked == id {
			s.asked = 0
			t.repairs.askFrom(s, now)
		}
		if s.holder == id {
			s.holder = 0
		}
		if s.sponsor == id {
			t.dropSponsor(s)
		}
	}
}

// Handle processes a frame that arrived on a link.
func (t *Tree) Handle(now time.Time, id ident.Link, msg Message, out Out) {
	l := t.links.find(id)
	if l == nil {
		return // no neighbour has this link, or it went down: its events arrive on other links
	}
	switch msg := msg.(type) {
	case *Gossip:
		t.onGossip(now, l, msg, out)
	case *IHave:
		t.onIHave(now, l, msg, out)
	case *Graft:
		t.onGraft(now, l, msg, out)
	case *Prune:
		t.onPrune(now, l, out)
	case *Pulse:
		t.pulse.onPulse(now, l, msg, t.shape(out))
	case *Miss:
		t.onMiss(now, l, msg, out)
	}
	t.sendInquiries(now, out)
}

// Advance performs every action whose time has come.
func (t *Tree) Advance(now time.Time, out Out) {
	if !t.announceAt.IsZero() && !now.Before(t.announceAt) {
		t.announceAt = time.Time{}
		t.announceAll(now, out)
		t.calm = min(t.calm+1, maxCalm)
	}
	t.serveAgain(now, out)
	t.pulse.advance(now, t.shape(out))
	for _, s := range t.repairs.due(now) {
		t.pull(now, s, out)
	}
	t.sendInquiries(now, out)
	t.expireHistory(now)
	t.unsent.reportLost(now, out)
}

// Deadline returns the time of the next Advance.
func (t *Tree) Deadline() (at time.Time, ok bool) {
	sooner := func(d time.Time) {
		if !d.IsZero() && (!ok || d.Before(at)) {
			at, ok = d, true
		}
	}
	sooner(t.announceAt)
	sooner(t.serveAt)
	sooner(t.unsent.lostAt)
	sooner(t.pulse.settleAt)
	sooner(t.pulse.nextAt)
	sooner(t.pulse.waitTo)
	if len(t.repairs) > 0 {
		sooner(t.repairs[0].askAt)
	}
	if t.history.oldest() != nil {
		sooner(t.started.Add(time.Duration(max(t.expiresAt(), t.heldTo))))
	}
	return at, ok
}

// Heard returns, for each origin, the events that were delivered, or given up before
// later ones were delivered. The origins that are most worth remembering come last; see
// byWorth. This node's own events are the last of all. Events that were only skipped are
// not included: a neighbour may have lied, and a later run of the node could not undo the
// skip; see takeBack.
func (t *Tree) Heard() []Range {
	var list []Range
	for _, s := range append([]*stream{t.own}, t.byWorth()...) {
		if to := s.heardTo(); to > 1 {
			list = append(list, Range{s.origin, 1, to})
		}
	}
	slices.Reverse(list)
	return list
}

// Emitted returns how many events this node has emitted.
func (t *Tree) Emitted() uint64 { return t.own.next - 1 }

// FirstHeld returns the number of this node's first event that the history still holds,
// or else the number of its next event. Earlier events cannot be pulled any more.
func (t *Tree) FirstHeld() uint64 {
	if len(t.own.held) == 0 {
		return t.own.next
	}
	return t.own.held[0].Seq
}

// HistoryBytes returns the size of the history: the bodies, plus 128 bytes for each
// event, or for each run of events that arrived as one.
func (t *Tree) HistoryBytes() int { return t.history.bytes }

// Eager iterates over the links on which events are pushed.
func (t *Tree) Eager(yield func(ident.Link) bool) {
	for _, l := range t.links {
		if l.role.isEager() && !yield(l.id) {
			return
		}
	}
}

// IsInUse reports whether events travel on a link as part of the tree.
func (t *Tree) IsInUse(now time.Time, id ident.Link) bool {
	l := t.links.find(id)
	return l != nil && t.pulse.isInUse(now, l)
}
