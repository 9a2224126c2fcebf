package plumtree

import (
	"github.com/smokesignal-go/smokesignal/ident"
)

// Out receives the actions of a [Tree]. Its methods only record them. A message may go
// to several links, so it must not be changed.
type Out interface {
	// Ready reports that there are events to push on a link. The owner must call Fill
	// when the link has room. Ready is not repeated until Fill has returned false.
	Ready(to ident.Link)
	// Push sends events. Only Fill calls it. The frame belongs to the tree and is valid
	// during the call. Its Body may be kept, and must not be changed.
	Push(to ident.Link, g *Gossip)
	Send(to ident.Link, m Message)
	// Deliver passes events to the program: each once, in the order of their origin.
	// They must not be changed; they may be kept.
	Deliver(e *Event)
	// Gap reports that events of an origin will not be delivered. If the origin is this
	// node, the events left the history before any neighbour took them, and no other
	// node will receive them.
	Gap(missing Range)
	// Refused reports that a neighbour sent an event that failed verification. The tree
	// ignored the whole frame. A neighbour that verifies events never sends such a
	// frame, not even by mistake.
	Refused(from ident.Link, events Range)
}
