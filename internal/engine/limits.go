package engine

import (
	"errors"
	"sync/atomic"

	"github.com/smokesignal-go/smokesignal/internal/handshake"
	"github.com/smokesignal-go/smokesignal/internal/wire"
)

// What others may ask of a node. Beyond that they are refused, and counted.
//
// The limits of single frames stand in package wire (their lengths, the lists in
// them, the structure of arguments), those of what is kept in the machines' packages
// (the history, the address book, what a peer may pull), those of what waits in
// backpressure.go and outbox.go, and those of connections that come in in package
// handshake.
const (
	// Frames of a neighbour that are no events. In 10 000 nodes that start at once
	// with one seed, its neighbours get some thousands in a second.
	controlPerSecond = 2000
	controlAtOnce    = 20_000

	// Answers to requests of this node: MISS frames, or the digests of a survey. There are
	// many if events are missing or the network is large, and each costs little.
	answersPerSecond = 20_000
	answersAtOnce    = 200_000
)

// errFlood ends a link.
var errFlood = &wire.FrameError{Reason: "too many frames that are no events", Err: wire.ErrTooLarge}

// Refusals count what a node has refused since it was made, over all its lives.
type Refusals struct {
	Handshakes   atomic.Uint64 // connections without a valid HELLO
	NotAdmitted  atomic.Uint64 // nodes that the rules did not admit
	Incompatible atomic.Uint64 // nodes of another network or version
	Backlog      atomic.Uint64 // connections closed because too many waited for their handshake
	RateLimited  atomic.Uint64 // connections from addresses that opened too many
	Frames       atomic.Uint64 // links closed because of bytes that are not a frame
	Floods       atomic.Uint64 // links closed because of too many frames
	Forgeries    atomic.Uint64 // frames with an event that its origin has not signed
}

// countHandshake sorts a handshake that failed.
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

// reported is the number of refusals that a survey has.
func (r *Refusals) reported() uint64 {
	return r.Handshakes.Load() + r.NotAdmitted.Load() + r.Incompatible.Load() + r.Backlog.Load() +
		r.RateLimited.Load() + r.Frames.Load() + r.Floods.Load()
}
