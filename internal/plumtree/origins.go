package plumtree

import (
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// stream returns the record of an origin, and adds it if necessary. A new origin is
// assumed to start at event 1. A neighbour that is asked for events from before this
// node's start replies that they are gone.
func (t *Tree) stream(now time.Time, o ident.Origin) *stream {
	s := t.streams.find(o)
	if s == nil {
		s = t.begin(now, o)
	}
	t.remember(s)
	return s
}

// remember adds an origin to Tree.order, the list of known origins.
func (t *Tree) remember(s *stream) {
	if s.isHeard {
		return
	}
	t.dropSponsor(s)
	if len(t.order) >= maxStreams {
		t.forgetStream()
	}
	s.isHeard = true
	t.order = append(t.order, s)
}

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

func (t *Tree) begin(now time.Time, o ident.Origin) *stream {
	return t.streams.add(stream{origin: o, next: 1, high: 1, heard: t.moment(now), forgot: longAgo})
}

// forgetStream drops the stream that has been silent longest among the 64 oldest. It
// never drops this node's own stream.
func (t *Tree) forgetStream() {
	victim := 1
	for i := 1; i < min(len(t.order), 64); i++ {
		if t.order[i].heard < t.order[victim].heard {
			victim = i
		}
	}
	s := t.order[victim]
	t.complete(s)
	s.held, s.early = nil, 0 // the history's log skips these events
	t.streams.remove(s)
	t.order = append(t.order[:victim], t.order[victim+1:]...)
}
