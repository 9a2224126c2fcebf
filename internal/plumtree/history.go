package plumtree

import (
	"time"

	"github.com/smokesignal-go/smokesignal/internal/batch"
)

// history keeps the events of all origins in the order in which they came, to
// bound them in bytes and age, and to know what each neighbour is still to be
// sent or told: it is the queue of all links at once. The events of one origin
// are found through its stream.
type history struct {
	log   []entry // log[0] has position first
	first uint64
	bytes int

	events  []Event // a slab to take events from
	relayed chunk   // of bodies that came from neighbours
	own     chunk   // apart, so that what this node emits lies in one piece
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
	lastChunk  = 32 << 10 // and at most

	// What a node emits before a link takes it becomes one event struct, and one
	// frame: so many events and bytes at most, and none that is so much younger
	// than the first, whose age counts for all.
	runEvents = 1024
	runBytes  = 16 << 10
	runLasts  = 5 * time.Millisecond
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

// chunk is where bodies are copied to, many to a piece of memory.
type chunk []byte

// room makes room for so many bytes more, in another piece if need be.
func (c *chunk) room(size int) {
	if size > cap(*c)-len(*c) {
		*c = make([]byte, 0, max(min(max(firstChunk, 2*cap(*c), 8*size), lastChunk), size))
	}
}

// keep copies a body that lies in somebody else's memory.
func (c *chunk) keep(body []byte) []byte {
	if len(body) > lastChunk/8 {
		return append([]byte(nil), body...)
	}
	c.room(len(body))
	start := len(*c)
	*c = append(*c, body...)
	return (*c)[start:len(*c):len(*c)]
}

// pack copies a body, with its length before it. If it can, it does so behind a
// run that was packed last, and gives the two as one.
func (c *chunk) pack(run, body []byte) []byte {
	size := batch.Size(len(body))
	if size > lastChunk/8 {
		return batch.Append(make([]byte, 0, size), body)
	}
	start := len(*c)
	if len(run) > 0 {
		start -= len(run)
	} else {
		c.room(size)
		start = len(*c)
	}
	*c = batch.Append(*c, body)
	return (*c)[start:len(*c):len(*c)]
}

// isBehind reports whether so many bytes fit right behind a run.
func (c *chunk) isBehind(run []byte, size int) bool {
	n := len(*c)
	return size <= cap(*c)-n && len(run) > 0 && len(run) <= n && &run[len(run)-1] == &(*c)[n-1]
}

// age is how long ago an event was emitted.
func (t *Tree) age(now time.Time, e *Event) time.Duration {
	return time.Duration(t.moment(now) - e.born)
}

// reach is how far back the history goes, where its bytes bound it: an event that
// came so long ago can soon be had no more, nor will neighbours have it. Where its
// age does, that is HistoryAge.
func (t *Tree) reach(now time.Time) time.Duration {
	if t.history.bytes < t.cfg.HistoryBytes/8*7 {
		return t.cfg.HistoryAge
	}
	return t.age(now, t.history.oldest())
}

// end is the position after the newest entry.
func (h *history) end() uint64 { return h.first + uint64(len(h.log)) }

// at is the entry with that position.
func (h *history) at(position uint64) entry { return h.log[position-h.first] }

// HistoryBytes is what the history holds: the bodies, and 128 bytes for each
// event, or each run of events that came as one.
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

// store adds an event and lets go of the oldest ones beyond the bound.
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

// expireHistory lets go of what is too old.
func (t *Tree) expireHistory(now time.Time) {
	for {
		e := t.history.oldest()
		if e == nil || t.age(now, e) <= t.cfg.HistoryAge {
			return
		}
		t.evict(now)
	}
}

// evict lets the oldest event go. A link that it was still to be pushed on does
// without: its end sees the hole, and asks others.
func (t *Tree) evict(now time.Time) {
	for i := range t.links {
		if l := &t.links[i]; l.position == t.history.first && l.position < t.pushTo(l) {
			l.takes(t.history.log[0].event)
		}
	}
	x := t.history.pop()
	if s := x.stream; s.drop(x.event) {
		s.forgets(x.event.born)
		s.notePassed(x.event)
		if s == t.own && x.event.end() > t.given {
			t.lose(now, x.event)
		}
	}
}

// append packs an event of this node behind the last one, if no link has taken
// that yet.
func (t *Tree) append(now time.Time, body []byte, isSigned bool) bool {
	e, c := t.open, &t.history.own
	size := batch.Size(len(body))
	if e == nil || t.openAt < t.taken || t.openAt < t.history.first ||
		int(e.Count) >= runEvents || len(e.Body)+size > runBytes ||
		t.age(now, e) > runLasts || !c.isBehind(e.Body, size) {
		return false
	}
	e.Body = c.pack(e.Body, body)
	e.Count++
	e.Signed = e.Signed || isSigned
	t.history.bytes += size
	for i := range t.links {
		if l := &t.links[i]; l.eager {
			l.lag += size
		}
	}
	t.shrink(now)
	return true
}
