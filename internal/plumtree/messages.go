package plumtree

import (
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/frame"
)

// Message is one frame of the broadcast protocol.
type Message interface {
	frame.Message
	broadcast()
}

// Gossip carries an event, or several that their origin emitted in a row. The driver
// may reuse the struct and Body's memory after Handle returns, unless Config.KeepBodies
// is set: the tree copies what it keeps.
type Gossip struct {
	Origin ident.Origin
	Seq    uint64        // of the first event; each origin numbers its events from 1
	Count  uint32        // number of events, 1 to MaxRun
	Round  uint8         // hops so far: 1 if the Gossip comes from the origin itself
	Age    time.Duration // time since the first event was emitted, as far as relays could measure it
	Body   []byte        // Count bodies, packed; opaque to relays
	Signed bool          // at least one body is signed; see Config.Verify

	// Verdict is the result of Config.Verify if the driver has called it already. It is
	// not sent on the wire.
	Verdict Verdict
}

// Verdict is the result of verifying all events of a Gossip.
type Verdict uint8

// The verdicts. Open means not verified yet.
const (
	Open Verdict = iota
	Believed
	Forged
)

// MaxRun bounds the events in one Gossip.
const MaxRun = 4096

func (g *Gossip) end() uint64 { return g.Seq + uint64(g.Count) }

// Range is a run of events of one origin: From up to but not including To.
type Range struct {
	Origin   ident.Origin
	From, To uint64
}

// IHave announces events that the sender holds and did not push.
type IHave struct {
	Ranges []Range
	// Sync is set on a new link: the ranges are all that the sender's history holds. If
	// the history holds no event of an origin, an empty range carries the number of the
	// origin's next event. An empty range is also sent after the origin's last events
	// were given up.
	Sync bool
}

// Graft requests events. With Eager, it also makes the link eager. Ranges may be empty.
type Graft struct {
	Ranges []Range
	Eager  bool
	Parent bool          // the link is the sender's path to the root
	MaxAge time.Duration // older events are not requested, because they were emitted before the sender's start
}

// Pulse reveals the tree. It floods from a root; the link on which it arrives first is
// the path to the root.
type Pulse struct {
	Root  ident.Origin
	Rank  uint8  // of two roots, the one with the higher rank wins
	Hops  uint8  // hops so far: 1 if the pulse comes from the root itself
	Count uint64 // rises with each pulse of a root
}

// Prune asks the neighbour to announce events instead of pushing them.
type Prune struct{}

// Miss is the reply that a range in a Graft does not come, with the reason.
type Miss struct {
	Range Range
	Why   Why
	Age   time.Duration // if Why is Gone: the age of the youngest missing event; a node that started after that event has lost nothing
}

// Why is the reason of a Miss.
type Why uint8

const (
	// Unknown: the sender has not received these events, or not yet.
	Unknown Why = iota
	// Gone: the sender's history has evicted them, or they are older than the requested
	// age or than the sender.
	Gone
	whys
)

// String returns the reason in one word.
func (w Why) String() string {
	words := [whys]string{"unknown", "gone"}
	if w < whys {
		return words[w]
	}
	return "why?"
}

func (*Gossip) broadcast() {}
func (*IHave) broadcast()  {}
func (*Graft) broadcast()  {}
func (*Prune) broadcast()  {}
func (*Miss) broadcast()   {}
func (*Pulse) broadcast()  {}
