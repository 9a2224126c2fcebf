package hyparview

import (
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/frame"
)

// Contact identifies a node and the address at which it can be dialled. ID is zero if
// only the address is known. Addr is empty if the node cannot be dialled.
type Contact struct {
	ID   ident.ID
	Addr string
}

// Priority is the urgency of a request for a link.
type Priority uint8

const (
	// Low: only a node with room for a neighbour accepts.
	Low Priority = iota
	// High: the asking node has no neighbour, or all nodes have refused it. A full node
	// evicts a neighbour for it. HyParView, section 4.3.
	High
	// Bridge: the asking node is on the other side of a netsplit. A full node evicts a
	// neighbour for it.
	Bridge
)

// Reason says why a link was refused or closed. New reasons are only appended.
type Reason uint8

const (
	ReasonNone      Reason = iota
	ReasonFull             // there is no room for a neighbour, and the priority is too low for an eviction
	ReasonDuplicate        // another link between the two nodes remains
	ReasonSelf             // the node dialled itself
	ReasonMakeRoom         // evicted to make room for another node
	ReasonRotate           // closed by a rotation, to keep the overlay mixed
	ReasonLeave            // the node stops
	ReasonRemoved          // the program removed the peer
	ReasonSilent           // no frame arrived for too long
	ReasonSlow             // the peer does not read its frames
	ReasonProtocol         // the peer broke the protocol
	ReasonProbed           // the link was only a probe
	ReasonUnwanted         // the link was opened and is not needed any more
	ReasonTwin             // a later run with the same ID is a neighbour: a node restarted, or two nodes share an ID
	reasons
)

// String returns the reason in words.
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

// Join asks a contact node for admission to the overlay.
type Join struct {
	Priority Priority // Low first; High after every known node was full
	AsSeed   bool     // the asking node has this node in its list of seeds
}

// ForwardJoin carries a newcomer along a random walk through the active views.
type ForwardJoin struct {
	Newcomer Contact
	TTL      uint8
}

// Neighbor asks to become a neighbour. Between nodes that are neighbours already, it is
// no request and only carries Kept.
type Neighbor struct {
	Priority Priority
	Kept     bool // the sender's program asked for this link, so it should not be rotated out
}

// NeighborReply answers Join and Neighbor. A refusal carries contacts that may have room
// for a neighbour. An acceptance carries contacts for the passive view.
type NeighborReply struct {
	Accepted bool
	Reason   Reason // the reason of a refusal
	Degree   uint8  // number of neighbours of the answering node
	Sample   []Contact
}

// Disconnect ends a neighbour's link and offers contacts to replace it.
type Disconnect struct {
	Reason Reason
	Try    []Contact
}

// Shuffle carries a sample of the origin's views along a random walk. The last node
// adds the sample to its passive view.
type Shuffle struct {
	Sample []Contact // the first one is the node that shuffles
	TTL    uint8
}

// Ping keeps a link alive. Only the end that dialled the link sends it.
type Ping struct {
	Degree uint8
	Sent   time.Duration // time since the sender's start; only the sender reads it
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
