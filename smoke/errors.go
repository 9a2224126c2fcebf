package smoke

import (
	"errors"
	"fmt"

	"github.com/smokesignal-go/smokesignal/internal/callout"
	"github.com/smokesignal-go/smokesignal/internal/engine"
	"github.com/smokesignal-go/smokesignal/internal/handshake"
)

// Errors that methods of a node return. Test them with errors.Is.
var (
	ErrNotStarted = errors.New("the node is not started: call Start first")
	ErrStarted    = errors.New("the node has been started already")
	ErrStopping   = errors.New("the node is still stopping: wait for Stop or Shutdown to return")
	ErrStopped    = engine.ErrStopped

	// ErrBusy means that the links of this node stayed full until the call had to return.
	// The event was not sent. In an *UndeliveredError it means that a neighbour was too
	// slow to take the remaining events.
	ErrBusy = errors.New("the node's links are full")

	// ErrAlone means that no neighbour was there to take the events.
	ErrAlone = errors.New("no neighbour was there")

	// ErrIncomplete means that some nodes did not answer in time.
	ErrIncomplete = engine.ErrIncomplete

	// ErrPeerGone means that the peer is not a neighbour any more.
	ErrPeerGone = engine.ErrPeerGone
)

// Errors of a *[DialError]: the reasons why a node could not be added.
var (
	ErrFull           = engine.ErrFull
	ErrPeerFull       = engine.ErrPeerFull
	ErrSelf           = engine.ErrSelf
	ErrSameID         = engine.ErrSameID
	ErrRefused        = handshake.ErrRefused
	ErrTimeout        = handshake.ErrTimeout
	ErrOtherNetwork   = handshake.ErrOtherNetwork
	ErrOtherVersion   = handshake.ErrOtherVersion
	ErrNotSmokesignal = handshake.ErrNotSmokesignal
	ErrNotAdmitted    = handshake.ErrNotAdmitted
	ErrNobodyAnswers  = errors.New("nobody answers") // only in a [Refusal]
	ErrPlaintext      = handshake.ErrPlaintext
)

// TooLargeError is the error for an event that is larger than Options.MaxPayload. Unlike
// the other error types of this package it is a value: errors.As with a TooLargeError
// matches, and one with a *TooLargeError compiles and never does.
type TooLargeError struct {
	Size  int // bytes of the encoded arguments, and of the headers
	Limit int // Options.MaxPayload
}

// Error implements error.
func (e TooLargeError) Error() string {
	return fmt.Sprintf("the arguments take %d bytes, and %d are allowed (Options.MaxPayload)", e.Size, e.Limit)
}

// DialError reports that the node at an address could not be added. Err is one of the
// errors above, or an error of the transport.
type DialError struct {
	Addr string
	Err  error
}

// Error implements error.
func (e *DialError) Error() string { return fmt.Sprintf("add the node at %s: %v", e.Addr, e.Err) }

// Unwrap returns Err.
func (e *DialError) Unwrap() error { return e.Err }

var (
	// ErrPanicked means that a function of the program, such as Options.Resolver, has
	// panicked. The log has its stack.
	ErrPanicked = callout.ErrPanicked

	// ErrHangs means that a function of the program, such as Options.Resolver, has not
	// returned. The node continues without it. While too many calls hang, the node makes
	// no further ones.
	ErrHangs = callout.ErrHangs
)
