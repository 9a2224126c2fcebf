package census

import (
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// Digest is what a node says of itself to who surveys the overlay. A node that lies
// about itself can't be told from one that does not.
type Digest struct {
	Node       ident.Origin
	Addr       string        // that it tells others; may be empty
	Version    string        // of the program or library; may be empty
	Age        time.Duration // since it started
	Component  ident.ID      // the lowest beaconing node that it hears; zero: none
	MinPeers   uint64
	MaxPeers   uint64 // 0: no limit
	Known      uint64 // addresses in its book
	Queued     uint64 // events that wait for its handlers
	Emitted    uint64 // events, since it started, as are the next ones
	Delivered  uint64
	Duplicates uint64
	Gaps       uint64 // runs of events that it gave up
	Refused    uint64 // what it has refused of others, in whatever way
	SeedsLost  uint64 // seeds that do not answer it
	History    uint64 // bytes of events that it keeps
	Degree     uint64 // neighbours, those that Links has no room for among them
	Links      []Link // at most MaxLinks
	// Left are neighbours that have said goodbye because they stop, in the last minute;
	// at most MaxLeft. Who is not heard any more and is not among them is down, or cut
	// off.
	Left []ident.ID
}

// Link is a link as one of its ends sees it.
type Link struct {
	Peer    ident.ID
	RTT     time.Duration // round trip, as it was last measured; 0: not yet, or the other end does so
	Eager   bool          // events are pushed on it
	Dialled bool          // by the node that tells of it
	Lag     uint64        // bytes of events that wait for it
}

const (
	// MaxLinks is how many links a Digest tells of.
	MaxLinks = 24
	// MaxVersion is the longest Version, in bytes.
	MaxVersion = 64
	// MaxLeft is how many that have left it tells of.
	MaxLeft = 8
	// MaxDigests is how many digests one frame carries.
	MaxDigests = 14
	// MostDigests is how many a node passes on in answer to one question.
	MostDigests = 4096
)
