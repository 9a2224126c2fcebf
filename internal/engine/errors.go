package engine

import (
	"errors"
	"fmt"

	"github.com/smokesignal-go/smokesignal/internal/handshake"
	"github.com/smokesignal-go/smokesignal/internal/hyparview"
)

// These are the errors of calls.
var (
	ErrStopped    = errors.New("the node is stopped")
	ErrIncomplete = errors.New("not all nodes answered in time")
	ErrPeerGone   = errors.New("the peer is gone")
)

// These are the reasons why a node could not be added, in a *[DialError]. Other reasons
// are in package handshake, and callout.ErrHangs.
var (
	ErrFull     = errors.New("this node has as many peers as Options.MaxPeers allows")
	ErrPeerFull = errors.New("that node has as many peers as it allows")
	ErrSelf     = errors.New("this is the node itself")
	ErrSameID   = errors.New("another node has this node's id: see OnConflict")
)

// DialError reports that the node at an address could not be added.
type DialError struct {
	Addr string
	Err  error
}

// Error implements error.
func (e *DialError) Error() string { return fmt.Sprintf("add the node at %s: %v", e.Addr, e.Err) }

// Unwrap returns Err.
func (e *DialError) Unwrap() error { return e.Err }

// dialError wraps the error of a failed dial with the address and the reason.
func dialError(addr string, err error) *DialError {
	return &DialError{Addr: addr, Err: handshake.DialFault(err)}
}

// publicErrors maps each error of the membership to an error that programs can test for.
var publicErrors = []struct{ from, to error }{
	{hyparview.ErrFull, ErrFull},
	{hyparview.ErrPeer, ErrPeerFull},
	{hyparview.ErrSelf, ErrSelf},
	{hyparview.ErrTwin, ErrSameID},
	{hyparview.ErrRefused, handshake.ErrRefused},
	{hyparview.ErrTimeout, handshake.ErrTimeout},
	{hyparview.ErrLeaving, ErrStopped},
}

// seedError converts the reason why a seed is lost. An error of the membership becomes a
// *[DialError]; another error stays unchanged. seedError compares errors without
// errors.Is: the membership does not wrap its errors, and methods of a program's error
// must not be called here, because the caller may hold mu.
func seedError(addr string, err error) error {
	for _, known := range publicErrors {
		if err == known.from {
			return &DialError{Addr: addr, Err: known.to}
		}
	}
	return err
}

// addError converts the machine's reason why it could not add the node at an address to an
// error of this package.
func addError(addr string, err error) *DialError {
	err = seedError(addr, err)
	if dial, ok := err.(*DialError); ok {
		return dial
	}
	return &DialError{Addr: addr, Err: err}
}

// plainError calls the methods of an error of the program now. If one of them panics, the
// panic counts as a panic of the call that returned the error.
func plainError(err error) error {
	_ = err.Error()
	_ = dialError("", err)
	_ = errors.Is(err, handshake.ErrRefused)
	return err
}
