// Package natsnet is the adapter of NATS. It runs embedded servers, and for every node a client
// with its own connection.
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

// Single has one server.
var Single = contest.Contestant{
	Name: "nats", Is: "NATS, one server, a client for every node",
	Open: func(ctx context.Context, c contest.Config) (contest.Net, error) { return open(ctx, c, 1) },
}

// Cluster has three servers, which is usual in production.
var Cluster = contest.Contestant{
	Name: "nats-cluster", Is: "NATS, a cluster of three servers, a client for every node",
	Open: func(ctx context.Context, c contest.Config) (contest.Net, error) { return open(ctx, c, min(3, c.N)) },
}

// Many has a server for every node, at most 32. So nodes do not depend on another machine's
// server, as in an overlay.
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

	probed []atomic.Bool // by server and client: the client got a probe by way of the server

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
		all.Go(func() { errs[i] = b.connect(ctx, i) }) // owner: this call; ends with connect
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return b.awaitInterest(ctx)
}

// connect makes the client of node i. A client does not get its own messages.
func (b *broker) connect(ctx context.Context, i int) error {
	conn, err := nats.Connect(b.servers[i%len(b.servers)].ClientURL(),
		nats.NoEcho(),
		nats.NoReconnect(), // if the server disconnects a client, the measurement must show it
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

// Emit publishes a message. The client writes when its buffer is full, and on a goroutine that
// every Publish wakes, so the adapter need not flush.
func (b *broker) Emit(m check.Message) error {
	b.bufs[m.From] = m.Append(b.bufs[m.From][:0])
	return b.clients[m.From].Publish(subject, b.bufs[m.From])
}

// Troubles counts clients that the server disconnected, and errors of subscriptions.
func (b *broker) Troubles() map[string]uint64 {
	var slow int64
	for _, s := range b.servers {
		slow += s.NumSlowConsumers()
	}
	closed := b.closed.Load()
	if b.slow != nil {
		closed-- // Stall has closed the last node's own client
	}
	return map[string]uint64{
		"clients closed":      closed,
		"subscription errors": b.dropped.Load(),
		"slow consumers":      uint64(slow),
	}
}

// Close ends the clients, then the servers.
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

// poll calls done at intervals until it returns true.
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
