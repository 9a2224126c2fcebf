package plumtree

import "time"

// unsent are the events of this node that no neighbour has taken yet.
type unsent struct {
	alone  uint64    // own events below this number were emitted without a neighbour, unless a neighbour took them later
	given  uint64    // own events below this number were pushed to a neighbour
	lost   []Range   // own events that left the history before a neighbour took them; they are reported at lostAt
	lostAt time.Time // when to report; zero: no event was lost
	lostTo uint64    // one past the last lost event
}

// restamp sets the time of birth of own events to now, if they were emitted without a
// neighbour or if the last neighbour did not take them. This is correct because no other
// node could have had them.
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
		u.given = u.alone // the other events have left the history
	}
}

// recordLost records that an own event leaves the history. If no neighbour has taken the
// event, it is lost.
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
