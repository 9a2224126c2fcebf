package plumtree

import "time"

// This file decides which past events a node delivers. It delivers those emitted after
// its start, with a tolerance of bornError. With a rewind, it also delivers those emitted
// up to that long before its start. If an origin emits an event without a neighbour, the
// event counts as emitted when the first neighbour takes it.
//
// The receiver decides, by the age that came with the event. A node that serves an old
// event accepts a higher age, because a request takes time; see askSlack.

// Rewind extends delivery to events emitted up to d before this node's start. It affects
// only origins of which no later event was delivered yet. It never shortens an earlier
// Rewind.
func (t *Tree) Rewind(d time.Duration) { t.rewind = max(t.rewind, min(d, maxAge)) }

// Since returns the events of other nodes that the history still holds and that were
// emitted at most d ago, ordered within each origin. It omits events that are not
// delivered yet.
func (t *Tree) Since(now time.Time, d time.Duration) (list []*Event) {
	d += bornError
	next := make(map[*stream]int) // the index in held; the map is only looked up, because iteration would not be deterministic
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

// wants reports whether e, the next event of the stream, is to be delivered. Until the
// first event that was emitted after this node's start, events that were emitted more than
// rewind (and bornError) before the start are not delivered, and the others are marked as
// Old. From that event on, the stream delivers all events, whatever their age.
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

// isQuiet reports whether this node requested an event although it was emitted before
// its start. Most other nodes have had it, so it is announced on all links and pushed
// on none.
func (s *stream) isQuiet(e *Event) bool {
	return s.repair != nil && e.end() <= s.rewound && !s.delivered && e.born.isBeforeStart()
}
