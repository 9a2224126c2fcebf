package plumtree

import (
	"time"
)

// Which past events a node delivers: those emitted after its start, with a tolerance of
// bornError, and with a rewind also those emitted in that time before. An event that
// its origin emits without a neighbour counts as emitted when the first neighbour takes
// it.
//
// The receiver decides, by the age that came with the event. A node that serves an old
// event is more generous, because a request takes time; see askSlack.

// isBeforeStart reports whether an event born at that moment was emitted before this
// node's start.
func (born moment) isBeforeStart() bool { return born < -moment(bornError) }

// wants reports whether the next event of a stream is to be delivered. It marks the
// event as Old if it was emitted before this node's start. Once an event emitted later
// was delivered, all that follow are.
func (s *stream) wants(e *Event, rewind time.Duration) bool {
	switch {
	case s.delivered:
	case !e.born.isBeforeStart():
		s.delivered = true
	case e.born < -moment(rewind+bornError):
		return false
	default:
		e.Old = true
	}
	return true
}

// Rewind extends delivery to events emitted up to d before this node's start. It
// affects only origins of which no later event was delivered yet. It never shortens an
// earlier Rewind.
func (t *Tree) Rewind(d time.Duration) { t.rewind = max(t.rewind, min(d, maxAge)) }

// Since returns the events of other nodes that the history still holds and that were
// emitted at most d ago, ordered within each origin. It omits events that are not
// delivered yet.
func (t *Tree) Since(now time.Time, d time.Duration) (list []*Event) {
	d += bornError
	next := make(map[*stream]int) // only looked up, never iterated: the index in held
	for _, x := range t.history.log {
		s := x.stream
		if i := next[s]; s != t.own && i < len(s.held) && s.held[i].end() <= s.next {
			if e := s.held[i]; t.age(now, e) <= d {
				list = append(list, e)
			}
			next[s] = i + 1
		}
	}
	return list
}

// isQuiet reports whether this node requested an event although it was emitted before
// its start. Most other nodes have had it, so it is announced on all links and pushed
// on none.
func (s *stream) isQuiet(e *Event) bool {
	return s.repair != nil && e.end() <= s.rewound && !s.delivered && e.born.isBeforeStart()
}

// announceQuietly queues the announcement of an event that is not pushed.
func (t *Tree) announceQuietly(now time.Time, e *Event) {
	for i := len(t.quiet) - 1; i >= max(0, len(t.quiet)-8); i-- {
		if r := &t.quiet[i]; r.Origin == e.Origin && r.To == e.Seq {
			r.To = e.end()
			return
		}
	}
	if len(t.quiet) < maxStreams {
		t.quiet = append(t.quiet, Range{e.Origin, e.Seq, e.end()})
		t.announceSoon(now)
	}
}

// doubleCheck requests an event from a second neighbour. The event arrived unrequested
// and was skipped as too old. Its age is a claim: if the sender lied, another neighbour
// sends the event with its true age, and takeBack delivers it. A neighbour does not
// send it if it is too old.
func (t *Tree) doubleCheck(now time.Time, e *Event) {
	var other *link
	for _, n := range t.cfg.Rand.Perm(len(t.links)) {
		l := &t.links[n]
		if l.id == e.via {
			continue
		}
		if other = l; !l.role.isInTree() {
			break // it got the event by another path, not from this node
		}
	}
	if other == nil || !t.doubts.AllowN(now, 1) {
		return
	}
	t.inquiries = append(t.inquiries, inquiry{other.id, &Graft{
		Ranges: []Range{{e.Origin, e.Seq, e.end()}}, MaxAge: now.Sub(t.started),
	}})
}

// unsent are the events of this node that no neighbour has taken yet.
type unsent struct {
	alone  uint64    // own events below were emitted without a neighbour, unless they were given since
	given  uint64    // own events below were pushed to a neighbour
	lost   []Range   // own events that left the history before that, to be reported at lostAt
	lostAt time.Time // zero: there are none
	lostTo uint64    // one past the last such event
}

// restamp sets the birth of own events to now, if they were emitted without a
// neighbour or if the last neighbour did not take them: no other node could have had
// them.
func (u *unsent) restamp(now moment, own *stream) {
	if u.given >= u.alone {
		return
	}
	isHeld := false
	for _, e := range own.held {
		if e.end() > u.given && e.Seq < u.alone {
			e.born, isHeld = now, true
		}
	}
	if u.lostTo > u.given {
		own.noteForgotten(now)
	}
	if !isHeld {
		u.given = u.alone // the rest is lost
	}
}

// recordLost records that an own event leaves the history. Unless a neighbour has taken
// it, it is lost.
func (u *unsent) recordLost(now time.Time, e *Event) {
	if e.end() <= u.given {
		return
	}
	from := max(e.Seq, u.given, u.lostTo)
	u.lostTo = e.end()
	if u.lostAt.IsZero() {
		u.lostAt = now.Add(lossDelay)
	}
	if last := len(u.lost) - 1; last >= 0 && u.lost[last].To == from {
		u.lost[last].To = e.end()
		return
	}
	u.lost = append(u.lost, Range{e.Origin, from, e.end()})
}

// reportLost reports own events that no other node will ever receive.
func (u *unsent) reportLost(now time.Time, out Out) {
	if u.lostAt.IsZero() || now.Before(u.lostAt) {
		return
	}
	for _, r := range u.lost {
		out.Gap(r)
	}
	u.lost, u.lostAt = u.lost[:0], time.Time{}
}
