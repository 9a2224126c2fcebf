package demo

import (
	"context"
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/e2e/cluster"
)

const stopLimit = 10 * time.Second

// stopAll stops all nodes and waits until their processes have ended without an error.
func stopAll(ctx context.Context, c *cast, m *measure) error {
	c.NewPage()
	staying := c.Alive()
	for _, a := range staying {
		if err := a.Tell(cluster.Order{Stop: true}); err != nil {
			return err
		}
	}
	took, ok := c.Until(ctx, stopLimit, func() bool {
		return !slices.ContainsFunc(staying, func(a *cluster.Actor) bool { return !a.Gone })
	})
	m.within("everybody stopped", took, ok)
	m.count(c)
	return nil
}
