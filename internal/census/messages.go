package census

import (
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// Message is one frame of the census protocol.
type Message interface{ census() }

// Count asks for the number of nodes. It is flooded: the first copy of a
// (Query, Origin) makes its sender the parent, later copies count nothing.
type Count struct {
	Query  uint64        // the asker's number for this count
	Origin ident.ID      // the node that asks
	Wait   time.Duration // how long the sender waits for the answer
	// Digests is how many of them the asker wants at most; 0: only the number of nodes.
	Digests uint64
}

// Tell carries the digests of the sender and of who is behind it, to the neighbour
// that a Count with Digests came from. It comes before the CountReply.
type Tell struct {
	Query   uint64
	Origin  ident.ID
	Digests []Digest
}

// CountReply answers a Count, to the neighbour that it came from.
type CountReply struct {
	Query   uint64
	Origin  ident.ID
	Partial bool   // somebody behind the sender did not answer in time
	Nodes   uint64 // the sender and all who answered to it; zero from a node already counted
}

func (*Count) census()      {}
func (*CountReply) census() {}
func (*Tell) census()       {}
