package plumtree

import (
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/batch"
)

// append adds an event of this node to the last run, if no link has taken that run yet.
func (t *Tree) append(now time.Time, body []byte, isSigned bool) bool {
	e, c := t.open, &t.history.own
	size := batch.Size(len(body))
	if e == nil || t.openAt < t.taken || t.openAt < t.history.first ||
		int(e.Count) >= runEvents || len(e.Body)+size > runBytes ||
		t.age(now, e) > runLasts || !c.fitsBehind(e.Body, size) {
		return false
	}
	e.Body = c.pack(e.Body, body)
	e.Count++
	e.Signed = e.Signed || isSigned
	t.history.bytes += size
	for i := range t.links {
		if l := &t.links[i]; l.role.isEager() {
			l.lag += size
		}
	}
	t.shrink(now)
	return true
}

// store adds an event and evicts the oldest ones beyond the bound.
func (t *Tree) store(now time.Time, s *stream, e *Event) {
	if at := t.moment(now); at >= t.history.markAt || len(t.history.log) == 0 {
		t.history.noteArrival(at, t.cfg.HistoryAge)
	}
	t.history.log = append(t.history.log, entry{s, e})
	t.history.bytes += e.cost()
	t.shrink(now)
}

// spread queues a new event for all links: eager links become ready, and lazy ones get
// it with the next announcement.
func (t *Tree) spread(now time.Time, e *Event, from ident.Link, out Out) {
	end := t.history.end()
	for i := range t.links {
		switch l := &t.links[i]; {
		case l.id == from || e.quiet:
			if l.role.isEager() && l.position == end-1 {
				l.position = end // the queue of the link is empty, and this event is not sent on it
			}
		case l.role.isEager():
			l.lag += e.cost()
			t.ready(l, out)
		default:
			t.announceSoon(now)
		}
	}
}

// ready calls Out.Ready for a link on which events wait, unless it has done so already.
func (t *Tree) ready(l *link, out Out) {
	if !l.ready {
		l.ready = true
		out.Ready(l.id)
	}
}

func (t *Tree) shrink(now time.Time) {
	for t.history.bytes > t.cfg.HistoryBytes && len(t.history.log) > 1 {
		t.evict(now)
	}
}

// evict removes the oldest event from the history. Such an event may not yet have been
// pushed or announced on a link. Then the next announcement on that link carries the
// number of the origin's latest event. By this number the peer sees that it misses an
// event. It asks other neighbours for the event, or reports a gap.
func (t *Tree) evict(now time.Time) {
	oldest := t.history.log[0]
	for i := range t.links {
		l := &t.links[i]
		if l.position > t.history.first {
			continue // the usual case
		}
		if t.owes(l, oldest.event) {
			t.announceSkipped(now, oldest.stream)
		}
		if l.position == t.history.first && l.position < l.pushTo(t.history.end()) {
			l.advance(oldest.event)
		}
	}
	x := t.history.pop()
	if s := x.stream; s.release(x.event) {
		s.noteForgotten(x.event.born)
		s.recordRelayed(x.event)
		if s == t.own {
			t.unsent.recordLost(now, x.event)
		}
	}
}
