package plumtree

import (
	"time"

	"golang.org/x/time/rate"
)

// Tree is the broadcast state of one node. Only one goroutine at a time may use it.
type Tree struct {
	cfg     Config
	started time.Time
	links   links
	streams streams
	order   []*stream // the streams with isHeard set, in the order in which they were added
	own     *stream

	bringers  []bringer // the first one is gone
	forgotten forgotten
	hand      int // the index in order at which longSilent continues

	unsent  unsent
	rewind  time.Duration // see Config.Rewind
	linked  time.Time     // when the first link came up; zero: no link ever came up
	doubts  *rate.Limiter // see doubleCheck
	history history
	open    *Event // the last run of own events; events may be added to it until a link takes it
	openAt  uint64 // the position of the open run in the history's log
	heldTo  moment // when expireHistory tries again, because the oldest event was not announced yet; 0: no retry is due
	taken   uint64 // the highest position of any link in the log
	frame   Gossip // see Out.Push

	announceAt time.Time // next announcements on lazy links; zero: none pending
	calm       uint8     // announcements since this node or a neighbour missed events; at most maxCalm
	serveAt    time.Time // when peers that had pulled too much are served again; zero: there are none
	repairs    agenda    // streams with missing events
	inquiries  inquiries
	hearsays   int       // number of streams known only from announcements
	skipped    []*stream // streams whose last events were given up; they are announced next time
	quiet      []Range   // events that were not pushed; they are announced on all links next time
	accounts   accounts
	late       lateness
	pulse      pulse
	shaper     shaper // the pulseOut of the pulse
	Stats      Stats
}

// Stats are counters for tests and metrics.
type Stats struct {
	Delivered, Duplicates, Gaps, Grafts, Prunes, Dropped uint64
	Refused                                              uint64 // frames with an event that failed verification
	Unwanted                                             uint64 // frames with an event of a new origin, beyond what one neighbour may bring in; see maxStreams
}

func (t *Tree) moment(at time.Time) moment { return moment(at.Sub(t.started)) }

// age returns how long ago an event was emitted.
func (t *Tree) age(now time.Time, e *Event) time.Duration {
	return time.Duration(t.moment(now) - e.born)
}

// historySpan returns the age of the events that will soon be evicted, here and at the
// neighbours, if the history is full. If the history is not full, the span is HistoryAge.
func (t *Tree) historySpan(now time.Time) time.Duration {
	if t.history.bytes < t.cfg.HistoryBytes/8*7 {
		return t.cfg.HistoryAge
	}
	return time.Duration(t.moment(now) - t.history.oldestArrival())
}

// pullDelay returns how long to wait for an announced event before requesting it.
func (t *Tree) pullDelay(now time.Time) time.Duration {
	t.late.turn(now)
	late := max(t.late.most, t.late.before)
	return min(max(t.cfg.GraftDelay, late+late/4), t.cfg.OrderWait/2, t.historySpan(now)/4)
}
