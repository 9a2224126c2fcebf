package plumtree

import (
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// An origin is hearsay while only announcements name it and no event of it has arrived.
// It has a stream while its events are requested, and is forgotten if none arrives.
// Only neighbours that announced it are asked, and each neighbour may introduce only a
// limited number at a time. Otherwise a few bytes that name invented origins would keep
// a node and all its neighbours busy.

// beginHearsay adds the stream of an origin that a neighbour has announced. It returns
// nil if the neighbour has too many announced origins without an event.
func (t *Tree) beginHearsay(now time.Time, l *link, o ident.Origin) *stream {
	if l.sponsored >= maxHearsay || t.hearsays >= 16*maxHearsay {
		return nil
	}
	s := t.begin(now, o)
	t.miss(now, s, l.id)
	s.sponsor = l.id
	l.sponsored++
	t.hearsays++
	return s
}

// dropSponsor stops counting a stream against the neighbour that introduced it, because
// an event arrived or the search has ended.
func (t *Tree) dropSponsor(s *stream) {
	if s.repair == nil || s.sponsor == 0 {
		return
	}
	if l := t.links.find(s.sponsor); l != nil {
		l.sponsored--
	}
	s.sponsor = 0
	t.hearsays--
}
