package plumtree

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// announceAll tells all lazy neighbours what came since the last announcement.
// As a rule they have all been told equally much.
func (t *Tree) announceAll(now time.Time, out Out) {
	var news []Range
	from := t.history.end() // what came since then is nothing
	for i := range t.links {
		l := &t.links[i]
		if l.eager {
			continue
		}
		if l.position < l.drain { // what is to be pushed comes first
			t.announceSoon(now)
			continue
		}
		if l.position != from {
			from = l.position
			news = t.since(from)
		}
		t.tell(l, news, out)
		t.passes(l)
	}
	for chunk := range slices.Chunk(t.quiet, maxRanges) {
		for i := range t.links {
			out.Send(t.links[i].id, &IHave{Ranges: chunk})
		}
	}
	t.quiet = nil
	for chunk := range slices.Chunk(t.skipped, maxRanges) {
		var ranges []Range
		for _, s := range chunk {
			ranges = append(ranges, Range{s.origin, s.next, s.next})
		}
		for i := range t.links {
			out.Send(t.links[i].id, &IHave{Ranges: ranges, Sync: true})
		}
	}
	t.skipped = nil
}

// disturb has announcements made soon again: events are missed, here or by a
// neighbour, or may be.
func (t *Tree) disturb(now time.Time) {
	t.calm = 0
	if soon := now.Add(t.cfg.LazyDelay); t.announceAt.After(soon) {
		t.announceAt = soon
	}
}

// tellSkipped lets the neighbours know how far an origin has come when we go on
// without its last events. They may never have heard of these, and nothing that
// comes later shows them: each has to find out for itself what it has lost.
func (t *Tree) tellSkipped(now time.Time, s *stream) {
	if t.cfg.NoSync || t.cfg.LazyDelay < 0 || slices.Contains(t.skipped, s) {
		return
	}
	t.skipped = append(t.skipped, s)
	if t.announceAt.IsZero() {
		t.announceAt = now.Add(t.cfg.LazyDelay)
	}
}

// announce tells one lazy neighbour.
func (t *Tree) announce(l *link, out Out) {
	t.tell(l, t.since(l.position), out)
	t.passes(l)
}

func (t *Tree) tell(l *link, news []Range, out Out) {
	news = l.unknown(news)
	for len(news) > maxRanges {
		out.Send(l.id, &IHave{Ranges: news[:maxRanges]})
		news = news[maxRanges:]
	}
	if len(news) > 0 {
		out.Send(l.id, &IHave{Ranges: news})
	}
}

// unknown is the part of the news that the peer has not announced itself. Of the
// two ends of a lazy link mostly only the one nearer to an origin announces.
func (l *link) unknown(news []Range) []Range {
	shared := true // the slice is other links' too
	for i := len(news) - 1; i >= 0; i-- {
		k := l.hasTold(news[i].Origin, news[i].From)
		if k == nil {
			continue
		}
		if shared {
			news, shared = slices.Clone(news), false
		}
		if k.To >= news[i].To {
			news = slices.Delete(news, i, i+1)
		} else {
			news[i].From = k.To
		}
	}
	return news
}

// hasTold finds the announcements of the peer that cover an event or end at it.
func (l *link) hasTold(o ident.Origin, seq uint64) *Range {
	name := nameOf(o)
	for i, n := range l.names[:len(l.known)] {
		if n != name {
			continue
		}
		if k := &l.known[i]; k.From <= seq && seq <= k.To && k.Origin == o {
			return k
		}
	}
	return nil
}

// hears remembers an announcement.
func (l *link) hears(r Range) {
	if k := l.hasTold(r.Origin, r.From); k != nil {
		k.To = max(k.To, r.To)
		return
	}
	if len(l.known) < maxKnown {
		l.names[len(l.known)] = nameOf(r.Origin)
		l.known = append(l.known, r)
		return
	}
	l.known[l.oldest], l.names[l.oldest] = r, nameOf(r.Origin)
	l.oldest = (l.oldest + 1) % maxKnown
}

// nameOf is enough of an origin to tell most from each other.
func nameOf(o ident.Origin) uint32 { return binary.LittleEndian.Uint32(o.ID[:]) }

// since is what came from a position in the history's log on.
func (t *Tree) since(position uint64) (ranges []Range) {
	if t.cfg.LazyDelay < 0 {
		return nil
	}
	from := max(position, t.history.first)
	for _, x := range t.history.log[from-t.history.first:] {
		e := x.event
		if e.quiet {
			continue
		}
		// Runs of one origin lie close together; look a few back, not at all.
		at := -1
		for i := len(ranges) - 1; i >= max(0, len(ranges)-8); i-- {
			if r := &ranges[i]; r.Origin == e.Origin && e.Seq == r.To {
				at = i
				break
			}
		}
		if at >= 0 {
			ranges[at].To = e.end()
		} else {
			ranges = append(ranges, Range{e.Origin, e.Seq, e.end()})
		}
	}
	return ranges
}
