package plumtree

import (
	"slices"

	"github.com/smokesignal-go/smokesignal/ident"
)

// stream is what a node knows about one origin: which events it has received, and which
// of them it still holds.
//
// Every event below next was delivered or given up, whether it is held or not. From next
// on, exactly the held events were received; they wait for the events before them.
//
// There is one stream for each known origin, so the size of this struct matters.
type stream struct {
	origin ident.Origin
	next   uint64    // the next event to deliver
	high   uint64    // one past the highest number known to exist
	held   []*Event  // sorted by number; runs do not overlap, and none is partly below next
	one    [1]*Event // the memory of held while one run is enough, the usual case
	early  int       // bytes of the held events from next on, counted as in the history
	heard  moment    // arrival of the last new event

	isHeard       bool   // the stream is in Tree.order: an event of it arrived, or is known to be gone
	isEstablished bool   // see establish
	by            uint16 // the index of its bringer in Tree.bringers
	begun         coarse // when it was added to Tree.order
	isSkipped     bool   // the stream is in Tree.skipped
	delivered     bool   // an event that is not Old was delivered, so all that follow were emitted after this node's start
	forgot        moment // upper bound for the birth of events below next that are not held
	skipped       uint64 // if not 0: the events from this number to next were skipped, and no event was delivered after that; see takeBack

	*repair // not nil while events in [next, high) are missing
}

// heardTo returns one past the last event that will not be delivered any more, also if the
// stream is forgotten and begins again.
func (s *stream) heardTo() uint64 {
	if s.skipped != 0 {
		return s.skipped
	}
	return s.next
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

// hasMissing reports whether an event in [from, to) was not received.
func (s *stream) hasMissing(from, to uint64) bool {
	from, to = s.unknown(from, to)
	return from < to
}

// appendMissing appends the runs of events in [from, to) that were not received.
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

// firstHeld returns the lowest held number that is at least next, or 0 if there is none.
func (s *stream) firstHeld() uint64 {
	if i := s.search(s.next); i < len(s.held) {
		return s.held[i].Seq
	}
	return 0
}

// end returns one past the highest held number, or next if that is higher.
func (s *stream) end() uint64 {
	if n := len(s.held); n > 0 {
		return max(s.next, s.held[n-1].end())
	}
	return s.next
}

// put adds events, none of which was received before.
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

// appendHeld appends the range from the first held event to the last. If none is held, it
// appends an empty range that carries the number of the origin's next event. A peer that
// requests the range learns of the holes from the replies.
func (s *stream) appendHeld(list []Range) []Range {
	switch n := len(s.held); {
	case n > 0:
		return append(list, Range{s.origin, s.held[0].Seq, s.held[n-1].end()})
	case s.next > 1:
		return append(list, Range{s.origin, s.next, s.next})
	}
	return list
}

// reached returns an empty range that carries the number after the origin's last event,
// as far as events that arrived here prove it.
func (s *stream) reached() Range {
	to := s.next
	if s.repair != nil {
		to = max(to, s.shown)
	}
	return Range{s.origin, to, to}
}

// showsEnd reports whether the last event that arrived is in the history and was pushed
// or announced on each link, or will be. It reveals to the peer that the events before it
// exist.
func (s *stream) showsEnd() bool {
	n := len(s.held)
	return n > 0 && !s.held[n-1].quiet && s.held[n-1].end() >= s.reached().To
}

// noteForgotten records that an event born at that time is not held, or no longer held.
func (s *stream) noteForgotten(born moment) { s.forgot = max(s.forgot, born) }
