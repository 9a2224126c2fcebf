// Package plumtree carries broadcasts: each event to every node once, in the
// order in which its origin emitted it.
//
// It is Plumtree (Leitão, Pereira, Rodrigues, SRDS 2007): events are pushed on
// eager links and announced on lazy ones; a duplicate prunes the link that it
// came on, a missing event grafts the link that announced it. What shapes the
// tree where many nodes emit is a pulse from one of them. To that we add
// numbers: every origin counts its events, so a duplicate is a number already
// seen, a hole shows by itself, announcements are ranges, and order can be kept.
// A history, bounded in bytes and age, serves what others miss. When a link
// comes up the two ends announce all they hold, so that a split shorter than the
// history loses nothing.
//
// [Tree] is the machine. It does no I/O. The owner's duties: call its methods
// from one goroutine at a time, perform the actions of [Out] in order, and call
// Advance at Deadline. The contract with the membership is LinkUp and LinkDown
// of neighbours, nothing else.
package plumtree

import (
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/ident"
)

// Out takes what a [Tree] wants done. Its methods only note it down. A message
// may go to several links, so nobody changes it.
type Out interface {
	// Push sends an event: as one more hop, round and age counted on.
	Push(to ident.Link, e *Event, age time.Duration)
	Send(to ident.Link, m Message)
	// Deliver hands an event to the program: once each, in the order of its
	// origin. The event must not be changed; it may be kept.
	Deliver(e *Event)
	// Gap says that events of an origin will not be delivered.
	Gap(missing Range)
}

// Event is one broadcast. It is not changed once it is made, and shared by the
// history, the links it goes out on, and the handlers.
type Event struct {
	Origin ident.Origin
	Seq    uint64
	Round  uint8      // hops that it made to get here; 0 at its origin
	Body   []byte     // name and payload
	born   moment     // when it was emitted, in this node's time
	via    ident.Link // on which it came first; 0 at its origin
}

// Tree is the machine. It may not be used by two goroutines at once.
type Tree struct {
	cfg     Config
	started time.Time
	links   []link
	streams streams
	order   []*stream // the same, oldest first
	own     *stream
	alone   uint64 // own events from here on were emitted with no neighbour
	history history
	places  int // of all streams, with an event or without

	announceAt time.Time // next announcements on lazy links; zero: none pending
	calm       uint8     // how many announcements there were since events were missed, here or next door; at most maxCalm
	serveAt    time.Time // next turn of serving pulls; zero: none pending
	repairs    []*stream // streams with events missing
	skipped    []*stream // whose last events are given up; the neighbours are told next time
	late       lateness
	pulse      pulse
	Stats      Stats
}

// Stats counts, for tests and for whoever watches.
type Stats struct {
	Delivered, Duplicates, Gaps, Grafts, Prunes, Dropped uint64
}

type link struct {
	id        ident.Link
	position  uint64 // in the history's log: announced up to here
	eager     bool   // we push events on it
	congested bool   // its outbox is full: announce only
	role      role   // in the tree
	*dealings        // apart: every event goes through all links, and needs none of it
}

type dealings struct {
	serve  []request        // pulls of the peer that are not served yet
	known  []Range          // the latest that the peer announced: no need to tell it
	oldest int              // of known, once there are maxKnown
	names  [maxKnown]uint32 // of the origins in known: two lines of the cache to look through, not twenty

	exempt   bool  // from what the pulse shows: it came up since, or events were asked for on it
	isPruned bool  // the peer was told so, since it was eager
	crossed  int   // the place among those that brought the last pulse again, from 1; 0: it did not
	hops     uint8 // that the pulse had made by then
}

type request struct {
	Range
	bornAfter time.Time // the asker was not alive before
}

// NewTree makes the machine of one node, born at now.
func NewTree(now time.Time, cfg Config) *Tree {
	t := &Tree{cfg: cfg.withDefaults(), started: now, streams: newStreams()}
	t.own = t.stream(now, t.cfg.Self)
	t.alone = t.own.next
	for _, r := range t.cfg.Heard {
		s := t.stream(now, r.Origin)
		s.next, s.high = r.To, r.To
		s.forgets(t.moment(now)) // it was born before, and is not held
	}
	return t
}

// Heard gives for each origin the events that were delivered, or given up. Events
// of this node are among them.
func (t *Tree) Heard() []Range {
	var list []Range
	for _, s := range t.order {
		if s.next > 1 {
			list = append(list, Range{s.origin, 1, s.next})
		}
	}
	return list
}

// Emit broadcasts an event of this node and returns its number. The body must
// not be changed afterwards. This node does not deliver its own events.
func (t *Tree) Emit(now time.Time, body []byte, out Out) uint64 {
	e := t.history.event()
	*e = Event{Origin: t.cfg.Self, Seq: t.own.next, born: t.moment(now), Body: body}
	t.emits(now, out)
	t.put(t.own, e)
	t.own.next++
	t.own.high = t.own.next
	t.store(now, t.own, e)
	t.spread(now, e, 0, out)
	return e.Seq
}

