package handshake

import (
	"context"
	"net"
	"slices"
	"sync"
	"time"
)

const (
	// MaxBacklog is how many connections may be in the handshake at the same time.
	MaxBacklog = 64
	// grace is what each of them has at least, when there are more.
	grace = 200 * time.Millisecond
)

// Backlog holds the connections that came in and are in the handshake. If there are too
// many, the oldest one that had its grace is evicted: a peer that means well completes the
// handshake in a few round trips, one that says nothing does not.
//
// It may be used by many goroutines.
type Backlog struct {
	mu      sync.Mutex // guards all below
	waiting []pending  // oldest first
}

// pending is one connection in the handshake.
type pending struct {
	conn   net.Conn
	since  time.Time
	cancel context.CancelFunc // ends the handshake, and with it the connection
}

// Add adds a connection. It blocks until there is a place, and reports false if ctx ends
// first. It calls evicted for each connection that it evicts, before that one is cancelled.
func (b *Backlog) Add(ctx context.Context, conn net.Conn, cancel context.CancelFunc, evicted func(net.Conn)) bool {
	for {
		b.mu.Lock()
		now := time.Now()
		if len(b.waiting) < MaxBacklog {
			b.waiting = append(b.waiting, pending{conn, now, cancel})
			b.mu.Unlock()
			return true
		}
		oldest := b.waiting[0]
		left := grace - now.Sub(oldest.since)
		if left <= 0 {
			b.waiting = b.waiting[1:]
		}
		b.mu.Unlock()
		if left <= 0 {
			evicted(oldest.conn)
			oldest.cancel()
			continue
		}
		select {
		case <-time.After(min(left, grace/8)): // one may have left by itself
		case <-ctx.Done():
			return false
		}
	}
}

// Remove takes a connection out, whether its handshake is complete or has failed.
func (b *Backlog) Remove(conn net.Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = slices.DeleteFunc(b.waiting, func(p pending) bool { return p.conn == conn })
}
