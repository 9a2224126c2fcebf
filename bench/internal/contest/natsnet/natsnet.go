// Package natsnet lets NATS take part: embedded servers, and a client with a
// connection of its own for every node.
package natsnet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/smokesignal-go/smokesignal/bench/internal/check"
	"github.com/smokesignal-go/smokesignal/bench/internal/contest"
)

// Single is one server.
var Single = contest.Contestant{
	Name: "nats", Is: "NATS, one server, a client for every node",
	Open: func(ctx context.Context, c contest.Config) (contest.Net, error) { return open(ctx, c, 1) },
}

// Cluster is three servers, as one would run them.
var Cluster = contest.Contestant{
	Name: "nats-cluster", Is: "NATS, a cluster of three servers, a client for every node",
	Open: func(ctx context.Context, c contest.Config) (contest.Net, error) { return open(ctx, c, min(3, c.N)) },
}

// Many is a server for every node, 32 at most: no node depends on another
// machine's server, as in an overlay.
var Many = contest.Contestant{
	Name: "nats-cluster-32", Is: "NATS, a cluster of a server for every node, 32 at most",
	Slow: true,
	Open: func(ctx context.Context, c contest.Config) (contest.Net, error) { return open(ctx, c, min(32, c.N)) },
}

const (
	subject = "bench"
	probes  = "probes" // see awaitInterest
)

type broker struct {
	ledger  *check.Ledger
	servers []*server.Server
	clients []*nats.Conn
	bufs    [][]byte
	slow    net.Conn // the stalled client; nil before Stall

	probed []atomic.Bool // by server and client

	dropped, closed atomic.Uint64
}

func open(ctx context.Context, c contest.Config, servers int) (contest.Net, error) {
	b := &broker{ledger: c.Receive, bufs: make([][]byte, c.N), clients: make([]*nats.Conn, c.N), probed: make([]atomic.Bool, servers*c.N)}
	if err := b.form(ctx, servers); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

func (b *broker) form(ctx context.Context, servers int) error {
	if err := b.startServers(ctx, servers); err != nil {
		return err
	}
	errs := make([]error, len(b.clients))
	var all sync.WaitGroup
	for i := range b.clients {
		all.Go(func() { errs[i] = b.connect(ctx, i) }) // ours: connecting ends it
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return b.awaitInterest(ctx)
}

// connect makes the client of node i. A client does not hear itself.
func (b *broker) connect(ctx context.Context, i int) error {
	conn, err := nats.Connect(b.servers[i%len(b.servers)].ClientURL(),
		nats.NoEcho(),
		nats.NoReconnect(), // a client that was thrown out shall not come back unseen
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) { b.dropped.Add(1) }),
		nats.ClosedHandler(func(*nats.Conn) { b.closed.Add(1) }),
	)
	if err != nil {
		return fmt.Errorf("client %d: %w", i, err)
	}
	b.clients[i] = conn
	if _, err := conn.Subscribe(subject, func(m *nats.Msg) { b.ledger.ReceiveBytes(i, m.Data) }); err != nil {
		return fmt.Errorf("client %d: subscribe: %w", i, err)
	}
	if len(b.servers) > 1 {
		if _, err := conn.Subscribe(probes, func(m *nats.Msg) { b.probed[int(m.Data[0])*len(b.clients)+i].Store(true) }); err != nil {
			return fmt.Errorf("client %d: subscribe: %w", i, err)
		}
	}
	if err := conn.FlushWithContext(ctx); err != nil {
		return fmt.Errorf("client %d: flush: %w", i, err)
	}
	return nil
}

// Emit publishes. The client writes when its buffer is full, and from a
// goroutine of its own that every Publish wakes: nothing has to be flushed.
func (b *broker) Emit(m check.Message) error {
	b.bufs[m.From] = m.Append(b.bufs[m.From][:0])
	return b.clients[m.From].Publish(subject, b.bufs[m.From])
}

// Troubles are clients that the server gave up, and errors of subscriptions.
func (b *broker) Troubles() map[string]uint64 {
	var slow int64
	for _, s := range b.servers {
		slow += s.NumSlowConsumers()
	}
	closed := b.closed.Load()
	if b.slow != nil {
		closed-- // that was us
	}
	return map[string]uint64{
		"clients closed":      closed,
		"subscription errors": b.dropped.Load(),
		"slow consumers":      uint64(slow),
	}
}

// Close ends clients, then servers.
func (b *broker) Close() error {
	if b.slow != nil {
		b.slow.Close()
	}
	for _, conn := range b.clients {
		if conn != nil {
			conn.Close()
		}
	}
	for _, s := range b.servers {
		s.Shutdown()
		s.WaitForShutdown()
	}
	return nil
}

// poll asks again and again until done says true.
func poll(ctx context.Context, every time.Duration, what string, done func() bool) error {
	look := time.NewTicker(every)
	defer look.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, ctx.Err())
		case <-look.C:
		}
	}
	return nil
}
