package census

import (
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// Digest is the state of one node, as that node reports it to a survey. A receiver
// cannot detect a false digest.
type Digest struct {
	Node       ident.Origin
	Addr       string        // the address that it advertises; may be empty
	Version    string        // the version of the program or library; may be empty
	Age        time.Duration // since it started
	Component  ident.ID      // the lowest ID that the node has heard a beacon from; zero: none
	MinPeers   uint64
	MaxPeers   uint64 // 0: no limit
	Known      uint64 // addresses in its book
	Queued     uint64 // events that wait for its handlers
	Emitted    uint64 // events since it started; likewise the next three
	Delivered  uint64
	Duplicates uint64
	Gaps       uint64 // runs of events that it gave up
	Refused    uint64 // everything that it refused to peers, added up
	SeedsLost  uint64 // seeds that do not answer it
	History    uint64 // bytes of events in its history
	Degree     uint64 // number of neighbours, including those that do not fit into Links
	Links      []Link // at most MaxLinks
	// Left are the neighbours that said goodbye in the last minute, at most MaxLeft. A
	// node that disappears and is not in Left has crashed or is cut off.
	Left []ident.ID
}

// Link is a link as one of its ends reports it.
type Link struct {
	Peer    ident.ID
	RTT     time.Duration // round trip, last measured; 0: not yet, or only the other end measures it
	Eager   bool          // events are pushed on it
	Dialled bool          // the reporting node dialled
	Lag     uint64        // bytes of events that wait to be sent on it
}

const (
	// MaxLinks bounds the links in a Digest.
	MaxLinks = 24
	// MaxVersion bounds the length of Version, in bytes.
	MaxVersion = 64
	// MaxLeft bounds the IDs in Left.
	MaxLeft = 8
	// MaxDigests bounds the digests in one frame.
	MaxDigests = 14
	// MostDigests bounds the digests that a node forwards for one survey.
	MostDigests = 4096
)
