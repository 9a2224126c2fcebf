package engine

import (
	"errors"
	"fmt"
	"testing"

	"github.com/smokesignal-go/smokesignal/internal/handshake"
)

func TestHandshakesThatFailAreCounted(t *testing.T) {
	var r Refusals
	for _, err := range []error{
		fmt.Errorf("a: %w", handshake.ErrNotAdmitted), &DialError{Err: handshake.ErrOtherNetwork}, &DialError{Err: handshake.ErrOtherVersion},
		handshake.ErrNotSmokesignal, errors.New("EOF"), handshake.ErrPlaintext,
	} {
		r.countHandshake(err)
	}
	if h, n, i := r.Handshakes.Load(), r.NotAdmitted.Load(), r.Incompatible.Load(); h != 3 || n != 1 || i != 2 || r.reported() != 6 {
		t.Errorf("%d handshakes, %d not admitted, %d incompatible", h, n, i)
	}
}
