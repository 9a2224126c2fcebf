package plumtree

import (
	"math"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// Event is one broadcast, or a run of them that one origin emitted in a row and that
// travel together. It does not change after it has left its origin or arrived at
// another node. The history, the links and the handlers share it.
type Event struct {
	Origin ident.Origin
	Seq    uint64     // of the first event
	Count  uint32     // number of events
	Round  uint8      // hops to this node; 0 at its origin
	Signed bool       // at least one of the events is signed
	Old    bool       // emitted before this node's start, and delivered because of a rewind; see Before
	quiet  bool       // not pushed, because this node requested it for a rewind or has forwarded it before
	Body   []byte     // Count bodies, packed; see package batch
	born   moment     // when the first event was emitted, as a time of this node
	via    ident.Link // the link on which the event arrived first; 0 at its origin
}

// end returns one past the number of the last event.
func (e *Event) end() uint64 { return e.Seq + uint64(e.Count) }

// cost returns the bytes for which the event counts in the history.
func (e *Event) cost() int { return len(e.Body) + eventCost }

// Born returns when the first of the events was emitted, as the time since the tree was
// made. It is negative for events that were emitted before that.
func (e *Event) Born() time.Duration { return time.Duration(e.born) }

// Via returns the link on which the events arrived first; 0 at their origin.
func (e *Event) Via() ident.Link { return e.via }

// Before returns how long before this node's start an Old event was emitted, and 0 for
// any other event.
func (e *Event) Before() time.Duration {
	if !e.Old {
		return 0
	}
	return max(time.Duration(-e.born), 1)
}

// moment is a time, as nanoseconds since the tree was made. It is a third as large as a
// time.Time, and the garbage collector does not scan it.
type moment int64

const longAgo moment = math.MinInt64 / 2

// isBeforeStart reports whether an event born at that moment was emitted before this
// node's start.
func (born moment) isBeforeStart() bool { return born < -moment(bornError) }

// coarse is a moment in units of about a second. It takes little memory.
type coarse uint32

func (at moment) coarse() coarse { return coarse(max(at, 0) >> 30) } // 2^30 ns are 1.07 s
