package smoke

import (
	"fmt"

	"github.com/smokesignal-go/smokesignal/internal/hyparview"
)

// LeaveReason is the reason why a [Peer] is not a neighbour any more. The zero value
// means that the peer is still a neighbour. Values can be compared with ==.
//
// Most reasons are normal operation: nodes replace links now and then so that the network
// stays mixed, and a full node evicts a neighbour for a node without links.
type LeaveReason struct {
	Cause LeaveCause
	// ByPeer is true if the peer sent the cause, and false if this node detected or
	// decided it.
	ByPeer bool
}

// LeaveCause is the cause in a [LeaveReason]. Later versions may have further causes.
type LeaveCause uint8

const (
	LeaveNone         LeaveCause = iota // still a neighbour
	LeaveDisconnected                   // the connection ended without a reason
	LeaveSilent                         // no byte arrived for Options.PingInterval + Options.PingTimeout
	LeaveStopped                        // the node has stopped with Stop or Shutdown
	LeaveRemoved                        // the program called Node.RemovePeer or Peer.Close
	LeaveEvicted                        // a full node made room for a node that needed the place more
	LeaveReplaced                       // a node replaced the link, so that the network stays mixed
	LeaveSlow                           // the node read no bytes for too long
	LeaveProtocol                       // the node broke the protocol
	LeaveSameID                         // another running node has the same ID; see Node.OnConflict
	LeaveOther                          // any other cause, such as a second link to the same node
)

var leaveCauses = map[hyparview.Reason]LeaveCause{
	hyparview.ReasonNone:     LeaveDisconnected,
	hyparview.ReasonSilent:   LeaveSilent,
	hyparview.ReasonLeave:    LeaveStopped,
	hyparview.ReasonRemoved:  LeaveRemoved,
	hyparview.ReasonMakeRoom: LeaveEvicted,
	hyparview.ReasonRotate:   LeaveReplaced,
	hyparview.ReasonSlow:     LeaveSlow,
	hyparview.ReasonProtocol: LeaveProtocol,
	hyparview.ReasonTwin:     LeaveSameID,
}

// newLeaveReason converts a reason of the membership protocol. byPeer is true if the peer
// sent it.
func newLeaveReason(why hyparview.Reason, byPeer bool) LeaveReason {
	cause, ok := leaveCauses[why]
	if !ok {
		cause = LeaveOther
	}
	return LeaveReason{cause, byPeer}
}

// Gone returns why the peer is not a neighbour any more. It returns the zero LeaveReason
// while the peer is a neighbour. In a hook of [Peerlist.OnRemove] it is never zero.
func (p *Peer) Gone() LeaveReason {
	d, ok := p.neighbour.Departure()
	if !ok {
		return LeaveReason{}
	}
	return newLeaveReason(d.Why, d.ByPeer)
}

// IsZero reports whether the peer is still a neighbour.
func (r LeaveReason) IsZero() bool { return r == LeaveReason{} }

// leaveTexts has two texts for each cause: if this node detected or decided it, and if
// the peer reported it. "it" is the peer.
var leaveTexts = [...][2]string{
	LeaveNone:         {"it is a neighbour", "it is a neighbour"},
	LeaveDisconnected: {"the connection ended", "it hung up"},
	LeaveSilent:       {"nothing was heard of it for too long", "it heard nothing of this node for too long"},
	LeaveStopped:      {"this node stops", "it left"},
	LeaveRemoved:      {"this program removed it", "its program removed this node"},
	LeaveEvicted:      {"this node made room for another one", "it made room for another one"},
	LeaveReplaced:     {"this node swapped it for another one", "it swapped this node for another one"},
	LeaveSlow:         {"it was too slow", "it says that this node was too slow"},
	LeaveProtocol:     {"it broke the protocol", "it says that this node broke the protocol"},
	LeaveSameID:       {"another node has its id", "another node with the id of this one took its place"},
	LeaveOther:        {"the link was not needed", "it says that the link was not needed"},
}

// String returns the reason in words, such as "it left" or "nothing was heard of it for
// too long", in which "it" is the peer. Later versions may use other words.
func (r LeaveReason) String() string {
	if int(r.Cause) >= len(leaveTexts) {
		return fmt.Sprintf("cause %d", r.Cause)
	}
	texts := leaveTexts[r.Cause]
	if r.ByPeer {
		return texts[1]
	}
	return texts[0]
}
