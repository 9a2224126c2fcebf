// Package plumtree carries broadcasts: each event to every node once, in the
// order in which its origin emitted it.
//
// It is Plumtree (Leitão, Pereira, Rodrigues, SRDS 2007): events are pushed on
// eager links and announced on lazy ones; a duplicate prunes the link that it
// came on, a missing event grafts the link that announced it. To that we add
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
	"math/rand/v2"
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/ident"
	"github.com/smokesignal-go/smokesignal/internal/retry"
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

// Config sets a [Tree] up. Fields left zero take the defaults.
type Config struct {
	Self ident.Origin
	Rand *rand.Rand

	// HistoryBytes bounds the events kept, by their bodies and 128 bytes for
	// each; zero means 16 MiB. HistoryAge bounds their age; zero means 5 min.
	// Negative keeps little more than order needs: 1 MiB, twice OrderWait.
	HistoryBytes int
	HistoryAge   time.Duration

	// LazyDelay is how long after an event the announcements on lazy links go
	// out: between half of it and the whole, so that of the two ends of a link
	// one is first and the other need not. It grows with what GraftDelay
	// learns. Zero means 100 ms; negative turns announcements off, so that only an event that comes
	// early shows what is missing.
	LazyDelay time.Duration
	// GraftDelay is how long an announced event may take to come by itself
	// before it is asked for, at least: a tree whose links are slow learns to
	// wait longer, up to half of OrderWait. Zero means 100 ms.
	GraftDelay time.Duration
	// OrderWait is how long an event that came early waits, without any
	// progress, for missing ones that all neighbours have let go of. Zero means
	// 5 s. While a neighbour owes an answer, because its link is full or it is
	// stalled, and while none has ever had them, because a cut lies between,
	// the wait is six times as long.
	OrderWait time.Duration

	// Heard is what [Tree.Heard] gave at the end of an earlier life of this
	// node: it is not delivered again.
	Heard []Range

	// KeepBodies says that nobody changes the body of a Gossip, nor uses its
	// memory again: the tree keeps it as it is, and makes no copy.
	KeepBodies bool

	// NoSync leaves out what a link begins with: telling each other what one
	// holds. For measurements: what a split held up is lost then.
	NoSync bool
	// NoPulses leaves the shape of the tree to duplicates, as Plumtree does. For
	// measurements: where many origins emit, its ways are long, and events come
	// twice.
	NoPulses bool
	// NoWait gives an event up that is missing when it should be asked for, if
	// one after it is here. For measurements: what was merely late is lost then.
	NoWait bool
}

const (
	// While nobody misses anything, the gap between announcements doubles so many
	// times.
	maxCalm = 4
	// window is how far past the next event of an origin others are taken in.
	window = 8192
	// maxEmpty bounds the places without an event in all streams: 8 bytes each,
	// so that two events far apart are no way to take memory.
	maxEmpty = 1 << 20
	// maxStreams bounds the origins that are remembered.
	maxStreams = 16384
	// maxRanges is how many ranges go into one frame.
	maxRanges = 128
	// maxKnown is how many announcements of a neighbour are remembered.
	maxKnown = 32
	// graftRetry is the wait for a pull to bring something before another
	// neighbour is asked. A guess: some round trips.
	graftRetry = 500 * time.Millisecond
	// patience is how many times OrderWait is waited for what may yet be had.
	patience = 6
	// serveBytes goes out on one link at a time in answer to pulls, and after
	// servePause the next, so that an outbox says in between if it is too much.
	serveBytes = 256 << 10
	serveCost  = 32 // of a frame, its body aside
	servePause = 5 * time.Millisecond
	// bornSlack widens the life of an asker by the time that its question may
	// take on a busy machine: rather an event too many than one too few.
	bornSlack = 2 * time.Second
	// maxAge asks for events of any age. The wire carries no longer time.
	maxAge = 24 * time.Hour
	// maxTold is how many origins a new neighbour is told of, the latest ones.
	maxTold = 1024
)

