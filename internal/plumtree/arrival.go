package plumtree

import "time"

// The history keeps an event for HistoryAge from its arrival. The age that came with the
// event has no effect, because each node on the path can change it, and a false age must
// not make an event leave early. An event has no field for the time of its arrival. The
// log is in order of arrival, so a few marks with a time are enough.

// mark holds a position of the log and a time. The entries from that position on arrived at
// that time or later.
type mark struct {
	position uint64
	at       moment
}

// marksPerAge is how many marks cover HistoryAge. Because of the marks, an entry may stay
// longer than HistoryAge, by at most the time between two marks.
const marksPerAge = 256

// noteArrival records when the next entry arrives. It is called if a mark is due or the
// log is empty. The history has about marksPerAge marks, so the memory for marks soon
// stops growing.
func (h *history) noteArrival(at moment, historyAge time.Duration) {
	if len(h.log) == 0 {
		h.marks = h.marks[:0]
	}
	h.marks = append(h.marks, mark{h.end(), at})
	h.markAt = at + moment(historyAge/marksPerAge)
}

// oldestArrival returns a lower bound for the arrival of the oldest entry.
func (h *history) oldestArrival() moment { return h.marks[0].at }

// expiresAt returns when the oldest entry leaves the history because of its age.
func (t *Tree) expiresAt() moment {
	return t.history.oldestArrival() + moment(t.cfg.HistoryAge+t.cfg.HistoryAge/marksPerAge)
}

// expireHistory evicts events that arrived more than HistoryAge ago. An event that still
// has to be pushed or announced on a link stays, because an event that leaves without an
// announcement is lost without a report. A link that takes no events is closed, so an
// event never stays long for it.
func (t *Tree) expireHistory(now time.Time) {
	t.heldTo = 0
	for t.history.oldest() != nil && t.moment(now) >= t.expiresAt() {
		if t.isUnannounced(t.history.oldest()) {
			t.heldTo = t.moment(now.Add(time.Second))
			return
		}
		t.evict(now)
	}
}

// isUnannounced reports whether the oldest event was neither pushed nor announced on
// some link.
func (t *Tree) isUnannounced(e *Event) bool {
	for i := range t.links {
		if t.owes(&t.links[i], e) {
			return true
		}
	}
	return false
}

// owes reports whether the oldest event is still to be pushed or announced on a link.
func (t *Tree) owes(l *link, e *Event) bool {
	return l.position <= t.history.first && e.isPushedOn(l) && (l.role.isEager() || t.cfg.LazyDelay > 0)
}
