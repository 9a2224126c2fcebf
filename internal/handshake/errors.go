package handshake

import (
	"errors"
	"fmt"

	"github.com/smokesignal-go/smokesignal/internal/wire"
)

// The reasons why no link was established. Each failure is exactly one of them.
var (
	ErrRefused        = errors.New("refused")                                                      // the other end closed or reset the connection, or nothing listens there
	ErrTimeout        = errors.New("no answer")                                                    // no answer in time, or only a part of one
	ErrOtherNetwork   = errors.New("the node belongs to another network: Options.Network differs") // a MisfitError
	ErrOtherVersion   = errors.New("the node speaks another version of the protocol")              // a MisfitError, if links are plaintext
	ErrNotSmokesignal = errors.New("what listens there is no smokesignal node")                    // the other end speaks another protocol
	ErrNotAdmitted    = errors.New("not let in")                                                   // one of the two ends did not admit the other
	ErrPlaintext      = errors.New("one end of the link is encrypted and the other is not: set Options.Key or Secret on both, or InsecurePlaintext on both")
)

// Special cases of the errors above, for callers that distinguish them.
var (
	ErrNothingListens = fmt.Errorf("%w: nothing listens there", ErrRefused)
	ErrSilent         = fmt.Errorf("%w: it took the connection", ErrTimeout)                // the other end did not complete the handshake
	ErrHungUp         = fmt.Errorf("%w: it hung up", ErrRefused)                            // the other end accepted the connection, then closed it
	ErrSpeaksTLS      = fmt.Errorf("%w: it speaks TLS", ErrPlaintext)                       // the other end speaks TLS, and the links of this end are plaintext
	ErrTurnedAway     = fmt.Errorf("%w by the other end; its log says why", ErrNotAdmitted) // the other end does not say why
)

// MisfitError says that the other end is a node of another network or version.
type MisfitError struct {
	Is           error // ErrOtherNetwork or ErrOtherVersion
	Ours, Theirs string
	Text         string
	code         wire.RefuseCode
}

// Error implements error.
func (e *MisfitError) Error() string { return e.Is.Error() + ": " + e.Text }

// Unwrap returns the sentinel.
func (e *MisfitError) Unwrap() error { return e.Is }
