package peerlist

import (
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/frame"
)

// Contact is what one node tells another about a third: who it is and where it
// can be dialled. ID is zero where only the address is known, Addr is empty for
// a node that nobody can dial.
type Contact struct {
	ID   ident.ID
	Addr string
}

// Priority says how badly a node wants the link that it asks for.
type Priority uint8

const (
	// Low: accepted only by a node that has room.
	Low Priority = iota
	// High: the asker has nobody, or has been refused by everybody. A full
	// node makes room. HyParView, section 4.3.
	High
	// Bridge: the asker is the far side of a netsplit. A full node makes room.
	Bridge
)

// Reason says why a link was refused or let go. Reasons are only ever appended.
type Reason uint8

const (
	ReasonNone      Reason = iota
	ReasonFull             // no room, and the priority does not make any
	ReasonDuplicate        // another link between the two stays
	ReasonSelf             // the node dialled itself
	ReasonMakeRoom         // let go for somebody who needs the place more
	ReasonRotate           // let go so that the overlay keeps mixing
	ReasonLeave            // the node stops
	ReasonRemoved          // the program asked for it
	ReasonSilent           // nothing was heard for too long
	ReasonSlow             // the peer takes nothing in
	ReasonProtocol         // the peer broke the protocol
	ReasonProbed           // the link was only a probe, and all is well
	ReasonUnwanted         // opened, then not needed any more
	ReasonTwin             // a later life of the same id is a neighbour: two nodes have one id, or one was cloned
	reasons
)

// String gives the reason in words.
func (r Reason) String() string {
	words := [reasons]string{
		"none", "full", "duplicate link", "dialled itself", "making room", "rotation", "leaving",
		"removed by the program", "silent", "too slow", "protocol error", "probe done", "not needed",
		"another node has its id",
	}
	if r < reasons {
		return words[r]
	}
	return "unknown reason"
}

// Message is one frame of the membership protocol.
type Message interface {
	frame.Message
	membership()
}

// Join asks a contact node for entry into the overlay.
type Join struct {
	Priority Priority // Low first; High when every known node was full
	AsSeed   bool     // the asker has this node in its list of seeds
}

// ForwardJoin carries a newcomer along a random walk through the active views.
type ForwardJoin struct {
	Newcomer Contact
	TTL      uint8
}

// Neighbor asks for a place in the active view. Between neighbours it asks for
// nothing, and may still say Kept.
type Neighbor struct {
	Priority Priority
	Kept     bool // the asker's program asked for this link: it should not be rotated out
}

// NeighborReply answers Join and Neighbor. A refusal carries contacts that may
// have room, an acceptance carries a start for the passive view.
type NeighborReply struct {
	Accepted bool
	Reason   Reason // why not, when refused
	Degree   uint8  // how many neighbours the answering node has
	Sample   []Contact
}

// Disconnect lets a neighbour go, and offers contacts to take the place.
type Disconnect struct {
	Reason Reason
	Try    []Contact
}

// Shuffle carries a sample of the origin's views along a random walk; where it
// ends, the sample goes into the passive view.
type Shuffle struct {
	Sample []Contact // the first one is the node that shuffles
	TTL    uint8
}

// Ping keeps a link alive. The end that dialled sends it.
type Ping struct {
	Degree uint8
	Sent   time.Duration // the sender's clock, since its start; only it reads it
}

// Pong answers a Ping and returns its Sent.
type Pong struct {
	Degree uint8
	Sent   time.Duration
}

func (*Join) membership()          {}
func (*ForwardJoin) membership()   {}
func (*Neighbor) membership()      {}
func (*NeighborReply) membership() {}
func (*Disconnect) membership()    {}
func (*Shuffle) membership()       {}
func (*Ping) membership()          {}
func (*Pong) membership()          {}
