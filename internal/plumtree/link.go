package plumtree

import (
	"time"

	"golang.org/x/time/rate"

	"github.com/smokesignal-go/smokesignal/ident"
)

// link is a neighbour.
type link struct {
	id        ident.Link
	position  uint64 // position in the history's log; every event before it was pushed or announced
	pushUntil uint64 // while the link is lazy: events before this position are still pushed
	lag       int    // bytes from position on that are to be pushed
	role      role   // its state in the tree
	ready     bool   // events or requests wait, and Ready was called
	*dealings        // allocated separately, because every event visits all links and needs none of these fields
}

type dealings struct {
	serve      []request     // the peer's requests that are not served yet
	sponsored  int           // how many origins, of which no event has arrived, are known because the peer announced them
	goneClaims *rate.Limiter // limits how many unconfirmed replies that events are gone are accepted from this peer
	asks       *rate.Limiter // limits the requests to the peer; a frame costs eight, and each of its ranges one
	byID       *account      // what the peer has pulled
	byGroup    *account      // what the peers of its group have pulled
	known      known
}

type request struct {
	Range
	bornAfter time.Time // events emitted before this time are not sent: it is when the requesting node started
}

func newLink(id ident.Link) link {
	return link{id: id, role: newRole(), dealings: &dealings{
		goneClaims: rate.NewLimiter(goneClaimsPerSecond, goneClaimsAtOnce),
		asks:       rate.NewLimiter(askedPerSecond, askedAtOnce),
	}}
}

// links are the neighbours of a node, in the order in which they came up.
type links []link

func (l links) find(id ident.Link) *link {
	for i := range l {
		if l[i].id == id {
			return &l[i]
		}
	}
	return nil
}

// pushTo returns the position in the log up to which events are pushed on a link. end is
// the position after the newest entry of the log.
func (l *link) pushTo(end uint64) uint64 {
	if l.role.isEager() {
		return end
	}
	return l.pushUntil
}

// advance moves a link past an entry of the log.
func (l *link) advance(e *Event) {
	l.position++
	if e.isPushedOn(l) {
		l.lag = max(l.lag-e.cost(), 0)
	}
}

// isPushedOn reports whether an event is to be pushed on a link.
func (e *Event) isPushedOn(l *link) bool { return e.via != l.id && !e.quiet }
