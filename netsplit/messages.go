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

// Beacon says that the beaconing node is alive. It is flooded: each node forwards each
// (Origin, Count) once, to all neighbours except the sender.
type Beacon struct {
	Origin ident.Origin
	Count  uint64 // rises by one with each beacon of this run of the node
	Addr   string // where the beaconing node can be dialled; may be empty
}

// Sighting is a beacon that a node has heard. If its age exceeds the interval between
// beacons, the beacon is only remembered: two nodes that both remember it were in one
// component before, and may not be now.
type Sighting struct {
	ID  ident.ID
	Age time.Duration // time since the beacon was last heard
}

// Probe asks another node which beacons it hears. It is the first message on a link
// that was dialled as a probe.
type Probe struct {
	Known    []Sighting    // beacons that are not silent, lowest ID first
	Settled  time.Duration // for how long the sender has been in a component
	Isolated bool          // the sender has no neighbours
}

// ProbeReply answers a Probe with the beacons that the answering node hears. Both ends
// also send it unasked on every link that becomes a neighbour.
type ProbeReply struct {
	Known    []Sighting
	Settled  time.Duration
	Isolated bool
}

// Split reports to a component that another one was found. A receiver that has no proof
// itself believes and forwards it only if it also hears a new beacon of one of the two
// components.
type Split struct {
	Ours  ident.ID // the name of the component in which the Split is flooded
	Other ident.ID // the name of the component that was found
}

func (*Beacon) netsplit()     {}
func (*Probe) netsplit()      {}
func (*ProbeReply) netsplit() {}
func (*Split) netsplit()      {}
