package plumtree

import (
	"time"
)

// What a node delivers of the past. The rule: a node delivers what was emitted after
// its start, but for bornError; with a rewind also what was emitted in that time
// before. An event that its origin emits while it has no neighbour counts as emitted
// when the first neighbour comes that takes it.
//
// The receiver decides, by the age that came with the event. Whoever serves an old
// event is more generous, since a question takes time; see askSlack.

// isBefore reports whether an event born then was emitted before this node's start.
func (t *Tree) isBefore(born moment) bool { return born < -moment(bornError) }

// isWanted reports whether the next event of a stream is to be delivered, and marks it
// if it was emitted before this node's start. Once an event of an origin was delivered
// that was emitted later, all that follow were.
func (t *Tree) isWanted(s *stream, e *Event) bool {
	switch {
	case s.delivered:
	case !t.isBefore(e.born):
		s.delivered = true
	case e.born < -moment(t.rewind+bornError):
		return false
	default:
		e.Old = true
	}
	return true
}

// Rewind has events delivered that were emitted in so long a time before this node's
// start: those of origins of which no later event was delivered yet. It never takes
// an earlier Rewind back.
func (t *Tree) Rewind(d time.Duration) { t.rewind = max(t.rewind, min(d, maxAge)) }

// Since returns the events of others that the history still holds and that were
// emitted at most so long ago, in the order of their origins, except those that are
// yet to be delivered.
func (t *Tree) Since(now time.Time, d time.Duration) (list []*Event) {
	d += bornError
	next := make(map[*stream]int) // look-ups only: the index in held
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

// isQuiet reports whether an event is one that this node has asked for though it was
// emitted before its start. As a rule all others have had it, so it is announced on
// all links, and pushed on none.
func (t *Tree) isQuiet(s *stream, e *Event) bool {
	return s.repair != nil && e.end() <= s.rewound && !s.delivered && t.isBefore(e.born)
}

// announceQuietly has an event announced that is not pushed.
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

// doubt asks a second neighbour for an event that came unasked and was passed by as
// too old. The age is a claim: if the sender lies, another neighbour has the event
// with its true age, and sends it; see takeBack. One that is too old it does not send.
func (t *Tree) doubt(now time.Time, e *Event) {
	var other *link
	for _, n := range t.cfg.Rand.Perm(len(t.links)) {
		l := &t.links[n]
		if l.id == e.via {
			continue
		}
		if other = l; l.role == stray {
			break // it had the event by another way, and not from this node
		}
	}
	if other == nil || !t.doubts.AllowN(now, 1) {
		return
	}
	t.inquiries = append(t.inquiries, inquiry{other.id, &Graft{
		Ranges: []Range{{e.Origin, e.Seq, e.end()}}, MaxAge: now.Sub(t.started),
	}})
}

// offer has what this node emitted before it had a neighbour, and what the last one
// did not take, begin its life now: nobody else could have had it.
func (t *Tree) offer(now time.Time) {
	if len(t.links) == 0 {
		t.alone, t.linked = t.own.next, now
	}
	if t.given >= t.alone {
		return
	}
	isHeld := false
	for _, e := range t.own.held {
		if e.end() > t.given && e.Seq < t.alone {
			e.born, isHeld = t.moment(now), true
		}
	}
	if t.lostTo > t.given {
		t.own.forgets(t.moment(now))
	}
	if !isHeld {
		t.given = t.alone // the rest is lost
	}
}

// lose notes that an own event leaves the history before any neighbour took it.
func (t *Tree) lose(now time.Time, e *Event) {
	from := max(e.Seq, t.given, t.lostTo)
	t.lostTo = e.end()
	if t.lostAt.IsZero() {
		t.lostAt = now.Add(lossDelay)
	}
	if last := len(t.lost) - 1; last >= 0 && t.lost[last].To == from {
		t.lost[last].To = e.end()
		return
	}
	t.lost = append(t.lost, Range{t.cfg.Self, from, e.end()})
}

// reportLost reports own events that nobody will ever have.
func (t *Tree) reportLost(now time.Time, out Out) {
	if t.lostAt.IsZero() || now.Before(t.lostAt) {
		return
	}
	for _, r := range t.lost {
		out.Gap(r)
	}
	t.lost, t.lostAt = t.lost[:0], time.Time{}
}
