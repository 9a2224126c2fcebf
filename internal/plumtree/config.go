package plumtree

import (
	"math/rand/v2"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// Config sets a [Tree] up. Fields left zero take the defaults.
type Config struct {
	Self ident.Origin
	Rand *rand.Rand

	// HistoryBytes bounds the events kept, by their bodies and 128 bytes for
	// each; zero means 16 MiB. HistoryAge bounds their age; zero means 5 min.
	// Negative keeps little more than order needs: 1 MiB, twice OrderWait.
	HistoryBytes int
	HistoryAge   time.Duration

	// LazyDelay is how long after an event the announcements on lazy links go
	// out: between half of it and the whole, so that of the two ends of a link
	// one is first and the other need not. It grows with what GraftDelay learns,
	// and to sixteen times as long while nobody misses anything. Zero means
	// 100 ms; negative turns announcements off, so that only an event that comes
	// early shows what is missing.
	LazyDelay time.Duration
	// GraftDelay is how long an announced event may take to come by itself
	// before it is asked for, at least: a tree whose links are slow learns to
	// wait longer, up to half of OrderWait. Zero means 100 ms.
	GraftDelay time.Duration
	// OrderWait is how long an event that came early waits, without any
	// progress, for missing ones that all neighbours have let go of. Zero means
	// 5 s. While a neighbour owes an answer, because its link is full or it is
	// stalled, and while none has ever had them, because a cut lies between,
	// the wait is six times as long.
	OrderWait time.Duration

	// Heard is what [Tree.Heard] gave at the end of an earlier life of this
	// node: it is not delivered again.
	Heard []Range

	// Rewind is for how long before this node's start events of others are wanted, as
	// far as neighbours hold them. Zero or less: those emitted before are not
	// delivered. See [Tree.Rewind].
	Rewind time.Duration

	// KeepBodies says that nobody changes the body of a Gossip, nor uses its
	// memory again: the tree keeps it as it is, and makes no copy.
	KeepBodies bool

	// Sign completes the body of an event of this node, which is about to get that
	// number, where it lies, and reports whether it carries a signature now. Nil:
	// none does.
	Sign func(seq uint64, body []byte) bool
	// Verify reports whether an event is to be believed. It is asked about an event
	// that is new here, before anything follows from it: about one in a Gossip that
	// is Signed, and, with VerifyAll, about every one. A Gossip of which one event is
	// not believed is refused as a whole. Nil: all are believed. It depends on
	// nothing but its arguments.
	Verify func(o ident.Origin, seq uint64, body []byte) bool
	// VerifyAll also means that only events tell how far their origin has come. What
	// a neighbour says of that, or of events that are gone, is not proven by
	// anything: it is a reason to ask, and none to give events up that nobody has
	// shown to exist.
	VerifyAll bool

	// NoSync leaves out what a link begins with: telling each other what one
	// holds. For measurements: what a split held up is lost then.
	NoSync bool
	// NoPulses leaves the shape of the tree to duplicates, as Plumtree does. For
	// measurements: where many origins emit, its ways are long, and events come
	// twice.
	NoPulses bool
	// NoSettling gives links their roles LazyDelay after a pulse, however slow they
	// are. For measurements: on links of 100 ms some events of each change of the tree
	// arrive by pull only.
	NoSettling bool
	// NoRescue lets a node that has lost its way to the root obey each PRUNE. For
	// measurements: all its neighbours may prune it, and events reach it late until the
	// next pulse.
	NoRescue bool
	// NoWait gives an event up that is missing when it should be asked for, if
	// one after it is here. For measurements: what was merely late is lost then.
	NoWait bool
}

const (
	// While nobody misses anything, the gap between announcements doubles so many
	// times.
	maxCalm = 4
	// window is how far past the next event of an origin others are taken in; and
	// they may take a quarter of the history. It must be more than a run has.
	window = 1 << 20
	// maxStreams bounds the origins that are remembered.
	maxStreams = 16384
	// maxRanges is how many ranges go into one frame.
	maxRanges = 128
	// maxHoles is how many runs of an origin's missing events are asked for at once.
	// Events of which every other one is missing are no accident.
	maxHoles = 16
	// A neighbour is asked for so many ranges at once, and so many more in a second: half
	// of what a node takes before it thinks of a flood. What is more has to wait.
	askedAtOnce    = 80_000
	askedPerSecond = 8_000
	// maxServe bounds the ranges that a neighbour may ask for at once.
	maxServe = 2 * maxTold
	// maxHearsay bounds the origins that are looked for on the word of one neighbour: as
	// many as one is told of in the beginning, the neighbour itself among them. All
	// together have sixteen times that.
	maxHearsay = maxTold + 1
	// A neighbour's word that the events of an origin are gone, which nothing else
	// speaks for, is taken so many times at once, as often as it is told of origins in
	// the beginning, and so many times more in a second: each has all the other
	// neighbours asked. A guess.
	maxVouched       = maxTold
	vouchesPerSecond = 16
	// maxKnown is how many announcements of a neighbour are remembered.
	maxKnown = 32
	// graftRetry is the wait for a pull to bring something before another
	// neighbour is asked. A guess: some round trips.
	graftRetry = 500 * time.Millisecond
	// patience is how many times OrderWait is waited for what may yet be had.
	patience = 6
	// shortAfter is how long events may be missing where histories are short. A
	// guess: it takes so long until they come by themselves, if they do.
	shortAfter = 20 * time.Millisecond
	serveCost  = 32 // of a frame, its body aside
	// askSlack widens the life of an asker by the time that its question may take on
	// a busy machine. The asker does not deliver what is too old; see isOld.
	askSlack = 2 * time.Second
	// bornError is by how much the measured age of an event may exceed its age: the
	// events of a run have the age of the first one (runLasts), and as much again for
	// clocks. An age never includes the time on the wire, so other errors are
	// towards younger.
	bornError = 2 * runLasts
	// joinWait takes the place of OrderWait for the first events of an origin at a
	// node that has just got its first link; and so long a node waits then for
	// further neighbours that may hold what was emitted before its start, if it
	// wants that. A guess: some round trips of joining.
	joinWait = time.Second
	// lossDelay gathers the own events that are lost, to report them together.
	lossDelay = time.Second
	// A node asks a second neighbour for the age of an event that seems too old so
	// many times at once, and so many times more in a second. A guess: one answer
	// settles an origin for good, and a split brings many old events at once.
	doubtsAtOnce    = 64
	doubtsPerSecond = 16
	// maxAge asks for events of any age. The wire carries no longer time.
	maxAge = 24 * time.Hour
	// maxTold is how many origins a new neighbour is told of, the latest ones.
	maxTold = 1024
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
