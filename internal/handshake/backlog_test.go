package handshake

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// A full backlog evicts its oldest connection, and not before that one had its grace.
func TestAFullBacklogEvictsTheOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Backlog
		start := time.Now()
		var conns []net.Conn
		add := func(ctx context.Context) (evicted net.Conn, ok bool) {
			conn, other := net.Pipe()
			other.Close()
			conns = append(conns, conn)
			ok = b.Add(ctx, conn, func() { conn.Close() }, func(c net.Conn) { evicted = c })
			return evicted, ok
		}
		for range MaxBacklog {
			if evicted, ok := add(t.Context()); evicted != nil || !ok {
				t.Fatal("no place, and it is not full")
			}
		}
		if evicted, ok := add(t.Context()); evicted != conns[0] || !ok || time.Since(start) < grace {
			t.Errorf("evicted the oldest: %v, added: %v, after %v", evicted == conns[0], ok, time.Since(start))
		}
		// One that has completed its handshake makes room without that.
		b.Remove(conns[1])
		if evicted, ok := add(t.Context()); evicted != nil || !ok {
			t.Error("a place that was free was not taken")
		}
		b.waiting[0].since = time.Now()
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if evicted, ok := add(ended); evicted != nil || ok {
			t.Error("added although the life is over")
		}
	})
}
