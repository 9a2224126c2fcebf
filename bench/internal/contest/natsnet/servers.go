package natsnet

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// startServers starts servers that listen on free ports; more than one make a
// full mesh of routes.
func (b *broker) startServers(ctx context.Context, count int) error {
	var routes []*url.URL // of the first server, from whom the others learn the rest
	for i := range count {
		opts := &server.Options{
			ServerName: fmt.Sprintf("bench-%d", i),
			Host:       "127.0.0.1", Port: server.RANDOM_PORT,
			NoLog: true, NoSigs: true,
		}
		if count > 1 {
			opts.Cluster = server.ClusterOpts{Name: "bench", Host: "127.0.0.1", Port: server.RANDOM_PORT}
			opts.Routes = routes
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
			return errors.New("a server does not get ready")
		}
		if i == 0 && count > 1 {
			routes = []*url.URL{{Scheme: "nats", Host: s.ClusterAddr().String()}}
		}
	}
	if count == 1 {
		return nil
	}
	return poll(ctx, "connect the servers", func() bool {
		for _, s := range b.servers {
			// Two servers may keep several routes, for which NumRoutes counts.
			if s.NumRoutes() < count-1 {
				return false
			}
		}
		return true
	})
}

// awaitInterest waits until every server knows of every subscription.
func (b *broker) awaitInterest(ctx context.Context) error {
	if len(b.servers) == 1 {
		return nil // each client has asked the server itself
	}
	return poll(ctx, "spread the subscriptions", func() bool {
		for _, s := range b.servers {
			if int(s.NumSubscriptions()) < len(b.clients) {
				return false
			}
		}
		return true
	})
}
