// Package transporttest is the test suite that every transport must pass. It checks the
// contract in the comment of package transport.
package transporttest

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/transport"
)

// Sides returns the transports of one test: one that listens, one that dials (they may be
// the same), and an address to listen at. The suite listens at addr several times, so addr
// should have port 0.
type Sides func(t *testing.T) (listen, dial transport.Transport, addr string)

// Test runs the suite. Each test calls sides for transports of its own. No test depends on
// how long anything takes. A deadline has passed before the call, or it passes while a call
// waits that only the deadline can end.
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

// patience is the time limit of a test that hangs. A test that passes takes far less.
const patience = 60 * time.Second

// rig has the transports of one test and helpers to listen and dial with them.
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

// pair returns the two ends of a new connection. Their deadline ends a test that hangs.
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

// inBackground runs f in a goroutine and returns a channel with its result.
//
// The goroutine belongs to the calling test, which receives the error. f ends when its
// event comes or the deadline of the connection passes.
func inBackground(f func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	return done
}
