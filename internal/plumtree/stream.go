package plumtree

import (
	"math"
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// stream is what a node knows about one origin: which events it has received, and which
// of them it still holds.
//
// Every event below next was delivered or given up, whether it is held or not. From
// next on, exactly the held events were received; they wait for those before them.
//
// There is one stream for each known origin, so its size counts.
type stream struct {
	origin ident.Origin
	next   uint64    // the next event to deliver
	high   uint64    // one past the highest number known to exist
	held   []*Event  // sorted by number; runs do not overlap, and none is partly below next
	one    [1]*Event // the memory of held while one run is enough, the usual case
	early  int       // bytes of the held events from next on, as the history counts them
	heard  moment    // arrival of the last new event

	isHeard   bool   // it is in Tree.order: an event of it arrived, or is known to be gone
	delivered bool   // an event that is not Old was delivered: all that follow were emitted after this node's start
	forgot    moment // upper bound for the birth of events below next that are not held
	skipped   uint64 // events from here to next were skipped, and none was delivered since; see takeBack; or 0

	*repair // not nil while events in [next, high) are missing
}

// moment is a time, as nanoseconds since the tree was made. It is a third as large as a
// time.Time, and the garbage collector does not scan it.
type moment int64

const longAgo moment = math.MinInt64 / 2

func (t *Tree) moment(at time.Time) moment { return moment(at.Sub(t.started)) }

// repair is the search for the missing events of a stream. It is allocated separately,
// because most streams miss nothing most of the time.
type repair struct {
	holder    ident.Link   // the last neighbour that announced or sent later events
	claimants []ident.Link // neighbours that announced the missing events
	asked     ident.Link   // the neighbour asked last; 0: none
	tried     []ident.Link // neighbours asked in this round
	denied    []ident.Link // neighbours that denied the events since the last progress
	rounds    int          // of asking all neighbours, since the last progress
	since     time.Time    // the last progress, or when the first event was missed
	askAt     time.Time    // time of the next request; see agenda.askFrom
	place     int          // in Tree.repairs
	giveUpAt  time.Time
	relayed   []Range    // early events that were forwarded and left the history; see wasRelayed
	holes     []hole     // sorted by number, each with the time of its discovery
	evicted   uint64     // a neighbour once had the events below this number
	goneBorn  moment     // upper bound for the birth of evicted events, as neighbours report it
	shown     uint64     // one past the highest number of an event that arrived
	older     []older    // see onOlder; since the last progress
	rewound   uint64     // events below were requested before any was delivered
	sponsor   ident.Link // the neighbour that announced an unheard origin; see beginHearsay
}

// recordRelayed records that an early event leaves the history. It may arrive again.
func (s *stream) recordRelayed(e *Event) {
	if s.repair == nil || e.Seq < s.next {
		return
	}
	for i := range s.relayed {
		if r := &s.relayed[i]; r.From <= e.end() && e.Seq <= r.To {
			r.From, r.To = min(r.From, e.Seq), max(r.To, e.end())
			return
		}
	}
	if len(s.relayed) >= maxHoles {
		s.relayed = s.relayed[1:]
	}
	s.relayed = append(s.relayed, Range{s.origin, e.Seq, e.end()})
}

// wasRelayed reports whether events were forwarded before. If they were forwarded on
// each arrival, they would circle through nodes whose histories are shorter than the
// cycle.
func (s *stream) wasRelayed(e *Event) bool {
	return s.repair != nil && slices.ContainsFunc(s.relayed, func(r Range) bool { return r.From <= e.Seq && e.end() <= r.To })
}

// hole marks where missing events begin, and when they were found missing.
type hole struct {
	from  uint64
	since time.Time
}

// addHole records that events from here on are missing. If the list is full, the hole
// counts as found together with the last one.
func (s *stream) addHole(now time.Time, from uint64) {
	if last := len(s.holes) - 1; last >= maxHoles-1 {
		s.holes[last].since = now
		return
	}
	s.holes = append(s.holes, hole{from, now})
}

// missedSince returns when the next event was found missing.
func (s *stream) missedSince() time.Time {
	for len(s.holes) > 1 && s.holes[1].from <= s.next {
		s.holes = s.holes[1:]
	}
	return s.holes[0].since
}

// search returns the index of the first held run that ends after seq.
func (s *stream) search(seq uint64) int {
	n := len(s.held)
	if n == 0 || s.held[n-1].end() <= seq {
		return n
	}
	if s.held[n-1].Seq <= seq { // the usual case
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

// at returns the held run that contains the event, or nil.
func (s *stream) at(seq uint64) *Event {
	if i := s.search(seq); i < len(s.held) && s.held[i].Seq <= seq {
		return s.held[i]
	}
	return nil
}

// unknown returns the first run of events in [from, to) that were not received. The run
// is empty if there is none.
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

// put adds events of which none was received.
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

// release removes a held run and reports whether it was held.
func (s *stream) release(e *Event) bool {
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

// end returns one past the highest held number, or next.
func (s *stream) end() uint64 {
	if n := len(s.held); n > 0 {
		return max(s.next, s.held[n-1].end())
	}
	return s.next
}

// appendHeld appends the range from the first held event to the last. If none is held,
// it appends an empty range that says how far the origin has come. A peer that requests
// the range learns of the holes from the replies.
func (s *stream) appendHeld(list []Range) []Range {
	switch n := len(s.held); {
	case n > 0:
		return append(list, Range{s.origin, s.held[0].Seq, s.held[n-1].end()})
	case s.next > 1:
		return append(list, Range{s.origin, s.next, s.next})
	}
	return list
}

// hasMissing reports whether an event in [from, to) was not received.
func (s *stream) hasMissing(from, to uint64) bool {
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

// firstHeld returns the first held number from next on, or 0.
func (s *stream) firstHeld() uint64 {
	if i := s.search(s.next); i < len(s.held) {
		return s.held[i].Seq
	}
	return 0
}

// progress restarts the wait before missing events are given up.
func (t *Tree) progress(now time.Time, s *stream) {
	if s.repair != nil {
		s.tried, s.denied, s.older, s.rounds = s.tried[:0], s.denied[:0], s.older[:0], 0
		s.since = now
		s.giveUpAt = now.Add(t.cfg.OrderWait)
		t.repairs.askFrom(s, now.Add(graftRetry))
	}
}

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

func (t *Tree) begin(now time.Time, o ident.Origin) *stream {
	return t.streams.add(stream{origin: o, next: 1, high: 1, heard: t.moment(now), forgot: longAgo})
}

// remember adds an origin to those that are remembered.
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

// forgetStream drops the longest silent origin among the 64 oldest, and never this
// node's own.
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
