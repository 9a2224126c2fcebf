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
	"cmp"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/smokesignal-go/smokesignal/ident"
)

// Out takes what a [Tree] wants done. Its methods only note it down. A message
// may go to several links, so nobody changes it.
type Out interface {
	// Ready says that there is something to push on a link: call Fill when the
	// link has room. It is said once, until Fill has reported that there is no
	// more.
	Ready(to ident.Link)
	// Push sends events, and is called by Fill only. The frame is the tree's own
	// and is valid during the call; its Body may be kept, and must not be changed.
	Push(to ident.Link, g *Gossip)
	Send(to ident.Link, m Message)
	// Deliver hands events to the program: once each, in the order of their
	// origin. They must not be changed; they may be kept.
	Deliver(e *Event)
	// Gap says that events of an origin will not be delivered. With the origin of
	// this node: that they left the history before any neighbour took them, so no
	// other node will ever have them.
	Gap(missing Range)
	// Refused says that what a neighbour sent is not to be believed, and that
	// nothing of it was taken. No neighbour that verifies sends such events, not even
	// by mistake.
	Refused(from ident.Link, events Range)
}

// Event is one broadcast, or a run of them that one origin emitted in a row and
// that travel together. It is not changed once it has left the node where it was
// emitted, or has come to another, and is shared by the history, the links it
// goes out on, and the handlers.
type Event struct {
	Origin ident.Origin
	Seq    uint64     // of the first one
	Count  uint32     // how many they are
	Round  uint8      // hops that it made to get here; 0 at its origin
	Signed bool       // some of them carry a signature
	Old    bool       // emitted before this node's start, and delivered because of a rewind; see Before
	quiet  bool       // asked for because of a rewind: not pushed nor announced to others
	Body   []byte     // Count bodies, packed; see package packed
	born   moment     // when the first one was emitted, in this node's time
	via    ident.Link // on which it came first; 0 at its origin
}

// end is one past the last number.
func (e *Event) end() uint64 { return e.Seq + uint64(e.Count) }

// Born is when the first of the events was emitted, as the time since the tree was
// made. It is negative for what was emitted before.
func (e *Event) Born() time.Duration { return time.Duration(e.born) }

// Via is the link on which the events came first; 0 at their origin.
func (e *Event) Via() ident.Link { return e.via }

// Before is how long before this node's start an Old event was emitted, and else 0.
func (e *Event) Before() time.Duration {
	if !e.Old {
		return 0
	}
	return max(time.Duration(-e.born), 1)
}

// cost is what the history counts for it.
func (e *Event) cost() int { return len(e.Body) + eventCost }

// Tree is the machine. It may not be used by two goroutines at once.
type Tree struct {
	cfg     Config
	started time.Time
	links   []link
	streams streams
	order   []*stream // the same, oldest first
	own     *stream
	alone   uint64  // own events below were emitted before there was a neighbour, if they are not given
	given   uint64  // own events below were given to some neighbour
	lost    []Range // own events that left the history before that, to be reported at lostAt
	lostAt  time.Time
	lostTo  uint64        // one past the last own event that did
	rewind  time.Duration // see Config.Rewind
	linked  time.Time     // when the first of the links came up; zero: none ever did
	doubts  *rate.Limiter // see doubt
	history history
	open    *Event // of our own, to which further events may be added while no link has taken it
	openAt  uint64 // its position in the history's log
	taken   uint64 // how far in the log the first of the links is
	frame   Gossip // see Out.Push

	announceAt time.Time // next announcements on lazy links; zero: none pending
	calm       uint8     // how many announcements there were since events were missed, here or next door; at most maxCalm
	serveAt    time.Time // when those are served again who had pulled too much; zero: there are none
	repairs    agenda    // streams with events missing
	inquiries  []inquiry // see inquire
	hearsays   int       // streams that nothing but announcements speaks for
	skipped    []*stream // whose last events are given up; the neighbours are told next time
	quiet      []Range   // events that were not pushed, to be announced on all links next time
	late       lateness
	pulse      pulse
	Stats      Stats
}

// Stats counts, for tests and for whoever watches.
type Stats struct {
	Delivered, Duplicates, Gaps, Grafts, Prunes, Dropped uint64
	Refused                                              uint64 // frames, for an event that is not to be believed
}

type link struct {
	id        ident.Link
	position  uint64 // in the history's log: pushed, or announced, up to here
	drain     uint64 // while it is lazy: pushed up to here all the same
	lag       int    // bytes from there on that are to be pushed
	eager     bool   // we push events on it
	ready     bool   // something waits, and the owner knows
	role      role   // in the tree
	*dealings        // apart: every event goes through all links, and needs none of it
}

