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
	// means 16 MiB. HistoryAge is how long an event is kept after its arrival; zero means
	// 5 min. Negative values keep little more than ordering needs: 1 MiB, and twice
	// OrderWait.
	HistoryBytes int
	HistoryAge   time.Duration

	// LazyDelay is the longest time from an event to its announcement on lazy links. The
	// delay is random, between half of LazyDelay and all of it. So usually one end of a
	// link announces first, and the other end need not announce. The delay grows with the
	// delay that GraftDelay learns. While no event is missed, it grows up to sixteen
	// times as long. Zero means 100 ms. Negative turns announcements off: then only an
	// event that arrives early reveals missing ones.
	LazyDelay time.Duration
	// GraftDelay is how long a node waits for an announced event before it requests it.
	// On slow links, the node learns to wait longer, up to half of OrderWait. Zero
	// means 100 ms.
	GraftDelay time.Duration
	// OrderWait is how long an early event waits, without any progress, for missing ones
	// that all neighbours have evicted. Zero means 5 s. The wait is six times as long in
	// two cases: while a neighbour owes an answer, because its link is full or it is
	// stalled; and while no neighbour has ever had the events, because of a cut.
	OrderWait time.Duration

	// Heard is the result of [Tree.Heard] at the end of an earlier run of this node.
	// These events are not delivered again.
	Heard []Range

	// Rewind extends delivery into the past. The tree also delivers events that other
	// nodes emitted up to this long before this node's start, if a neighbour still holds
	// them. Zero or less: no event from before the start is delivered. See [Tree.Rewind].
	Rewind time.Duration

	// KeepBodies is set if the owner neither changes the body of a Gossip nor reuses
	// its memory. The tree then stores the body without a copy.
	KeepBodies bool

	// Sign completes, in place, the body of an event of this node that is about to get
	// the number seq. It reports whether the body now carries a signature. Nil: no event
	// is signed.
	Sign func(seq uint64, body []byte) bool
	// Verify reports whether an event is genuine. The tree calls it for events that are
	// new to this node, before any other effect: for each Gossip that is Signed, and
	// with VerifyAll for every Gossip. If one event of a Gossip is not genuine, the
	// tree refuses the whole Gossip. Nil: all events are accepted. Verify must depend
	// on its arguments only.
	Verify func(o ident.Origin, seq uint64, body []byte) bool
	// VerifyAll also means that only verified events prove how many events an origin has
	// emitted. A neighbour's announcement proves nothing, nor does its reply that events
	// are gone. Such a claim leads to a request, but the tree never gives up events whose
	// existence only claims suggest.
	VerifyAll bool

	// NoSync omits the announcements of held events on a new link. It is for measurements
	// only, because events that a split delayed are then lost.
	NoSync bool
	// NoPulses leaves the shape of the tree to duplicates, as Plumtree does. It is for
	// measurements only: if many origins emit, paths are then long and events arrive
	// twice.
	NoPulses bool
	// NoSettling assigns the roles of links LazyDelay after a pulse, however slow the
	// links are. It is for measurements only: on links of 100 ms, some events of each
	// change of the tree then arrive only by pull.
	NoSettling bool
	// NoRescue lets a node that has lost its path to the root obey every PRUNE. It is for
	// measurements only: all its neighbours may then prune it, and events arrive late
	// until the next pulse.
	NoRescue bool
	// NoWait gives a missing event up at the time of its first request, if a later event
	// has arrived. It is for measurements only, because events that are merely late are
	// then lost.
	NoWait bool
}

