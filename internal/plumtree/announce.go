package plumtree

import (
	"slices"
	"time"
)

// announceAll announces to all lazy neighbours what arrived since their last
// announcement. Usually all of them are at the same position.
func (t *Tree) announceAll(now time.Time, out Out) {
	var news []Range
	from := t.history.end() // there is no news after the end
	for i := range t.links {
		l := &t.links[i]
		if l.role.isEager() {
			continue
		}
		if l.position < l.pushUntil { // what is to be pushed comes first
			t.announceSoon(now)
			continue
		}
		if l.position != from {
			from = l.position
			news = t.news(from)
		}
		t.sendNews(l, news, out)
		t.moveToEnd(l)
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

// disturb moves the next announcement forward, because this node or a neighbour misses
// events.
func (t *Tree) disturb(now time.Time) {
	t.calm = 0
	if soon := now.Add(t.cfg.LazyDelay); t.announceAt.After(soon) {
		t.announceAt = soon
	}
}

// announceSkipped announces to the neighbours how far an origin has come, after this
// node has given its last events up. The neighbours may never have heard of these
// events, and no later event reveals them. Each neighbour must find out itself what it
// has lost.
func (t *Tree) announceSkipped(now time.Time, s *stream) {
	if t.cfg.NoSync || t.cfg.LazyDelay < 0 || slices.Contains(t.skipped, s) {
		return
	}
	t.skipped = append(t.skipped, s)
	if t.announceAt.IsZero() {
		t.announceAt = now.Add(t.cfg.LazyDelay)
	}
}

// announce sends one lazy neighbour everything after its position.
func (t *Tree) announce(l *link, out Out) {
	t.sendNews(l, t.news(l.position), out)
	t.moveToEnd(l)
}

func (t *Tree) sendNews(l *link, news []Range, out Out) {
	news = l.known.without(news)
	for len(news) > maxRanges {
		out.Send(l.id, &IHave{Ranges: news[:maxRanges]})
		news = news[maxRanges:]
	}
	if len(news) > 0 {
		out.Send(l.id, &IHave{Ranges: news})
	}
}

// news returns what is to be announced after a position in the history's log.
func (t *Tree) news(position uint64) []Range {
	if t.cfg.LazyDelay < 0 {
		return nil
	}
	return t.history.since(position)
}

// since returns the events after a position that are announced, as ranges.
func (h *history) since(position uint64) (ranges []Range) {
	from := max(position, h.first)
	for _, x := range h.log[from-h.first:] {
		e := x.event
		if e.quiet {
			continue
		}
		// Runs of one origin are close together in the log, so compare with the last
		// few only.
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
