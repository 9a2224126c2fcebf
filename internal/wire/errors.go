package wire

import (
	"errors"
	"fmt"

	"github.com/smokesignal-go/smokesignal/internal/frame"
)

// What can be wrong, for errors.Is on any error of this package.
var (
	// ErrNotSmokesignal: what arrived first is no HELLO. The other end speaks
	// another protocol, or an encrypted one.
	ErrNotSmokesignal = errors.New("not smokesignal")

	// ErrVersion: the other end speaks another major version, and went on after
	// its HELLO.
	ErrVersion = errors.New("other major version")

	// ErrTooLarge: a frame, a list, a text or a payload is over its limit.
	ErrTooLarge = frame.ErrTooLarge

	// ErrMalformed: the bytes are not what their kind says.
	ErrMalformed = frame.ErrMalformed

	// ErrUnknownMessage: this package has no frame for what it was given.
	ErrUnknownMessage = frame.ErrUnknownMessage
)

// FrameError says what is wrong with what the peer sent. The link that it came
// from can't be used any more.
type FrameError struct {
	Kind   Kind   // of the frame; zero where that was not known yet
	Reason string // what is wrong, for a log
	Err    error  // ErrNotSmokesignal, ErrVersion, ErrTooLarge or ErrMalformed
}

// Error gives the kind, the reason and the sort of error.
func (e *FrameError) Error() string {
	if e.Kind == 0 {
		return fmt.Sprintf("receive frame: %s: %v", e.Reason, e.Err)
	}
	return fmt.Sprintf("receive %v: %s: %v", e.Kind, e.Reason, e.Err)
}

// Unwrap gives the sentinel.
func (e *FrameError) Unwrap() error { return e.Err }

// MessageError says why a message of our own can't be sent. Nothing was
// appended, the state of the link is what it was, and the link lives.
type MessageError struct {
	Kind   Kind   // of the message; zero where it has none
	Reason string // what is wrong, for a log
	Err    error  // ErrTooLarge, ErrMalformed or ErrUnknownMessage
}

// Error gives the kind, the reason and the sort of error.
func (e *MessageError) Error() string {
	if e.Kind == 0 {
		return fmt.Sprintf("encode message: %s: %v", e.Reason, e.Err)
	}
	return fmt.Sprintf("encode %v: %s: %v", e.Kind, e.Reason, e.Err)
}

// Unwrap gives the sentinel.
func (e *MessageError) Unwrap() error { return e.Err }
