package plumtree

import (
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/retry"
)

// announceSoon schedules the next announcement.
func (t *Tree) announceSoon(now time.Time) {
	if t.announceAt.IsZero() && t.cfg.LazyDelay > 0 {
		t.announceAt = now.Add(retry.Blur(min(max(t.cfg.LazyDelay<<t.calm, t.pullDelay(now)/2), t.historySpan(now)/8), t.cfg.Rand))
	}
}

// disturb moves the next announcement forward, because this node or a neighbour misses
// events.
func (t *Tree) disturb(now time.Time) {
	t.calm = 0
	if soon := now.Add(t.cfg.LazyDelay); t.announceAt.After(soon) {
		t.announceAt = soon
	}
}

// announceSkipped announces the number of an origin's latest event to the neighbours. It
// is called if this node has given up the origin's last events, or has evicted them
// before they were announced. The neighbours may never have heard of these events, and no
// later event reveals them. Each neighbour must find out itself which events it has lost.
func (t *Tree) announceSkipped(now time.Time, s *stream) {
	if t.cfg.NoSync || t.cfg.LazyDelay < 0 || s.isSkipped {
		return
	}
	s.isSkipped = true
	t.skipped = append(t.skipped, s)
	switch {
	case len(t.skipped) >= maxSkipped:
		t.announceAt = now // so the list stays short, and no origin is left out
	case t.announceAt.IsZero():
		t.announceAt = now.Add(t.cfg.LazyDelay)
	}
}

// announceQuietly queues the announcement of an event that is not pushed. If many are
// queued, they are sent at once, so that none is left out.
func (t *Tree) announceQuietly(now time.Time, e *Event, out Out) {
	for i := len(t.quiet) - 1; i >= max(0, len(t.quiet)-8); i-- {
		if r := &t.quiet[i]; r.Origin == e.Origin && r.To == e.Seq {
			r.To = e.end()
			return
		}
	}
	t.quiet = append(t.quiet, Range{e.Origin, e.Seq, e.end()})
	if len(t.quiet) >= maxQuiet {
		t.sendQuiet(out)
		return
	}
	t.announceSoon(now)
}

// sendQuiet announces the events that are not pushed.
func (t *Tree) sendQuiet(out Out) {
	for chunk := range slices.Chunk(t.quiet, maxRanges) {
		for i := range t.links {
			out.Send(t.links[i].id, &IHave{Ranges: chunk})
		}
	}
	t.quiet = nil
}

// announceAll announces to all lazy neighbours what arrived since their last
// announcement. Usually all lazy links are at the same position of the log.
func (t *Tree) announceAll(now time.Time, out Out) {
	var news []Range
	from := t.history.end() // there is nothing to announce after the end of the log
	for i := range t.links {
		l := &t.links[i]
		if l.role.isEager() {
			continue
		}
		if l.position < l.pushUntil { // events that are still to be pushed come first
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
	t.sendQuiet(out)
	var ranges []Range
	for _, s := range t.skipped {
		s.isSkipped = false
		if !s.showsEnd() {
			ranges = append(ranges, s.reached())
		}
	}
	for chunk := range slices.Chunk(ranges, maxRanges) {
		for i := range t.links {
			out.Send(t.links[i].id, &IHave{Ranges: chunk, Sync: true})
		}
	}
	t.skipped = nil
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

// news returns the ranges to announce for the entries after a position in the history's
// log.
func (t *Tree) news(position uint64) []Range {
	if t.cfg.LazyDelay < 0 {
		return nil
	}
	return t.history.since(position)
}

// moveToEnd moves a link to the end of the log, after an announcement.
func (t *Tree) moveToEnd(l *link) {
	l.position = t.history.end()
	t.taken = l.position
	l.lag = 0
}
