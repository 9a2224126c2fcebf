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

// Gossip carries an event, or several that their origin emitted in a row. The
// driver may reuse the struct and Body's memory after Handle returns, as long as
// Config.KeepBodies does not say otherwise: the tree copies what it keeps.
type Gossip struct {
	Origin ident.Origin
	Seq    uint64        // of the first; counts this origin's events from 1
	Count  uint32        // how many they are, 1 to MaxRun
	Round  uint8         // hops so far: 1 when it comes from the origin itself
	Age    time.Duration // since the first was emitted, as far as the hops could tell
	Body   []byte        // Count bodies, packed; opaque to relays
	Signed bool          // some of the bodies carry a signature; see Config.Verify

	// Verdict is what the driver has found by Config.Verify already. It is nothing that
	// the sender says.
	Verdict Verdict
}

// Verdict is whether all events of a Gossip are to be believed.
type Verdict uint8

// What a verdict can be.
const (
	Open Verdict = iota
	Believed
	Forged
)

// MaxRun is how many events one Gossip may carry.
const MaxRun = 4096

func (g *Gossip) end() uint64 { return g.Seq + uint64(g.Count) }

// Range is a run of events of one origin: From, From+1, … up to but not
// including To.
type Range struct {
	Origin   ident.Origin
	From, To uint64
}

// IHave announces events that the sender holds and did not push.
type IHave struct {
	Ranges []Range
	// Sync: all that the sender's history holds, when a link comes up. An empty
	// range says how far an origin has come of which nothing is held; it is also
	// sent when the origin's last events are given up.
	Sync bool
}

// Graft asks for events and, with Eager, for the link to be eager from now on.
// Ranges may be empty.
type Graft struct {
	Ranges []Range
	Eager  bool
	Parent bool          // the link is the asker's way to the root
	MaxAge time.Duration // do not send events older than this: the asker was not alive
}

// Pulse shows the tree: it floods from a root, and where it comes first is the
// way to the root.
type Pulse struct {
	Root  ident.Origin
	Rank  uint8  // the higher one wins where there are two roots
	Hops  uint8  // so far: 1 when it comes from the root itself
	Count uint64 // rises with each pulse of a root
}

// Prune asks the neighbour to announce instead of push.
type Prune struct{}

// Miss says why a range that a Graft asked for does not come.
type Miss struct {
	Range Range
	Why   Why
	Age   time.Duration // of the youngest of them, with Gone: who was born later has lost nothing
}

// Why tells the ways in which a range can be missing.
type Why uint8

const (
	// Unknown: the sender has not had these events itself (yet).
	Unknown Why = iota
	// Gone: the sender's history let go of them, or they are older than the
	// asker wants them, or than the sender is.
	Gone
	whys
)

// String gives the word.
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
