package smoke

import (
	"errors"
	"fmt"
	"testing"
)

func TestGreetingsThatFailAreCounted(t *testing.T) {
	var r refusals
	for _, err := range []error{
		fmt.Errorf("a: %w", ErrNotAdmitted), &DialError{Err: ErrOtherNetwork}, &DialError{Err: ErrOtherVersion},
		ErrNotSmokesignal, errors.New("EOF"), ErrPlaintext,
	} {
		r.count(err)
	}
	if got := r.counts(); got != (Refused{Handshakes: 3, NotAdmitted: 1, Incompatible: 2}) {
		t.Errorf("%+v", got)
	}
}
