package wire

import (
	"errors"
	"fmt"

	"github.com/smokesignal-go/smokesignal/internal/frame"
)

// The causes of the errors of this package, for errors.Is.
var (
	// ErrNotSmokesignal: the first bytes are not a HELLO. The other end speaks another
	// protocol, or encrypts the link.
	ErrNotSmokesignal = errors.New("not smokesignal")

	// ErrVersion: the other end speaks another major version, and sent a frame other than
	// REFUSE after its HELLO.
	ErrVersion = errors.New("other major version")

	// ErrTooLarge: a frame, a list, a text or a payload is over its limit.
	ErrTooLarge = frame.ErrTooLarge

	// ErrMalformed: the bytes do not have the layout of their kind.
	ErrMalformed = frame.ErrMalformed

	// ErrUnknownMessage: the message is of a type that has no frame.
	ErrUnknownMessage = frame.ErrUnknownMessage
)

// FrameError reports a frame that can't be accepted. The link that received it can't be
// used any more.
type FrameError struct {
	Kind   Kind   // the kind of the frame; zero if it was not known yet
	Reason string // description of the fault, for a log
	Err    error  // ErrNotSmokesignal, ErrVersion, ErrTooLarge or ErrMalformed
}

// Error implements error.
func (e *FrameError) Error() string {
	if e.Kind == 0 {
		return fmt.Sprintf("receive frame: %s: %v", e.Reason, e.Err)
	}
	return fmt.Sprintf("receive %v: %s: %v", e.Kind, e.Reason, e.Err)
}

// Unwrap returns Err.
func (e *FrameError) Unwrap() error { return e.Err }

// MessageError reports a message of this node that can't be encoded. Nothing was
// appended. The link and its state are as before.
type MessageError struct {
	Kind   Kind   // the kind of the message; zero if its type has none
	Reason string // description of the fault, for a log
	Err    error  // ErrTooLarge, ErrMalformed or ErrUnknownMessage
}

// Error implements error.
func (e *MessageError) Error() string {
	if e.Kind == 0 {
		return fmt.Sprintf("encode message: %s: %v", e.Reason, e.Err)
	}
	return fmt.Sprintf("encode %v: %s: %v", e.Kind, e.Reason, e.Err)
}

// Unwrap returns Err.
func (e *MessageError) Unwrap() error { return e.Err }
