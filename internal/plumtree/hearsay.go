package plumtree

import (
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// An origin of which no event has come is hearsay: a neighbour has announced that
// there is such a one. It has a stream while it is looked for, and is forgotten if
// nothing comes of it. Only those who announced it are asked for it, and each may
// bring up so many at a time: else a few bytes that name origins which are none would
// keep a node and all its neighbours busy.

// hearsay begins the stream of an origin that a neighbour has announced, or gives nil
// if it has announced too many that nothing came of yet.
func (t *Tree) hearsay(now time.Time, l *link, o ident.Origin) *stream {
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

// dropSponsor takes a stream from the account of the neighbour that brought it up: it
// was heard, or is not looked for any more.
func (t *Tree) dropSponsor(s *stream) {
	if s.repair == nil || s.sponsor == 0 {
		return
	}
	if l := t.link(s.sponsor); l != nil {
		l.sponsored--
	}
	s.sponsor = 0
	t.hearsays--
}
