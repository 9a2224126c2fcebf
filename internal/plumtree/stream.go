package plumtree

import (
	"math"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/ident"
)

// stream is what a node knows of one origin: which events it has had, and which
// of them it still holds.
//
// held covers the numbers from base on. Below next every event was delivered
// (or given up), whether held or not; from next on exactly the held ones were
// received, and wait for those before them.
//
// There is one for each origin that a node has ever heard of, so its size counts.
type stream struct {
	origin ident.Origin
	next   uint64 // the next event to deliver
	high   uint64 // one past the highest number that is known to exist
	base   uint64
	events []*Event  // [0] is number base; nil where not held
	one    [1]*Event // the room of events for as long as it is enough, as it mostly is
	heard  moment    // last new event

	delivered bool   // some event was: what follows was emitted while we were alive
	forgot    moment // no event below next that is not held was born later

	*repair // while events in [next, high) are missing
}

// moment is a time, as the nanoseconds since the tree was made: a third of a
// time.Time, and the collector of garbage does not look at it.
type moment int64

const longAgo moment = math.MinInt64 / 2

func (t *Tree) moment(at time.Time) moment { return moment(at.Sub(t.started)) }

// repair is how the missing events of a stream are looked for. Most streams miss
// nothing most of the time, so it is apart from them.
type repair struct {
	holder   ident.Link   // who announced or had later events
	asked    ident.Link   // whom we asked last; 0: nobody
	tried    []ident.Link // in this round
	denied   []ident.Link // who answered, since the last progress, that they have nothing
	rounds   int          // of asking all neighbours, since the last progress
	since    time.Time    // the last progress, or when the first was missed
	askAt    time.Time    // when to ask (again)
	giveUpAt time.Time
	evicted  uint64 // below this number, some neighbour had the events once
}

func (s *stream) at(seq uint64) *Event {
	if seq < s.base || seq-s.base >= uint64(len(s.events)) {
		return nil
	}
	return s.events[seq-s.base]
}

func (s *stream) has(seq uint64) bool { return seq < s.next || s.at(seq) != nil }

func (s *stream) put(e *Event) {
	if len(s.events) == 0 {
		s.base = e.Seq
		s.events = s.one[:0]
	}
	if e.Seq < s.base { // earlier than all we hold, later than all we delivered
		shift := s.base - s.next // down to next at once, lest we come here for each
		s.events = append(make([]*Event, shift, shift+uint64(len(s.events))), s.events...)
		s.base = s.next
	}
	for uint64(len(s.events)) <= e.Seq-s.base {
		s.events = append(s.events, nil)
	}
	s.events[e.Seq-s.base] = e
}

// growth is how many places more put takes for that number.
func (s *stream) growth(seq uint64) uint64 {
	n := uint64(len(s.events))
	switch {
	case n == 0:
		return 1
	case seq < s.base:
		return s.base - s.next
	case seq-s.base < n:
		return 0
	}
	return seq - s.base + 1 - n
}

// drop lets go of an event and of the empty places before the first one held.
func (s *stream) drop(seq uint64) {
	if s.at(seq) == nil {
		return
	}
	s.events[seq-s.base] = nil
	for len(s.events) > 0 && s.events[0] == nil {
		s.events = s.events[1:]
		s.base++
	}
	if len(s.events) == 0 {
		s.events = nil
	}
}

// end is one past the highest number that is held, or next.
func (s *stream) end() uint64 { return max(s.next, s.base+uint64(len(s.events))) }

// appendHeld appends the runs of events that are held, and where none is, an
// empty range that tells how far the origin has come.
func (s *stream) appendHeld(list []Range) []Range {
	if len(s.events) == 0 && s.next > 1 {
		return append(list, Range{s.origin, s.next, s.next})
	}
	for i := 0; i < len(s.events); i++ {
		if s.events[i] == nil {
			continue
		}
		from := s.base + uint64(i)
		for i < len(s.events) && s.events[i] != nil {
			i++
		}
		list = append(list, Range{s.origin, from, s.base + uint64(i)})
	}
	return list
}

// misses reports whether an event in [from, to) was not received.
func (s *stream) misses(from, to uint64) bool {
	for seq := max(from, s.next); seq < to; seq++ {
		if s.at(seq) == nil {
			return true
		}
	}
	return false
}

// appendMissing appends the runs in [from, to) that were not received.
func (s *stream) appendMissing(list []Range, from, to uint64) []Range {
	from, to = max(from, s.next), min(to, s.next+window)
	for seq := from; seq < to && len(list) < maxRanges; {
		if s.at(seq) != nil {
			seq++
			continue
		}
		start := seq
		if seq < s.base { // nothing is held below base
			seq = min(to, s.base)
		}
		end := s.base + uint64(len(s.events))
		for seq < to && s.at(seq) == nil {
			if seq >= end {
				seq = to
				break
			}
			seq++
		}
		list = append(list, Range{s.origin, start, seq})
	}
	return list
}

// progress puts giving up off.
func (s *stream) progress(now time.Time, cfg Config) {
	if s.repair != nil {
		s.tried, s.denied, s.rounds = s.tried[:0], s.denied[:0], 0
		s.since = now
		s.giveUpAt = now.Add(cfg.OrderWait)
		s.askAt = now.Add(graftRetry)
	}
}

// stream finds or begins the record of an origin. An origin that is new is
// taken to have begun with event 1; whoever is asked for what came before we
// were alive says so.
func (t *Tree) stream(now time.Time, o ident.Origin) *stream {
	if s := t.streams.find(o); s != nil {
		return s
	}
	if len(t.order) >= maxStreams {
		t.forgetStream()
	}
	s := t.streams.add(stream{origin: o, next: 1, high: 1, heard: t.moment(now), forgot: longAgo})
	t.order = append(t.order, s)
	return s
}

// forgetStream lets go of the origin that was silent longest among the oldest
// ones, and never of our own.
func (t *Tree) forgetStream() {
	victim := 1
	for i := 1; i < min(len(t.order), 64); i++ {
		if t.order[i].heard < t.order[victim].heard {
			victim = i
		}
	}
	s := t.order[victim]
	t.complete(s)
	t.release(s)
	t.streams.remove(s)
	t.order = append(t.order[:victim], t.order[victim+1:]...)
}
