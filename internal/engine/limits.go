package engine

import (
	"errors"
	"sync/atomic"

	"github.com/smokesignal-go/smokesignal/internal/files"
	"github.com/smokesignal-go/smokesignal/internal/handshake"
	"github.com/smokesignal-go/smokesignal/internal/wire"
)

// These constants limit the frames that other nodes may send to a node. A request beyond
// a limit is refused and counted.
//
// Other limits are in other packages. Package wire limits single frames (their lengths,
// their lists, the structure of arguments). The packages of the protocols limit stored
// data (the history, the address book, the events that a peer may pull). Package
// handshake limits incoming connections. In this package, backpressure.go and outbox.go
// limit waiting data.
const (
	// controlPerSecond limits the frames without events that a neighbour may send. If 10
	// 000 nodes start at once with one seed, the neighbours of the seed get some
	// thousands of these frames in a second.
	controlPerSecond = 2000
	controlAtOnce    = 20_000

	// answersPerSecond limits the frames that answer requests of this node: MISS, or the
	// digests of a survey. If events are missing or the network is large, there are many
	// of them, and each costs little.
	answersPerSecond = 20_000
	answersAtOnce    = 200_000
)

// errFlood is the reason with which a link ends whose peer exceeds a limit.
var errFlood = &wire.FrameError{Reason: "too many frames that are no events", Err: wire.ErrTooLarge}

// Refusals counts the refusals of a node since it was made, over all its lives.
type Refusals struct {
	Handshakes   atomic.Uint64 // connections without a valid HELLO
	NotAdmitted  atomic.Uint64 // nodes that the rules did not admit
	Incompatible atomic.Uint64 // nodes of another network or version
	Backlog      atomic.Uint64 // connections closed because too many waited for their handshake
	RateLimited  atomic.Uint64 // connections from addresses that opened too many
	Frames       atomic.Uint64 // links closed because they carried bytes that are not a frame
	Floods       atomic.Uint64 // links closed because of too many frames
	Forgeries    atomic.Uint64 // frames with an event whose signature is missing or false
}

// countHandshake counts a failed handshake by its reason.
func (r *Refusals) countHandshake(err error) {
	switch {
	case errors.Is(err, handshake.ErrNotAdmitted):
		r.NotAdmitted.Add(1)
	case errors.Is(err, handshake.ErrOtherNetwork), errors.Is(err, handshake.ErrOtherVersion):
		r.Incompatible.Add(1)
	default:
		r.Handshakes.Add(1)
	}
}

// reported returns the number of refusals that a survey shows.
func (r *Refusals) reported() uint64 {
	return r.Handshakes.Load() + r.NotAdmitted.Load() + r.Incompatible.Load() + r.Backlog.Load() +
		r.RateLimited.Load() + r.Frames.Load() + r.Floods.Load()
}

// strangers returns two bounds in one: how many accepted connections may be in the
// handshake, and how many may be without a request after it. If the process may open few
// files, the bound leaves most of them for other uses.
func strangers() int { return files.Share(1024, 4) }
