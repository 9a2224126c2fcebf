package handshake

import (
	"fmt"
	"testing"
	"time"
)

func TestAnAddressMayOpenSoManyConnections(t *testing.T) {
	var d Doorman
	now := time.Unix(1, 0)
	admits := func(remote string, times int) (n int) {
		for range times {
			if d.Admits(now, remote) {
				n++
			}
		}
		return n
	}
	if n := admits("192.0.2.1:1000", 1000); n != dialsAtOnce {
		t.Errorf("%d of 1000 at once", n)
	}
	if n := admits("192.0.2.2:1000", 1); n != 1 {
		t.Error("another address is limited too")
	}
	if n := admits("[::ffff:192.0.2.1]:1000", 1); n != 0 {
		t.Error("written as an IPv6 address it is admitted")
	}
	now = now.Add(10 * time.Second)
	if n := admits("192.0.2.1:1000", 1000); n != min(10*dialsPerSecond, dialsAtOnce) {
		t.Errorf("%d after ten seconds", n)
	}
	total := 0
	for n := range 1000 { // a site has 2^72 addresses
		total += admits(fmt.Sprintf("[2001:db8:0:42:%x::1]:1000", n), 1)
	}
	if total != dialsAtOnce {
		t.Errorf("%d of 1000 of one site", total)
	}
	for _, free := range []string{"127.0.0.1:5", "[::1]:5", "127.9.9.9:5", "pipe"} {
		if n := admits(free, 1000); n != 1000 {
			t.Errorf("%s: %d", free, n)
		}
	}
}

func TestManyAddressesTakeBoundedMemory(t *testing.T) {
	var d Doorman
	now := time.Unix(1, 0)
	for n := range 10 * maxAddresses {
		d.Admits(now, fmt.Sprintf("10.%d.%d.%d:1", n>>16, n>>8&255, n&255))
		// An address that tries again and again stays limited.
		if d.Admits(now, "192.0.2.1:1") && n >= dialsAtOnce {
			t.Fatalf("after %d others it is admitted again", n)
		}
	}
	if n := len(d.young) + len(d.old); n > 2*maxAddresses {
		t.Errorf("%d are remembered", n)
	}
}
