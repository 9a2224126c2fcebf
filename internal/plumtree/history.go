package plumtree

import (
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/batch"
)

// history holds the events of all origins in the order of their arrival. It bounds them
// in bytes and age. It is also the queue of all links at once: a link's position is that
// of the first event not yet pushed or announced on the link. The events of one origin
// are found through its stream.
type history struct {
	log    []entry // log[0] has position first
	first  uint64
	bytes  int
	marks  []mark // when positions of the log were reached, oldest first; see noteArrival
	markAt moment // when the next mark is due

	events  []Event // a slab from which events are allocated
	relayed chunk   // memory for bodies that came from neighbours
	own     chunk   // memory for bodies that this node emits, which lie next to each other
}

type entry struct {
	stream *stream
	event  *Event
}

const (
	// eventCost is the number of bytes that an event takes in addition to its body: the
	// struct, its log entry and its slot in the stream. Without it, a million events of a
	// few bytes would take a hundred times the bound.
	eventCost = 128

	slab       = 51       // events allocated at once; they take 4 KiB
	firstChunk = 512      // first allocation for bodies, in bytes; small, because most nodes receive little
	lastChunk  = 32 << 10 // largest allocation for bodies, in bytes

	// Events that a node emits before a link takes them share one Event and one frame.
	// Such a run is bounded in events, in bytes, and in the time from its first event,
	// because all events of a run are sent with the age of the first.
	runEvents = 1024
	runBytes  = 16 << 10
	runLasts  = 5 * time.Millisecond
)

// end returns the position after the newest entry.
func (h *history) end() uint64 { return h.first + uint64(len(h.log)) }

// at returns the entry at a position.
func (h *history) at(position uint64) entry { return h.log[position-h.first] }

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
	if len(h.marks) > 1 && h.marks[1].position <= h.first {
		h.marks = slices.Delete(h.marks, 0, 1) // no entry needs the oldest mark any more
	}
	return x
}

// since returns the events after a position that are to be announced, as ranges.
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
