package netsplit

import (
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/frame"
)

// Message is one frame of the netsplit protocol.
type Message interface {
	frame.Message
	netsplit()
}

// Beacon says that a beaconing node lives. It is flooded: each node passes on
// each (Origin, Count) once, to all its neighbours but the one it came from.
type Beacon struct {
	Origin ident.Origin
	Count  uint64 // rises by one with each beacon of this life
	Addr   string // where the beaconing node can be dialled; may be empty
}

// Sighting is one beacon as a node knows it. One that was not heard for longer
// than beacons are apart is a memory: the two nodes that share it were in one
// component a moment ago, and need not be now.
type Sighting struct {
	ID  ident.ID
	Age time.Duration // since it was last heard
}

// Probe asks another node which beacons it hears. It is the first message on a
// link that was dialled for that.
type Probe struct {
	Known    []Sighting    // beacons that are not silent, lowest id first
	Settled  time.Duration // for how long the asker's component has had its name
	Isolated bool          // the asker has no neighbours
}

// ProbeReply answers a Probe with what the answering node hears. It is also sent,
// unasked, on every link that becomes a neighbour, by both ends.
type ProbeReply struct {
	Known    []Sighting
	Settled  time.Duration
	Isolated bool
}

// Split tells a component that another one was found: flooded once per pair.
type Split struct {
	Ours  ident.ID // the name of the component in which this is flooded
	Other ident.ID // the name of the component that was found
}

func (*Beacon) netsplit()     {}
func (*Probe) netsplit()      {}
func (*ProbeReply) netsplit() {}
func (*Split) netsplit()      {}
