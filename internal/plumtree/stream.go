package plumtree

import (
	"math"
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// stream is what a node knows of one origin: which events it has had, and which
// of them it still holds.
//
// Below next every event was delivered (or given up), whether held or not; from
// next on exactly the held ones were received, and wait for those before them.
//
// There is one for each origin that a node has ever heard of, so its size counts.
type stream struct {
	origin ident.Origin
	next   uint64    // the next event to deliver
	high   uint64    // one past the highest number that is known to exist
	held   []*Event  // lowest number first; none overlap, none is in part below next
	one    [1]*Event // the room of held for as long as it is enough, as it mostly is
	early  int       // what the history counts for those from next on
	heard  moment    // last new event

	isHeard   bool   // it is in Tree.order: an event of it came, or is known to be gone
	delivered bool   // some event was that is not Old: what follows was emitted while we were alive
	forgot    moment // no event below next that is not held was born later
	skipped   uint64 // from here to next was skipped, and nothing was delivered since; see takeBack; or 0

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
	holder    ident.Link   // who announced or had later events, last
	claimants []ident.Link // who announced what is missing
	asked     ident.Link   // whom we asked last; 0: nobody
	tried     []ident.Link // in this round
	denied    []ident.Link // who answered, since the last progress, that they have nothing
	rounds    int          // of asking all neighbours, since the last progress
	since     time.Time    // the last progress, or when the first was missed
	askAt     time.Time    // when to ask (again); see Tree.askFrom
	place     int          // in Tree.repairs
	giveUpAt  time.Time
	passed    []Range    // early events that were passed on and left the history; see passedOn
	holes     []hole     // when those behind the first one were found; lowest number first
	evicted   uint64     // below this number, some neighbour had the events once
	goneBorn  moment     // no event below it that a neighbour let go of was born later, as they say
	shown     uint64     // one past the highest number of an event that came
	older     []older    // see onOlder; since the last progress
	rewound   uint64     // events below were asked for when nothing had been delivered
	sponsor   ident.Link // who brought up an origin that is not heard; see Tree.hearsay
}

// notePassed notes that an early event leaves the history. It may come again.
func (s *stream) notePassed(e *Event) {
	if s.repair == nil || e.Seq < s.next {
		return
	}
	for i := range s.passed {
		if r := &s.passed[i]; r.From <= e.end() && e.Seq <= r.To {
			r.From, r.To = min(r.From, e.Seq), max(r.To, e.end())
			return
		}
	}
	if len(s.passed) >= maxHoles {
		s.passed = s.passed[1:]
	}
	s.passed = append(s.passed, Range{s.origin, e.Seq, e.end()})
}

// passedOn reports whether events were passed on before. Passed on each time that they
// come, they would go around circles of nodes whose histories are shorter than the way.
func (s *stream) passedOn(e *Event) bool {
	return s.repair != nil && slices.ContainsFunc(s.passed, func(r Range) bool { return r.From <= e.Seq && e.end() <= r.To })
}

// hole is where events are missing since some moment.
type hole struct {
	from  uint64
	since time.Time
}

// tear notes that events from here on are missing. What is too much for the list counts
// as found with the last one.
func (s *stream) tear(now time.Time, from uint64) {
	if last := len(s.holes) - 1; last >= maxHoles-1 {
		s.holes[last].since = now
		return
	}
	s.holes = append(s.holes, hole{from, now})
}

// missedSince is when the next event was found to be missing.
func (s *stream) missedSince() time.Time {
	for len(s.holes) > 1 && s.holes[1].from <= s.next {
		s.holes = s.holes[1:]
	}
	return s.holes[0].since
}

// search is the index of the first held run that ends behind seq.
func (s *stream) search(seq uint64) int {
	n := len(s.held)
	if n == 0 || s.held[n-1].end() <= seq {
		return n
	}
	if s.held[n-1].Seq <= seq { // nearly always
		return n - 1
	}
	i, _ := slices.BinarySearchFunc(s.held, seq, func(e *Event, seq uint64) int {
		if e.end() <= seq {
			return -1
		}
		return 1
	})
	return i
}

// at is the held run that the event is in, or nil.
func (s *stream) at(seq uint64) *Event {
	if i := s.search(seq); i < len(s.held) && s.held[i].Seq <= seq {
		return s.held[i]
	}
	return nil
}

// unknown is the first run of events in [from, to) that were not received; it is
// empty if there is none.
func (s *stream) unknown(from, to uint64) (uint64, uint64) {
	from = max(from, s.next)
	for i := s.search(from); from < to && i < len(s.held); i++ {
		if x := s.held[i]; x.Seq > from {
			return from, min(to, x.Seq)
		}
		from = s.held[i].end()
	}
	return min(from, to), to
}

// put takes in events of which none was received.
func (s *stream) put(e *Event) {
	if s.held == nil {
		s.held = s.one[:0]
	}
	s.early += e.cost()
	if i := s.search(e.Seq); i < len(s.held) {
		s.held = slices.Insert(s.held, i, e)
		return
	}
	s.held = append(s.held, e)
}

// drop lets go of what is held, and reports whether it was.
func (s *stream) drop(e *Event) bool {
	i := s.search(e.Seq)
	switch {
	case i == len(s.held) || s.held[i] != e:
		return false
	case len(s.held) == 1:
		s.one[0], s.held = nil, nil
	case i == 0:
		s.held[0] = nil
		s.held = s.held[1:]
	default:
		s.held = slices.Delete(s.held, i, i+1)
	}
	if e.Seq >= s.next {
		s.early -= e.cost()
	}
	return true
}

// end is one past the highest number that is held, or next.
func (s *stream) end() uint64 {
	if n := len(s.held); n > 0 {
		return max(s.next, s.held[n-1].end())
	}
	return s.next
}

// appendHeld appends the range from the first event that is held to the last, and where
// none is, an empty range that tells how far the origin has come. Who misses some asks
// for what it misses, and hears of the holes then.
func (s *stream) appendHeld(list []Range) []Range {
	switch n := len(s.held); {
	case n > 0:
		return append(list, Range{s.origin, s.held[0].Seq, s.held[n-1].end()})
	case s.next > 1:
		return append(list, Range{s.origin, s.next, s.next})
	}
	return list
}

// misses reports whether an event in [from, to) was not received.
func (s *stream) misses(from, to uint64) bool {
	from, to = s.unknown(from, to)
	return from < to
}

// appendMissing appends the runs in [from, to) that were not received.
func (s *stream) appendMissing(list []Range, from, to uint64) []Range {
	to = min(to, s.next+window)
	for len(list) < maxHoles {
		a, b := s.unknown(from, to)
		if a >= b {
			break
		}
		list = append(list, Range{s.origin, a, b})
		from = b
	}
	return list
}

// firstHeld is the first number from next on that is held, or 0.
func (s *stream) firstHeld() uint64 {
	if i := s.search(s.next); i < len(s.held) {
		return s.held[i].Seq
	}
	return 0
}

// progress puts giving up off.
func (t *Tree) progress(now time.Time, s *stream) {
	if s.repair != nil {
		s.tried, s.denied, s.older, s.rounds = s.tried[:0], s.denied[:0], s.older[:0], 0
		s.since = now
		s.giveUpAt = now.Add(t.cfg.OrderWait)
		t.askFrom(s, now.Add(graftRetry))
	}
}

// stream finds or begins the record of an origin. An origin that is new is
// taken to have begun with event 1; whoever is asked for what came before we
// were alive says so.
func (t *Tree) stream(now time.Time, o ident.Origin) *stream {
	s := t.streams.find(o)
	if s == nil {
		s = t.begin(now, o)
	}
	t.remember(s)
	return s
}

func (t *Tree) begin(now time.Time, o ident.Origin) *stream {
	return t.streams.add(stream{origin: o, next: 1, high: 1, heard: t.moment(now), forgot: longAgo})
}

// remember takes an origin among those that are remembered.
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
	s.held, s.early = nil, 0 // the history's log skips them
	t.streams.remove(s)
	t.order = append(t.order[:victim], t.order[victim+1:]...)
}
