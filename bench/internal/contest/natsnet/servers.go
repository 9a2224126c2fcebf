package natsnet

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// startServers starts servers that listen on free ports. Several servers form a full mesh
// of routes. Each gets the addresses of those that were started before it, which must be
// ready. (If each got only the first address and all started at once, 32 servers sometimes
// never formed a mesh.)
func (b *broker) startServers(ctx context.Context, count int) error {
	var routes []*url.URL
	for i := range count {
		opts := &server.Options{
			ServerName: fmt.Sprintf("bench-%d", i),
			Host:       "127.0.0.1", Port: server.RANDOM_PORT,
			NoLog: true, NoSigs: true,
		}
		if count > 1 {
			opts.Cluster = server.ClusterOpts{Name: "bench", Host: "127.0.0.1", Port: server.RANDOM_PORT}
			opts.Routes = slices.Clone(routes)
		}
		s, err := server.NewServer(opts)
		if err != nil {
			return fmt.Errorf("server %d: %w", i, err)
		}
		b.servers = append(b.servers, s)
		s.Start()
		wait := 10 * time.Second
		if until, ok := ctx.Deadline(); ok {
			wait = time.Until(until)
		}
		if !s.ReadyForConnections(wait) {
			return fmt.Errorf("server %d is not ready after %v", i, wait)
		}
		if count > 1 {
			routes = append(routes, &url.URL{Scheme: "nats", Host: s.ClusterAddr().String()})
		}
	}
	return poll(ctx, time.Millisecond, "wait for the servers", func() bool {
		for _, s := range b.servers {
			if s.NumRemotes() < count-1 {
				return false
			}
		}
		return true
	})
}

// awaitInterest waits until every server knows every subscription. One client of each server
// publishes probes. When all clients have got a probe by way of each server, all subscriptions
// are known: clients subscribe to the probes last, and servers announce subscriptions in order.
func (b *broker) awaitInterest(ctx context.Context) error {
	if len(b.servers) == 1 {
		return nil // each client has flushed, so the server knows its subscriptions
	}
	// A round of probes makes thousands of deliveries. Rounds must not start faster than
	// these are made.
	const every = 20 * time.Millisecond
	return poll(ctx, every, "spread the subscriptions", func() bool {
		all := true
		for from := range b.servers { // client number from is connected to server from
			missing := false
			for to := range b.clients {
				missing = missing || to != from && !b.probed[from*len(b.clients)+to].Load()
			}
			if missing {
				all = false
				// If Publish fails, the probe does not arrive, and poll times out.
				_ = b.clients[from].Publish(probes, []byte{byte(from)})
			}
		}
		return all
	})
}