func (c Config) withDefaults() Config {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	if c.HistoryBytes == 0 {
		c.HistoryBytes = 16 << 20
	}
	if c.HistoryBytes < 0 {
		c.HistoryBytes = 1 << 20
	}
	set(&c.HistoryAge, 5*time.Minute)
	set(&c.LazyDelay, 100*time.Millisecond)
	set(&c.GraftDelay, 100*time.Millisecond)
	set(&c.OrderWait, 5*time.Second)
	if c.HistoryAge < 0 {
		c.HistoryAge = 2 * c.OrderWait
	}
	return c
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

	isNew    bool  // it came up since the last pulse
	isPruned bool  // the peer was told so, since it was eager
	crossed  int   // the how manieth to bring the last pulse again; 0: it did not
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
	t.lead(now, out)
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
	t.links = append(t.links, link{id: id, eager: true, position: t.history.end(), dealings: &dealings{isNew: true}})
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

func (l *link) pushes() bool { return l.eager && !l.congested }

// spread pushes a new event on the eager links and leaves the others to the
// next announcement.
func (t *Tree) spread(now time.Time, e *Event, from ident.Link, out Out) {
	age := t.age(now, e)
	for i := range t.links {
		switch l := &t.links[i]; {
		case l.id == from:
		case l.pushes():
			out.Push(l.id, e, age)
		case t.announceAt.IsZero() && t.cfg.LazyDelay > 0:
			t.announceAt = now.Add(retry.Blur(max(t.cfg.LazyDelay<<t.calm, t.wait(now)/2), t.cfg.Rand))
		}
	}
}

// makeEager begins to push on a link. What was not announced on it yet is, so
// that nothing falls between the two ways.
func (t *Tree) makeEager(l *link, out Out) {
	if !l.eager {
		t.announce(l, out)
		l.eager, l.isPruned = true, false
	}
}

func (t *Tree) makeLazy(l *link) {
	if l.pushes() {
		l.position = t.history.end()
	}
	l.eager = false
}

// prune makes a link lazy, at both ends, because an event came twice: the one
// that it came on again, or else the one that it came on first, whichever is not
// known to be part of the tree. It knows better soon after a pulse.
func (t *Tree) prune(l *link, e *Event, out Out) {
	t.Stats.Duplicates++
	if !t.pulse.settleAt.IsZero() {
		return
	}
	if l.role != stray && e != nil {
		if l = t.link(e.via); l == nil {
			return
		}
	}
	if l.role == stray && !l.isPruned {
		t.makeLazy(l)
		l.isPruned = true
		t.Stats.Prunes++
		out.Send(l.id, &Prune{})
	}
}

// onGossip takes an event. New ones go on at once, whatever their order.
func (t *Tree) onGossip(now time.Time, l *link, g *Gossip, out Out) {
	s := t.stream(now, g.Origin)
	if s == t.own {
		// Our own event comes back; or a forgery does, and is not believed.
		t.prune(l, s.at(g.Seq), out)
		return
	}
	if s.has(g.Seq) {
		t.late.duplicate(now, g.Origin, g.Seq)
		t.prune(l, s.at(g.Seq), out)
		return
	}
	s.high = max(s.high, g.Seq+1)
	if g.Seq-s.next >= window || !t.hasPlaces(now, s, g.Seq) {
		// Too far ahead to keep. It comes again when what is before it has.
		t.Stats.Dropped++
		t.miss(now, s, l.id)
		return
	}
	body := g.Body
	if !t.cfg.KeepBodies {
		body = t.history.copy(body)
	}
	e := t.history.event()
	*e = Event{Origin: g.Origin, Seq: g.Seq, Round: g.Round, born: max(t.moment(now)-moment(max(g.Age, 0)), longAgo), Body: body, via: l.id}
	t.put(s, e)
	s.heard = t.moment(now)
	t.seeEvents(now, out)
	t.store(now, s, e)
	t.spread(now, e, l.id, out)
	if !l.eager && !l.congested && l.crossed == 0 && (s.repair == nil || s.asked != l.id) {
		// The peer pushes, so it counts us as eager: be of one mind. Unless a
		// pulse has just shown both that the link is lazy.
		t.makeEager(l, out)
	}
	if s.repair != nil && s.asked == 0 && g.Seq == s.next {
		t.late.learn(now, now.Sub(s.since))
	}
	if g.Seq == s.next {
		t.deliver(now, s, out)
	} else {
		t.miss(now, s, l.id)
	}
}

// deliver hands over what is in order now.
func (t *Tree) deliver(now time.Time, s *stream, out Out) {
	for {
		e := s.at(s.next)
		if e == nil {
			break
		}
		s.next++
		s.delivered = true
		t.Stats.Delivered++
		out.Deliver(e)
	}
	s.progress(now, t.cfg)
	if s.next >= s.high {
		t.complete(s)
	}
}
