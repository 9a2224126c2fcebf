// Package contesttest has the tests that every contestant must pass: it forms a network, carries
// messages, and leaves no goroutine or process behind.
package contesttest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/bench/internal/check"
	"github.com/smokesignal-go/smokesignal/bench/internal/contest"
)

const (
	nodes  = 4
	count  = 1000
	size   = 128
	within = time.Minute // the time limit of a test that hangs, not a mark
	ahead  = 25          // how many messages of one node may be under way, so that a system without backpressure loses none
)

// Carry sends a thousand messages, a quarter from each of four nodes. Each message must arrive at
// the three other nodes, once and unchanged, and in order if the system promises that.
func Carry(t *testing.T, c contest.Contestant, inOrder bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	ledger := check.NewLedger(nodes, size)
	net := Open(ctx, t, c, ledger)
	for i := range count {
		from := i % nodes
		if err := net.Emit(ledger.Next(from, 0)); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
		ledger.Sent(from)
		if i%(ahead*nodes) == ahead*nodes-1 {
			await(ctx, t, ledger)
		}
	}
	await(ctx, t, ledger)
	got := ledger.Counts()
	if !inOrder {
		got.Reordered = 0
	}
	if want := (check.Counts{Sent: uint64(count), Delivered: uint64(count * (nodes - 1))}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if troubled, ok := net.(contest.Troubled); ok {
		for what, n := range troubled.Troubles() {
			if n > 0 {
				t.Errorf("%s: %d", what, n)
			}
		}
	}
	if d, ok := net.(contest.Datagrams); ok && d.BytesSent() == 0 {
		t.Error("it sent messages and no bytes")
	}
	if err := net.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// Stall makes the last of four nodes stop reading. The others must still get messages, and the
// adapter must report the state of the stalled node.
func Stall(t *testing.T, c contest.Contestant) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	ledger := check.NewLedger(nodes, size)
	net := Open(ctx, t, c, ledger)
	staller := net.(contest.Staller)
	if staller.Out() {
		t.Error("the last node is out before it has stalled")
	}
	if err := staller.Stall(); err != nil {
		t.Fatal(err)
	}
	if err := net.Emit(ledger.Next(0, 0)); err != nil {
		t.Fatal(err)
	}
	ledger.Sent(0)
	poll(ctx, t, "the others' delivery", func() bool {
		return ledger.SlowestOf(0, func(to int) bool { return to == nodes-1 }) == 1
	})
	staller.Out() // its result is not checked: it depends on the system, and changes after seconds
	if err := net.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// Open forms a network of four nodes. If the system is not installed on this machine, the test is
// skipped with a message.
func Open(ctx context.Context, t *testing.T, c contest.Contestant, ledger *check.Ledger) contest.Net {
	t.Helper()
	net, err := c.Open(ctx, contest.Config{N: nodes, Size: size, Seed: 1, Stallable: true, Receive: ledger})
	var missing *contest.Missing
	if errors.As(err, &missing) {
		t.Skipf("!! %s is NOT tested: %s", c.Name, missing.Why)
	}
	if err != nil {
		t.Fatal(err)
	}
	return net
}

// await waits until all sent messages have arrived.
func await(ctx context.Context, t *testing.T, ledger *check.Ledger) {
	t.Helper()
	poll(ctx, t, "all deliveries", func() bool {
		c := ledger.Counts()
		return c.Absent+c.Skipped == 0
	})
}

func poll(ctx context.Context, t *testing.T, what string, done func() bool) {
	t.Helper()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			t.Fatalf("wait for %s: %v", what, ctx.Err())
		case <-look.C:
		}
	}
}
