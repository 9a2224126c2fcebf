package plumtree

import (
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// Fill pushes about room bytes of the events that wait for a link, and reports whether
// more are waiting. Requested events get half of the room, so that neither a newcomer's
// requests nor a flood of events delays the other.
func (t *Tree) Fill(now time.Time, id ident.Link, room int, out Out) (more bool) {
	l := t.links.find(id)
	if l == nil {
		return false
	}
	if t.isServed(l) {
		half := room
		if l.lag > 0 {
			half = room / 2
		}
		room -= half - t.serve(now, l, half, out)
	}
	for l.position < l.pushTo(t.history.end()) {
		e := t.history.at(l.position).event
		if e.isPushedOn(l) {
			if room <= 0 {
				break
			}
			room -= e.cost()
			t.push(now, l, e, e.Seq, e.end(), out)
		}
		l.advance(e)
	}
	t.taken = max(t.taken, l.position)
	if len(l.serve) > 0 {
		t.settle(now, l)
	}
	l.ready = t.isServed(l) || l.position < l.pushTo(t.history.end())
	return l.ready
}

// Lag returns how many bytes wait to be pushed on a link, counted as in the history.
func (t *Tree) Lag(id ident.Link) int {
	if l := t.links.find(id); l != nil {
		return l.lag
	}
	return 0
}

// lastMoments is the age up to which an event may not have reached all nodes yet. A guess:
// twice the delay of an announcement, and a round trip.
const lastMoments = 250 * time.Millisecond

// Leave prepares a lazy link for the goodbye of this node or of the peer, after which the
// peer can't pull on it. The next Fill pushes the events that were not announced on the
// link, and those younger than lastMoments, because the peer may be about to pull them.
// If the nodes of a network stop together, no other node may pass these events on.
func (t *Tree) Leave(now time.Time, id ident.Link) {
	l := t.links.find(id)
	if l == nil || l.role.isEager() || l.position < l.pushUntil {
		return
	}
	at := max(l.position, t.history.first)
	for young := t.moment(now.Add(-lastMoments)); at > t.history.first && t.history.at(at-1).event.born >= young; {
		at--
	}
	l.position, l.pushUntil = at, t.history.end()
}
