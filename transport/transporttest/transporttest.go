// Package transporttest is the suite that every transport passes. It checks
// what the comment of package transport promises.
package transporttest

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/transport"
)

// Sides gives what one test of the suite runs on: the transport that listens,
// the one that dials (they may be the same), and an address to listen at. The
// suite listens at addr several times, so it should take a free port.
type Sides func(t *testing.T) (listen, dial transport.Transport, addr string)

// Test runs the suite. Each test of it asks for sides of its own. It waits for
// events, not for times: a deadline in it is in the past, or a moment ahead
// with nothing to beat it.
func Test(t *testing.T, sides Sides) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, *rig)
	}{
		{"Echo", echo},
		{"AddressesMatch", addressesMatch},
		{"BigTransferBothWays", bigTransfer},
		{"EOFAfterTheLastByte", eofAfterTheLastByte},
		{"HalfClose", halfClose},
		{"WriteFailsOnceThePeerClosed", writeFails},
		{"CloseUnblocksRead", closeUnblocksRead},
		{"CloseUnblocksWrite", closeUnblocksWrite},
		{"CloseTwice", closeTwice},
		{"ReadDeadline", readDeadline},
		{"WriteDeadline", writeDeadline},
		{"DeadlineInThePast", deadlineInThePast},
		{"WritesAreWhole", writesAreWhole},
		{"TryWriteDoesNotWait", tryWriteDoesNotWait},
		{"DialIsRefused", dialIsRefused},
		{"DialHonoursItsContext", dialHonoursContext},
		{"ConnOutlivesItsDialContext", connOutlivesContext},
		{"ListenHonoursItsContext", listenHonoursContext},
		{"CloseUnblocksAccept", closeUnblocksAccept},
		{"ClosedListenerLeavesConns", closedListenerLeavesConns},
		{"AddressInUse", addressInUse},
		{"BadAddress", badAddress},
		{"HundredConnsAtOnce", hundredConns},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := &rig{t: t}
			r.listenSide, r.dialSide, r.addr = sides(t)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			r.ctx = ctx
			test.run(t, r)
		})
	}
}

// patience ends a test that hangs. No passing run comes near it.
const patience = 60 * time.Second

// rig is what one test works with.
type rig struct {
	t                    *testing.T
	ctx                  context.Context
	listenSide, dialSide transport.Transport
	addr                 string
}

func (r *rig) listen() net.Listener {
	r.t.Helper()
	l, err := r.listenSide.Listen(r.ctx, r.addr)
	if err != nil {
		r.t.Fatalf("listen at %s: %v", r.addr, err)
	}
	r.t.Cleanup(func() { _ = l.Close() })
	return l
}

func (r *rig) dial(addr string) net.Conn {
	r.t.Helper()
	c, err := r.dialSide.Dial(r.ctx, addr)
	if err != nil {
		r.t.Fatalf("dial %s: %v", addr, err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	return c
}

func (r *rig) accept(l net.Listener) net.Conn {
	r.t.Helper()
	c, err := l.Accept()
	if err != nil {
		r.t.Fatalf("accept: %v", err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	return c
}

// pair gives the two ends of a connection, each with a limit to how long it
// can hang the test.
func (r *rig) pair() (dialled, accepted net.Conn) {
	r.t.Helper()
	l := r.listen()
	dialled = r.dial(l.Addr().String())
	accepted = r.accept(l)
	limit, _ := r.ctx.Deadline()
	for _, c := range []net.Conn{dialled, accepted} {
		if err := c.SetDeadline(limit); err != nil {
			r.t.Fatalf("set a deadline: %v", err)
		}
	}
	return dialled, accepted
}

// wantIs fails unless err is target.
func wantIs(t *testing.T, what string, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("%s: got error %v, want one that is %q", what, err, target)
	}
}

// inBackground runs f and gives where its error will be.
//
// The goroutine belongs to the test that calls; f ends when what it waits for
// comes or the connection's deadline passes; the test receives its error.
func inBackground(f func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	return done
}
