package plumtree

import (
	"math/rand/v2"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// Config configures a [Tree]. Fields that are zero take the defaults.
type Config struct {
	Self ident.Origin
	Rand *rand.Rand

	// HistoryBytes bounds the stored events: their bodies, plus 128 bytes each. Zero
	// means 16 MiB. HistoryAge is how long an event is kept after its arrival; zero
	// means 5 min. Negative values keep little more than ordering needs: 1 MiB, twice
	// OrderWait.
	HistoryBytes int
	HistoryAge   time.Duration

	// LazyDelay is the longest time from an event to its announcement on lazy links.
	// The delay is random, between half of LazyDelay and all of it, so that one end of
	// a link announces first and the other need not. It grows with the delay that
	// GraftDelay learns, and up to sixteen times as long while no event is missed. Zero
	// means 100 ms. Negative turns announcements off: then only an event that arrives
	// early reveals missing ones.
	LazyDelay time.Duration
	// GraftDelay is how long a node waits for an announced event before it requests it.
	// On slow links, the node learns to wait longer, up to half of OrderWait. Zero
	// means 100 ms.
	GraftDelay time.Duration
	// OrderWait is how long an early event waits, without any progress, for missing
	// ones that all neighbours have evicted. Zero means 5 s. The wait is six times as
	// long while a neighbour owes an answer, because its link is full or it is stalled,
	// and while no neighbour has ever had the events, because of a cut.
	OrderWait time.Duration

	// Heard is the result of [Tree.Heard] at the end of an earlier life of this node.
	// These events are not delivered again.
	Heard []Range

	// Rewind extends delivery into the past: events that other nodes emitted up to this
	// long before this node's start are delivered, as far as neighbours still hold
	// them. Zero or less: no event from before the start is delivered. See
	// [Tree.Rewind].
	Rewind time.Duration

	// KeepBodies is set if the owner neither changes the body of a Gossip nor reuses
	// its memory. The tree then stores the body without a copy.
	KeepBodies bool

	// Sign completes, in place, the body of an event of this node that is about to get
	// the number seq. It reports whether the body now carries a signature. Nil: no
	// event is signed.
	Sign func(seq uint64, body []byte) bool
	// Verify reports whether an event is genuine. The tree calls it for events that are
	// new to this node, before any other effect: for each Gossip that is Signed, and
	// with VerifyAll for every Gossip. If one event of a Gossip is not genuine, the
	// tree refuses the whole Gossip. Nil: all events are accepted. Verify must depend
	// on its arguments only.
	Verify func(o ident.Origin, seq uint64, body []byte) bool
	// VerifyAll also means that only verified events prove how far an origin has come.
	// A neighbour's announcement, or its reply that events are gone, proves nothing: it
	// leads to a request, but the tree never gives up events whose existence only such
	// claims suggest.
	VerifyAll bool

	// NoSync omits the announcements of held events on a new link. For measurements
	// only: events that a split delayed are then lost.
	NoSync bool
	// NoPulses leaves the shape of the tree to duplicates, as Plumtree does. For
	// measurements only: if many origins emit, paths are then long and events arrive
	// twice.
	NoPulses bool
	// NoSettling assigns the roles of links LazyDelay after a pulse, however slow the
	// links are. For measurements only: on links of 100 ms, some events of each change
	// of the tree then arrive only by pull.
	NoSettling bool
	// NoRescue lets a node that has lost its path to the root obey every PRUNE. For
	// measurements only: all its neighbours may then prune it, and events arrive late
	// until the next pulse.
	NoRescue bool
	// NoWait gives a missing event up at the time of its first request, if a later
	// event is here. For measurements only: events that are merely late are then lost.
	NoWait bool
}

const (
	// While no event is missed, the gap between announcements doubles this many times.
	maxCalm = 4
	// window is how far beyond the next event of an origin other events are accepted.
	// They may also take at most a quarter of the history. It must exceed MaxRun.
	window = 1 << 20
	// maxStreams bounds the origins that are remembered.
	maxStreams = 16384
	// maxRanges bounds the ranges in one frame.
	maxRanges = 128
	// maxHoles bounds the runs of missing events of one origin in a request. More holes
	// than that are no accident.
	maxHoles = 16
	// These bound the ranges requested from one neighbour: a burst, and a rate per
	// second. They are half of what a receiver accepts before it treats requests as a
	// flood. Further requests wait.
	askedAtOnce    = 80_000
	askedPerSecond = 8_000
	// maxServe bounds how many requested ranges are queued for one neighbour.
	maxServe = 2 * maxSyncOrigins
	// maxHearsay bounds the origins that are looked for because of one neighbour's
	// announcements: as many as a new link announces, plus the neighbour itself. All
	// neighbours together have sixteen times that.
	maxHearsay = maxSyncOrigins + 1
	// These limit how many unconfirmed replies that events are gone are accepted from
	// one neighbour: a burst, as many as the origins a new link announces, and a rate
	// per second. Each such reply causes a request to every other neighbour. A guess.
	goneClaimsAtOnce    = maxSyncOrigins
	goneClaimsPerSecond = 16
	// maxKnown bounds the stored announcements of a neighbour.
	maxKnown = 32
	// graftRetry is the wait for the answer to a pull before another neighbour is
	// asked. A guess: some round trips.
	graftRetry = 500 * time.Millisecond
	// Events that may still arrive are awaited for patience times OrderWait.
	patience = 6
	// shortAfter is how long events may be missing if histories are short. A guess:
	// after this time, events that arrive by themselves have arrived.
	shortAfter = 20 * time.Millisecond
	serveCost  = 32 // bytes of a frame without its body
	// askSlack extends the age that a request allows, for the time that a request takes
	// on a busy machine. The requesting node itself does not deliver what is too old;
	// see moment.isBeforeStart.
	askSlack = 2 * time.Second
	// bornError is the most by which an event can seem older than it is. A run of events
	// is sent with the age of its first event, so its last event can seem older by
	// runLasts, the longest time that a run covers. A second runLasts allows for errors of
	// the clocks. The time on the wire is not counted, which makes events seem younger.
	bornError = 2 * runLasts
	// joinWait replaces OrderWait for the first events of an origin at a node that has
	// just got its first link. If the node has a rewind, it also waits this long for
	// further neighbours that may hold older events. A guess: some round trips of
	// joining.
	joinWait = time.Second
	// lossDelay collects own events that are lost, to report them together.
	lossDelay = time.Second
	// These limit the requests to a second neighbour for the age of an event that seems
	// too old: a burst, and a rate per second. A guess: one answer settles an origin,
	// and a split brings many old events at once.
	doubtsAtOnce    = 64
	doubtsPerSecond = 16
	// maxAge requests events of any age. The wire format carries no longer time.
	maxAge = 24 * time.Hour
	// maxSyncOrigins bounds the origins announced on a new link, the latest ones.
	maxSyncOrigins = 1024
)

func (c Config) withDefaults() Config {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	if c.HistoryBytes == 0 {
		c.HistoryBytes = 16 << 20
	}
	if c.HistoryBytes < 0 {
		c.HistoryBytes = 1 << 20
	}
	set(&c.HistoryAge, 5*time.Minute)
	set(&c.LazyDelay, 100*time.Millisecond)
	set(&c.GraftDelay, 100*time.Millisecond)
	set(&c.OrderWait, 5*time.Second)
	if c.HistoryAge < 0 {
		c.HistoryAge = 2 * c.OrderWait
	}
	return c
}
