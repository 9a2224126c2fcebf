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
	slab  = 64       // events allocated at once
	chunk = 32 << 10 // bytes of bodies allocated at once
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
		h.bodies = make([]byte, 0, chunk)
	}
	start := len(h.bodies)
	h.bodies = append(h.bodies, body...)
	return h.bodies[start:len(h.bodies):len(h.bodies)]
}

// end is the position after the newest entry.
func (h *history) end() uint64 { return h.first + uint64(len(h.log)) }

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
	h.bytes -= len(x.event.Body)
	return x
}

// store adds an event and lets go of the oldest ones beyond the bound.
func (t *Tree) store(now time.Time, s *stream, e *Event) {
	t.history.log = append(t.history.log, entry{s, e})
	t.history.bytes += len(e.Body)
	for t.history.bytes > max(t.cfg.HistoryBytes, 0) && len(t.history.log) > 1 {
		t.evict()
	}
}

// expireHistory lets go of what is too old.
func (t *Tree) expireHistory(now time.Time) {
	for {
		e := t.history.oldest()
		if e == nil || now.Sub(e.Born) <= t.cfg.HistoryAge {
			return
		}
		t.evict()
	}
}

func (t *Tree) evict() {
	x := t.history.pop()
	if s := x.stream; s.at(x.event.Seq) == x.event {
		s.drop(x.event.Seq)
		s.forgets(x.event.Born)
	}
}