type dealings struct {
	serve     []request        // pulls of the peer that are not served yet
	sponsored int              // origins that nobody has heard, and that it brought up
	vouches   *rate.Limiter    // how often its word is taken that events are gone of which it is all that speaks for them
	asks      *rate.Limiter    // ranges that it is asked for, and eight for each frame
	allowed   int              // bytes that it may pull, as of …
	allowedAt time.Time        // zero: it has pulled nothing yet
	known     []Range          // the latest that the peer announced: no need to tell it
	oldest    int              // of known, once there are maxKnown
	names     [maxKnown]uint32 // of the origins in known: two lines of the cache to look through, not twenty

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
	t := &Tree{
		cfg: cfg.withDefaults(), started: now, streams: newStreams(),
		rewind: max(cfg.Rewind, 0), doubts: rate.NewLimiter(doubtsPerSecond, doubtsAtOnce),
	}
	t.own = t.stream(now, t.cfg.Self)
	t.alone, t.given = t.own.next, t.own.next
	for _, r := range t.cfg.Heard {
		s := t.stream(now, r.Origin)
		s.next, s.high = r.To, r.To
		s.forgets(t.moment(now)) // it was born before, and is not held
	}
	return t
}

// Heard gives for each origin the events that were delivered, or given up before later
// ones were delivered: the origins that were heard latest come last. Events of this node
// are among them. What was only skipped is not: perhaps a neighbour has lied, and a later
// life could not take it back; see takeBack.
func (t *Tree) Heard() []Range {
	var list []Range
	order := slices.Clone(t.order)
	slices.SortStableFunc(order, func(a, b *stream) int { return cmp.Compare(a.heard, b.heard) })
	for _, s := range order {
		to := s.next
		if s.skipped != 0 {
			to = s.skipped
		}
		if to > 1 {
			list = append(list, Range{s.origin, 1, to})
		}
	}
	return list
}

// Emit broadcasts an event of this node and returns its number. The body is
// copied, after Config.Sign has completed it. This node does not deliver its own
// events.
//
// What is emitted before a link has taken the event before travels with it.
func (t *Tree) Emit(now time.Time, body []byte, out Out) uint64 {
	t.emits(now, out)
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

// LinkUp takes a new neighbour. Its link is eager, unless there is a tree that
// does without it, and it is told what we hold.
func (t *Tree) LinkUp(now time.Time, id ident.Link, out Out) {
	t.offer(now)
	t.links = append(t.links, link{id: id, eager: true, dealings: &dealings{
		exempt:  true,
		vouches: rate.NewLimiter(vouchesPerSecond, maxVouched),
		asks:    rate.NewLimiter(askedPerSecond, askedAtOnce),
	}})
	t.passes(&t.links[len(t.links)-1])
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
	// A child finds another way itself. Where roles are not known, any link
	// may have been the one that events came on.
	if gone.id == t.pulse.parent || gone.eager && gone.role == stray && t.pulse.parent == 0 && t.pulse.root != t.cfg.Self {
		t.loseParent(out)
	}
	for _, s := range slices.Clone(t.repairs) { // the order changes
		s.renounces(id)
		if s.asked == id {
			s.asked = 0
			t.askFrom(s, now)
		}
		if s.holder == id {
			s.holder = 0
		}
		if s.sponsor == id {
			t.dropSponsor(s)
		}
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
		t.onPrune(now, l, out)
	case *Pulse:
		t.onPulse(now, l, msg, out)
	case *Miss:
		t.onMiss(now, l, msg, out)
	}
	t.sendInquiries(now, out)
}

// Advance does what is due.
func (t *Tree) Advance(now time.Time, out Out) {
	if !t.announceAt.IsZero() && !now.Before(t.announceAt) {
		t.announceAt = time.Time{}
		t.announceAll(now, out)
		t.calm = min(t.calm+1, maxCalm)
	}
	t.serveAgain(now, out)
	t.advancePulse(now, out)
	for _, s := range t.repairs.due(now) {
		t.pull(now, s, out)
	}
	t.sendInquiries(now, out)
	t.expireHistory(now)
	t.reportLost(now, out)
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
	sooner(t.lostAt)
	sooner(t.pulse.settleAt)
	sooner(t.pulse.nextAt)
	sooner(t.pulse.waitTo)
	if len(t.repairs) > 0 {
		sooner(t.repairs[0].askAt)
	}
	if oldest := t.history.oldest(); oldest != nil {
		sooner(t.started.Add(time.Duration(oldest.born) + t.cfg.HistoryAge + time.Second))
	}
	return at, ok
}

// Emitted is how many events this node has emitted.
func (t *Tree) Emitted() uint64 { return t.own.next - 1 }

// FirstHeld is the number of the first event of this node that the history still has, or
// else of the next one: earlier ones can't be pulled any more.
func (t *Tree) FirstHeld() uint64 {
	if len(t.own.held) == 0 {
		return t.own.next
	}
	return t.own.held[0].Seq
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