const (
	// While no event is missed, the gap between announcements doubles this many times.
	maxCalm = 4
	// window is how far the number of an accepted event may lie beyond the next number of
	// its origin. Such early events may also take at most a quarter of the history.
	// window must exceed MaxRun.
	window = 1 << 20
	// maxStreams bounds the origins that are remembered, and maxEstablished those of them
	// that are established, because events of them arrived at least establishedAfter apart
	// (in units of coarse). While maxStreams origins are remembered, one id may bring in a
	// burst of new ones, and then a rate per second. Guesses: a network of 10,000 nodes has
	// room for a new life of each node, and a third of them may start behind one neighbour.
	maxStreams         = 16384
	maxEstablished     = maxStreams / 4 * 3
	establishedAfter   = coarse(60)
	newcomersAtOnce    = 4096
	newcomersPerSecond = 16
	// maxForgotten bounds the displaced origins of which the number of the next event is
	// kept. They take 16 bytes each.
	maxForgotten = 1 << 16
	// maxRanges bounds the ranges in one frame.
	maxRanges = 128
	// maxQuiet bounds the events in Tree.quiet. If there are maxSkipped streams in
	// Tree.skipped, they are announced with the next Advance.
	maxQuiet   = maxSyncOrigins
	maxSkipped = maxSyncOrigins
	// maxHoles bounds the runs of missing events of one origin in a request. A guess:
	// lost frames alone do not cause more holes.
	maxHoles = 16
	// These constants bound the ranges requested from one neighbour: a burst, and a rate
	// per second. They are half of the number that a receiver accepts before it treats
	// requests as a flood. Further requests wait.
	askedAtOnce    = 80_000
	askedPerSecond = 8_000
	// maxServe bounds how many requested ranges are queued for one neighbour.
	maxServe = 2 * maxSyncOrigins
	// maxHearsay bounds the origins for which this node searches because of one
	// neighbour's announcements. It is as many as a new link announces, plus the
	// neighbour itself. The bound for all neighbours together is sixteen times that.
	maxHearsay = maxSyncOrigins + 1
	// These constants limit how many unconfirmed replies that events are gone are
	// accepted from one neighbour. There is a burst, as large as the number of origins
	// that a new link announces, and a rate per second. Each such reply causes a request
	// to every other neighbour. A guess.
	goneClaimsAtOnce    = maxSyncOrigins
	goneClaimsPerSecond = 16
	// maxKnown bounds the stored announcements of a neighbour.
	maxKnown = 32
	// graftRetry is the wait for the answer to a pull before another neighbour is
	// asked. A guess: some round trips.
	graftRetry = 500 * time.Millisecond
	// If events may still arrive, the tree waits for them for patience times OrderWait.
	patience = 6
	// shortAfter is how long events must be missing before IsShort reports them. A guess:
	// after this time, events that need no request have arrived.
	shortAfter = 20 * time.Millisecond
	serveCost  = 32 // bytes of a frame without its body
	// askSlack extends the age that a request allows, because a request takes time on a
	// busy machine. The requesting node itself does not deliver events that are too old;
	// see moment.isBeforeStart.
	askSlack = 2 * time.Second
	// bornError is the most by which an event can seem older than it is. A run of events
	// is sent with the age of its first event. So its last event can seem older by
	// runLasts, the longest time that a run covers. A second runLasts allows for errors
	// of the clocks. The time on the wire makes events seem younger, so it adds nothing.
	bornError = 2 * runLasts
	// joinWait replaces OrderWait for the first events of an origin at a node that has
	// just got its first link. If the node has a rewind, it also waits this long for
	// further neighbours that may hold older events. A guess: a few of the round trips
	// that joining takes.
	joinWait = time.Second
	// lossDelay is how long lost events of this node are collected, to report them
	// together.
	lossDelay = time.Second
	// These constants limit the requests to a second neighbour for the age of an event
	// that seems too old: a burst, and a rate per second. A guess: one answer is enough
	// for an origin, and the end of a split brings many old events at once.
	doubtsAtOnce    = 64
	doubtsPerSecond = 16
	// maxAge is the age in a request for events of any age. The wire format carries no
	// longer time.
	maxAge = 24 * time.Hour
	// maxSyncOrigins bounds the origins announced on a new link: the ones whose last
	// event arrived latest.
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
