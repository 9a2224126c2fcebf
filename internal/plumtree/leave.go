package plumtree

import (
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// lastMoments is the age up to which an event may not have reached all nodes yet. A guess:
// twice the delay of an announcement, and a round trip.
const lastMoments = 250 * time.Millisecond

// Leave prepares a lazy link for the goodbye of this node or of the peer, after which the peer
// can't pull on it. The next Fill pushes the events that were not announced on the link, and those
// younger than lastMoments: the peer may be about to pull them. If the nodes of a network
// stop together, no other node may pass these events on.
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
