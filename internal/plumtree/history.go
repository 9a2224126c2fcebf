package plumtree

import (
	"time"

	"github.com/smokesignal-go/smokesignal/internal/batch"
)

// history holds the events of all origins in the order of their arrival. It bounds them
// in bytes and age. It is also the queue of all links at once: a link's position is the
// first event not yet pushed or announced on it. The events of one origin are found
// through its stream.
type history struct {
	log   []entry // log[0] has position first
	first uint64
	bytes int

	events  []Event // a slab to take events from
	relayed chunk   // bodies that came from neighbours
	own     chunk   // bodies that this node emits, contiguous
}

type entry struct {
	stream *stream
	event  *Event
}

const (
	// eventCost is what an event takes in addition to its body: the struct, its log
	// entry and its place in the stream. Without it, a million events of a few bytes
	// would take a hundred times the bound.
	eventCost = 128

	slab       = 51       // events allocated at once: 4 KiB
	firstChunk = 512      // first allocation for bodies, in bytes: most nodes receive little
	lastChunk  = 32 << 10 // largest allocation

	// Events that a node emits before a link takes them share one Event and one frame.
	// These bound such a run: events, bytes, and the time from its first event, whose
	// age counts for all.
	runEvents = 1024
	runBytes  = 16 << 10
	runLasts  = 5 * time.Millisecond
)

// event returns an event from the slab, so that relaying does not allocate each one. A
// slab is freed together with its last event.
func (h *history) event() *Event {
	if len(h.events) == 0 {
		h.events = make([]Event, slab)
	}
	e := &h.events[0]
	h.events = h.events[1:]
	return e
}

// chunk is a buffer to which many bodies are copied.
type chunk []byte

// reserve makes room for size more bytes, in a new buffer if necessary.
func (c *chunk) reserve(size int) {
	if size > cap(*c)-len(*c) {
		*c = make([]byte, 0, max(min(max(firstChunk, 2*cap(*c), 8*size), lastChunk), size))
	}
}

// copyIn copies a body whose memory belongs to the caller.
func (c *chunk) copyIn(body []byte) []byte {
	if len(body) > lastChunk/8 {
		return append([]byte(nil), body...)
	}
	c.reserve(len(body))
	start := len(*c)
	*c = append(*c, body...)
	return (*c)[start:len(*c):len(*c)]
}

// pack copies a body, after its length. If run was packed last, the body follows it and
// pack returns both as one slice.
func (c *chunk) pack(run, body []byte) []byte {
	size := batch.Size(len(body))
	if size > lastChunk/8 {
		return batch.Append(make([]byte, 0, size), body)
	}
	start := len(*c)
	if len(run) > 0 {
		start -= len(run)
	} else {
		c.reserve(size)
		start = len(*c)
	}
	*c = batch.Append(*c, body)
	return (*c)[start:len(*c):len(*c)]
}

// fitsBehind reports whether size bytes fit directly behind a run.
func (c *chunk) fitsBehind(run []byte, size int) bool {
	n := len(*c)
	return size <= cap(*c)-n && len(run) > 0 && len(run) <= n && &run[len(run)-1] == &(*c)[n-1]
}

// age returns how long ago an event was emitted.
func (t *Tree) age(now time.Time, e *Event) time.Duration {
	return time.Duration(t.moment(now) - e.born)
}

// historySpan returns how far back the history reaches. If its bytes bound it, an event
// of that age will soon be evicted here and at the neighbours. Otherwise the span is
// HistoryAge.
func (t *Tree) historySpan(now time.Time) time.Duration {
	if t.history.bytes < t.cfg.HistoryBytes/8*7 {
		return t.cfg.HistoryAge
	}
	return t.age(now, t.history.oldest())
}

// end returns the position after the newest entry.
func (h *history) end() uint64 { return h.first + uint64(len(h.log)) }

// at returns the entry at a position.
func (h *history) at(position uint64) entry { return h.log[position-h.first] }

// HistoryBytes returns the size of the history: the bodies, plus 128 bytes for each
// event, or for each run of events that arrived as one.
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
	h.bytes -= x.event.cost()
	return x
}

// store adds an event and evicts the oldest ones beyond the bound.
func (t *Tree) store(now time.Time, s *stream, e *Event) {
	t.history.log = append(t.history.log, entry{s, e})
	t.history.bytes += e.cost()
	t.shrink(now)
}

func (t *Tree) shrink(now time.Time) {
	for t.history.bytes > t.cfg.HistoryBytes && len(t.history.log) > 1 {
		t.evict(now)
	}
}

// expireHistory evicts events that are too old.
func (t *Tree) expireHistory(now time.Time) {
	for {
		e := t.history.oldest()
		if e == nil || t.age(now, e) <= t.cfg.HistoryAge {
			return
		}
		t.evict(now)
	}
}

// evict removes the oldest event. If it was still to be pushed on a link, the peer sees
// a hole and asks other neighbours.
func (t *Tree) evict(now time.Time) {
	for i := range t.links {
		if l := &t.links[i]; l.position == t.history.first && l.position < l.pushTo(t.history.end()) {
			l.advance(t.history.log[0].event)
		}
	}
	x := t.history.pop()
	if s := x.stream; s.release(x.event) {
		s.noteForgotten(x.event.born)
		s.recordRelayed(x.event)
		if s == t.own {
			t.unsent.recordLost(now, x.event)
		}
	}
}

// append adds an event of this node to the last run, if no link has taken that run yet.
func (t *Tree) append(now time.Time, body []byte, isSigned bool) bool {
	e, c := t.open, &t.history.own
	size := batch.Size(len(body))
	if e == nil || t.openAt < t.taken || t.openAt < t.history.first ||
		int(e.Count) >= runEvents || len(e.Body)+size > runBytes ||
		t.age(now, e) > runLasts || !c.fitsBehind(e.Body, size) {
		return false
	}
	e.Body = c.pack(e.Body, body)
	e.Count++
	e.Signed = e.Signed || isSigned
	t.history.bytes += size
	for i := range t.links {
		if l := &t.links[i]; l.role.isEager() {
			l.lag += size
		}
	}
	t.shrink(now)
	return true
}
