package handshake

import (
	"errors"
	"fmt"

	"github.com/smokesignal-go/smokesignal/internal/wire"
)

// Why there is no link. Each failure is exactly one of these.
var (
	ErrRefused        = errors.New("refused")                                                      // it closed or reset the connection, or nothing listens
	ErrTimeout        = errors.New("no answer")                                                    // in time, or not a whole one
	ErrOtherNetwork   = errors.New("the node belongs to another network: Options.Network differs") // a MisfitError
	ErrOtherVersion   = errors.New("the node speaks another version of the protocol")              // a MisfitError, where links are plaintext
	ErrNotSmokesignal = errors.New("what listens there is no smokesignal node")                    // it speaks another protocol
	ErrNotAdmitted    = errors.New("not let in")                                                   // by one of the two ends
	ErrPlaintext      = errors.New("one end of the link is encrypted and the other is not: set Options.Key or Secret on both, or InsecurePlaintext on both")
)

// Cases of those above that callers tell apart.
var (
	ErrNothingListens = fmt.Errorf("%w: nothing listens there", ErrRefused)
	ErrSilent         = fmt.Errorf("%w: it took the connection", ErrTimeout)                // and did not complete the handshake
	ErrHungUp         = fmt.Errorf("%w: it hung up", ErrRefused)                            // after it had taken the connection
	ErrSpeaksTLS      = fmt.Errorf("%w: it speaks TLS", ErrPlaintext)                       // and the links of this end are plaintext
	ErrTurnedAway     = fmt.Errorf("%w by the other end; its log says why", ErrNotAdmitted) // it does not say why
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
