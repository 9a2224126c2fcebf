package plumtree

import "time"

// history keeps the events of all origins in the order in which they came, to
// bound them in bytes and age, and to know what is still to be announced. The
// events of one origin are found through its stream.
type history struct {
	log   []entry // log[0] has position first
	first uint64
	bytes int

	events []Event // a slab to take events from
	bodies []byte  // a chunk to copy bodies into
}

type entry struct {
	stream *stream
	event  *Event
}

const (
	// eventCost is what an event takes beside its body: the struct, its entry
	// in the log and its place in the stream. Without it, a million events of a
	// few bytes would take a hundred times the bound.
	eventCost = 128

	slab       = 51       // events allocated at once: 4 KiB
	firstChunk = 512      // bytes of bodies allocated at once, to begin with: most nodes hear little
	chunk      = 32 << 10 // and at most
)

// event takes an event from the slab, so that relaying does not allocate one by
// one. A slab is freed when the last of its events is.
func (h *history) event() *Event {
	if len(h.events) == 0 {
		h.events = make([]Event, slab)
	}
	e := &h.events[0]
	h.events = h.events[1:]
	return e
}

// copy keeps a body that lies in a buffer of the driver.
func (h *history) copy(body []byte) []byte {
	if len(body) > chunk/8 {
		return append([]byte(nil), body...)
	}
	if len(body) > cap(h.bodies)-len(h.bodies) {
		h.bodies = make([]byte, 0, min(max(firstChunk, 2*cap(h.bodies), 8*len(body)), chunk))
	}
	start := len(h.bodies)
	h.bodies = append(h.bodies, body...)
	return h.bodies[start:len(h.bodies):len(h.bodies)]
}

// age is how long ago an event was emitted.
func (t *Tree) age(now time.Time, e *Event) time.Duration {
	return time.Duration(t.moment(now) - e.born)
}

// end is the position after the newest entry.
func (h *history) end() uint64 { return h.first + uint64(len(h.log)) }

// HistoryBytes is what the history holds: the bodies, and 128 bytes for each
// event.
func (t *Tree) HistoryBytes() int { return t.history.bytes }

func (h *history) oldest() *Event {
	if len(h.log) == 0 {
		return nil
	}
	return h.log[0].event
}

func (h *history) pop() entry {
	x := h.log[0]
	h.log[0] = entry{}
	h.log = h.log[1:]
	h.first++
	h.bytes -= len(x.event.Body) + eventCost
	return x
}

// store adds an event and lets go of the oldest ones beyond the bound.
func (t *Tree) store(now time.Time, s *stream, e *Event) {
	t.history.log = append(t.history.log, entry{s, e})
	t.history.bytes += len(e.Body) + eventCost
	for t.history.bytes > t.cfg.HistoryBytes && len(t.history.log) > 1 {
		t.evict()
	}
}

// expireHistory lets go of what is too old.
func (t *Tree) expireHistory(now time.Time) {
	for {
		e := t.history.oldest()
		if e == nil || t.age(now, e) <= t.cfg.HistoryAge {
			return
		}
		t.evict()
	}
}

func (t *Tree) evict() {
	x := t.history.pop()
	if s := x.stream; s.at(x.event.Seq) == x.event {
		t.places -= len(s.events)
		s.drop(x.event.Seq)
		t.places += len(s.events)
		s.forgets(x.event.born)
	}
}

func (t *Tree) put(s *stream, e *Event) {
	t.places += int(s.growth(e.Seq))
	s.put(e)
}

// hasPlaces reports whether an event can be put in. If there are too many empty
// places, only the next event of an origin can, and at the price of those that
// are held already: they come again.
func (t *Tree) hasPlaces(now time.Time, s *stream, seq uint64) bool {
	if room := len(t.history.log) + maxEmpty - t.places; room > 0 && s.growth(seq) <= uint64(room) {
		return true
	}
	if seq != s.next {
		return false
	}
	t.release(s)
	s.forgets(t.moment(now))
	return true
}

// release lets go of all events of a stream. The history's log skips them.
func (t *Tree) release(s *stream) {
	t.places -= len(s.events)
	s.events = nil
}
