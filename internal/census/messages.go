package census

import (
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/frame"
)

// Message is one frame of the census protocol.
type Message interface {
	frame.Message
	census()
}

// Count asks for the number of nodes. It is flooded. The first copy of a (Query,
// Origin) makes its sender the parent; later copies count nothing.
type Count struct {
	Query  uint64        // the number of this count at the node that asks
	Origin ident.ID      // the node that asks
	Wait   time.Duration // how long the sender waits for the answer
	// Digests is how many digests the asking node accepts; 0: it wants only the number
	// of nodes.
	Digests uint64
}

// Tell carries digests of the sender and of nodes behind it to the parent, before the
// CountReply.
type Tell struct {
	Query   uint64
	Origin  ident.ID
	Digests []Digest
}

// CountReply answers a Count. It goes to the parent.
type CountReply struct {
	Query   uint64
	Origin  ident.ID
	Partial bool   // a node behind the sender did not answer in time
	Nodes   uint64 // the sender and the nodes that answered to it; 0 if the sender was already counted
}

func (*Count) census()      {}
func (*CountReply) census() {}
func (*Tell) census()       {}
