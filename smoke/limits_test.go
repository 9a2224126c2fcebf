package smoke

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestAnAddressMayOpenSoManyConnections(t *testing.T) {
	var d doorman
	now := time.Unix(1, 0)
	lets := func(remote string, times int) (n int) {
		for range times {
			if d.lets(now, remote) {
				n++
			}
		}
		return n
	}
	if n := lets("192.0.2.1:1000", 1000); n != dialsAtOnce {
		t.Errorf("%d of 1000 at once", n)
	}
	if n := lets("192.0.2.2:1000", 1); n != 1 {
		t.Error("its neighbour has to suffer for it")
	}
	if n := lets("[::ffff:192.0.2.1]:1000", 1); n != 0 {
		t.Error("written as an IPv6 address it is let in")
	}
	now = now.Add(10 * time.Second)
	if n := lets("192.0.2.1:1000", 1000); n != min(10*dialsPerSecond, dialsAtOnce) {
		t.Errorf("%d after ten seconds", n)
	}
	total := 0
	for n := range 1000 { // a site has more addresses than anybody can count
		total += lets(fmt.Sprintf("[2001:db8:0:42:%x::1]:1000", n), 1)
	}
	if total != dialsAtOnce {
		t.Errorf("%d of 1000 of one site", total)
	}
	for _, free := range []string{"127.0.0.1:5", "[::1]:5", "127.9.9.9:5", "pipe"} {
		if n := lets(free, 1000); n != 1000 {
			t.Errorf("%s: %d", free, n)
		}
	}
}

func TestManyAddressesTakeBoundedMemory(t *testing.T) {
	var d doorman
	now := time.Unix(1, 0)
	for n := range 10 * maxAddresses {
		d.lets(now, fmt.Sprintf("10.%d.%d.%d:1", n>>16, n>>8&255, n&255))
		// Somebody who tries again and again is not forgotten for all that.
		if d.lets(now, "192.0.2.1:1") && n >= dialsAtOnce {
			t.Fatalf("after %d others it is let in again", n)
		}
	}
	if n := len(d.young) + len(d.old); n > 2*maxAddresses {
		t.Errorf("%d are remembered", n)
	}
}

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