// LinkUp takes a new neighbour. Its link is eager, unless there is a tree that
// does without it, and it is told what we hold.
func (t *Tree) LinkUp(now time.Time, id ident.Link, out Out) {
	if len(t.links) == 0 {
		// What was emitted while nobody was there leaves the node only now: for
		// all others this is its beginning.
		for seq := t.alone; seq < t.own.next; seq++ {
			if e := t.own.at(seq); e != nil {
				e.born = t.moment(now)
			}
		}
	}
	t.links = append(t.links, link{id: id, eager: true, position: t.history.end(), dealings: &dealings{exempt: true}})
	t.showTree(now, id, out)
	if t.cfg.NoSync {
		return
	}
	t.expireHistory(now)
	ranges := t.own.appendHeld(nil)
	for _, s := range t.order[max(1, len(t.order)-maxTold):] { // the first one is our own
		ranges = s.appendHeld(ranges)
	}
	for chunk := range slices.Chunk(ranges, maxRanges) {
		out.Send(id, &IHave{Ranges: chunk, Sync: true})
	}
}

// LinkDown takes the end of a neighbour. If it led to the root of the tree,
// another way is found.
func (t *Tree) LinkDown(now time.Time, id ident.Link, out Out) {
	at := slices.IndexFunc(t.links, func(l link) bool { return l.id == id })
	if at < 0 {
		return
	}
	gone := t.links[at]
	t.disturb(now)
	t.links = slices.Delete(t.links, at, at+1)
	if len(t.links) == 0 {
		t.alone = t.own.next
	}
	// A child finds another way itself. Where roles are not known, any link
	// may have been the one that events came on.
	if gone.id == t.pulse.parent || gone.eager && gone.role == stray && t.pulse.parent == 0 && t.pulse.root != t.cfg.Self {
		t.loseParent(out)
	}
	for _, s := range t.repairs {
		if s.asked == id {
			s.asked, s.askAt = 0, now
		}
		if s.holder == id {
			s.holder = 0
		}
	}
}

// Congested says that the link's outbox is full: from now on events are only
// announced on it, and pulls wait.
func (t *Tree) Congested(id ident.Link) {
	if l := t.link(id); l != nil && !l.congested {
		if l.eager {
			l.position = t.history.end()
		}
		l.congested = true
	}
}

// Drained says that there is room on the link again.
func (t *Tree) Drained(now time.Time, id ident.Link, out Out) {
	if l := t.link(id); l != nil {
		l.congested = false
		t.announce(l, out)
		t.serve(now, l, out)
	}
}

// Handle takes a frame that came on a link.
func (t *Tree) Handle(now time.Time, id ident.Link, msg Message, out Out) {
	l := t.link(id)
	if l == nil {
		return // no neighbour (any more): its events come on other links
	}
	switch msg := msg.(type) {
	case *Gossip:
		t.onGossip(now, l, msg, out)
	case *IHave:
		t.onIHave(now, l, msg, out)
	case *Graft:
		t.onGraft(now, l, msg, out)
	case *Prune:
		t.makeLazy(l)
		l.role = stray
		if l.id == t.pulse.parent {
			t.loseParent(out)
		}
	case *Pulse:
		t.onPulse(now, l, msg, out)
	case *Miss:
		t.onMiss(now, l, msg, out)
	}
}

// Advance does what is due.
func (t *Tree) Advance(now time.Time, out Out) {
	if !t.announceAt.IsZero() && !now.Before(t.announceAt) {
		t.announceAt = time.Time{}
		t.announceAll(out)
		t.calm = min(t.calm+1, maxCalm)
	}
	if !t.serveAt.IsZero() && !now.Before(t.serveAt) {
		t.serveAt = time.Time{}
		for i := range t.links {
			t.serve(now, &t.links[i], out)
		}
	}
	t.advancePulse(now, out)
	for _, s := range slices.Clone(t.repairs) {
		t.pull(now, s, out)
	}
	t.expireHistory(now)
}

// Deadline is when Advance is wanted next.
func (t *Tree) Deadline() (at time.Time, ok bool) {
	sooner := func(d time.Time) {
		if !d.IsZero() && (!ok || d.Before(at)) {
			at, ok = d, true
		}
	}
	sooner(t.announceAt)
	sooner(t.serveAt)
	sooner(t.pulse.settleAt)
	sooner(t.pulse.nextAt)
	for _, s := range t.repairs {
		sooner(s.askAt)
	}
	if oldest := t.history.oldest(); oldest != nil {
		sooner(t.started.Add(time.Duration(oldest.born) + t.cfg.HistoryAge + time.Second))
	}
	return at, ok
}

// Eager iterates over the links on which events are pushed.
func (t *Tree) Eager(yield func(ident.Link) bool) {
	for _, l := range t.links {
		if l.eager && !yield(l.id) {
			return
		}
	}
}

// IsInUse reports whether a link is part of the tree on which events travel now.
func (t *Tree) IsInUse(now time.Time, id ident.Link) bool {
	l, p := t.link(id), &t.pulse
	if l == nil || now.Sub(p.at) >= pulseLasts {
		return false
	}
	// While a pulse is under way, any link on which events are pushed may be.
	return l.role != stray || id == p.parent || l.eager && !p.settleAt.IsZero()
}

func (t *Tree) link(id ident.Link) *link {
	for i := range t.links {
		if t.links[i].id == id {
			return &t.links[i]
		}
	}
	return nil
}
