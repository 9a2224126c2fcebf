// Package redisnet is the adapter of Redis. It runs one redis-server in its own process. Every
// node has a client that subscribes and publishes over one connection, and that sends all waiting
// PUBLISH commands in one pipeline.
package redisnet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/redis/rueidis"

	"github.com/smokesignal-go/smokesignal/bench/internal/check"
	"github.com/smokesignal-go/smokesignal/bench/internal/contest"
)

// PubSub is Redis with PUBLISH and SUBSCRIBE.
var PubSub = contest.Contestant{
	Name: "redis", Is: "Redis pub/sub, PUBLISH in pipelines",
	Open: open,
}

const channel = "bench"

// pipelineMost is how many messages of a sender may wait for Redis.
const pipelineMost = 512

type broker struct {
	ledger  *check.Ledger
	server  *redisServer
	clients []*client
	running sync.WaitGroup // all goroutines of this adapter
	ended   atomic.Uint64  // subscriptions that ended before Close
	failed  atomic.Uint64  // PUBLISH commands that failed
	closing atomic.Bool
	stalled net.Conn // nil before Stall
}

type client struct {
	redis  rueidis.Client
	number int

	mu      sync.Mutex // guards all below
	changed sync.Cond
	pending []string // messages that wait for the next pipeline
	closed  bool
}

func open(ctx context.Context, c contest.Config) (contest.Net, error) {
	server, err := startServer(ctx)
	if err != nil {
		return nil, err
	}
	b := &broker{ledger: c.Receive, server: server, clients: make([]*client, c.N)}
	errs := make([]error, c.N)
	var all sync.WaitGroup
	for i := range b.clients {
		all.Go(func() { errs[i] = b.connect(ctx, i) }) // owner: this call; ends with connect
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// connect makes the client of node i.
func (b *broker) connect(ctx context.Context, i int) error {
	redis, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress:       []string{b.server.addr},
		ForceSingleClient: true,
		DisableCache:      true,
		AlwaysPipelining:  true,
		PipelineMultiplex: -1, // one connection
		// The default buffers of half a megabyte for each connection would be most of the
		// memory of a hundred nodes, and make nothing faster here.
		ReadBufferEachConn: 64 << 10, WriteBufferEachConn: 64 << 10,
	})
	if err != nil {
		return fmt.Errorf("client %d: %w", i, err)
	}
	c := &client{redis: redis, number: i}
	c.changed.L = &c.mu
	b.clients[i] = c
	subscribed := make(chan struct{})
	var once sync.Once
	hear := rueidis.WithOnSubscriptionHook(context.Background(), func(rueidis.PubSubSubscription) { once.Do(func() { close(subscribed) }) })
	failed := make(chan error, 1)
	b.running.Go(func() { // owner: the broker; ends when the client is closed, and Close waits
		failed <- redis.Receive(hear, redis.B().Subscribe().Channel(channel).Build(), func(m rueidis.PubSubMessage) {
			// The ledger only reads.
			b.ledger.ReceiveBytes(i, unsafe.Slice(unsafe.StringData(m.Message), len(m.Message)))
		})
		if !b.closing.Load() {
			b.ended.Add(1)
		}
	})
	select {
	case <-subscribed:
	case err := <-failed:
		return fmt.Errorf("client %d: subscribe: %w", i, err)
	case <-ctx.Done():
		return fmt.Errorf("client %d: subscribe: %w", i, ctx.Err())
	}
	b.running.Go(func() { b.publish(c) }) // likewise
	return nil
}

// Emit puts a message into the next pipeline. It waits while that is full.
func (b *broker) Emit(m check.Message) error {
	c := b.clients[m.From]
	text := rueidis.BinaryString(m.Append(make([]byte, 0, check.HeaderSize+len(m.Body))))
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.pending) >= pipelineMost && !c.closed {
		c.changed.Wait()
	}
	if c.closed {
		return net.ErrClosed
	}
	c.pending = append(c.pending, text)
	c.changed.Broadcast()
	return nil
}

// publish sends one pipeline after another.
func (b *broker) publish(c *client) {
	var batch []string
	for {
		c.mu.Lock()
		for len(c.pending) == 0 && !c.closed {
			c.changed.Wait()
		}
		if c.closed {
			c.mu.Unlock()
			return
		}
		batch, c.pending = c.pending, batch[:0]
		c.changed.Broadcast()
		c.mu.Unlock()
		commands := make(rueidis.Commands, len(batch))
		for i, text := range batch {
			commands[i] = c.redis.B().Publish().Channel(channel).Message(text).Build()
		}
		for _, r := range c.redis.DoMulti(context.Background(), commands...) {
			if r.Error() != nil {
				b.failed.Add(1)
			}
		}
	}
}

// Processes returns the server's process.
func (b *broker) Processes() []int { return []int{b.server.cmd.Process.Pid} }

// Troubles counts subscriptions that Redis ended, and messages that it refused.
func (b *broker) Troubles() map[string]uint64 {
	ended := b.ended.Load()
	if b.stalled != nil && ended > 0 {
		ended-- // Stall has ended the subscription of the last node
	}
	return map[string]uint64{"subscriptions ended": ended, "PUBLISHes that failed": b.failed.Load()}
}

// Close ends the clients, then the server.
func (b *broker) Close() error {
	b.closing.Store(true)
	for _, c := range b.clients {
		if c == nil {
			continue
		}
		c.mu.Lock()
		c.closed = true
		c.changed.Broadcast()
		c.mu.Unlock()
		c.redis.Close()
	}
	b.running.Wait()
	if b.stalled != nil {
		b.stalled.Close()
	}
	return b.server.stop()
}
