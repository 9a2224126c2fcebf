package main

import (
	"context"
	"slices"
	"time"
)

const stopLimit = 10 * time.Second

// stopAll has everybody stop, and waits for the processes to end well.
func stopAll(ctx context.Context, c *cast, m *measure) error {
	c.newPhase()
	staying := c.alive()
	for _, a := range staying {
		if err := a.tell(order{Stop: true}); err != nil {
			return err
		}
	}
	took, ok := c.until(ctx, stopLimit, func() bool {
		return !slices.ContainsFunc(staying, func(a *actor) bool { return !a.gone })
	})
	m.within("everybody stopped", took, ok)
	m.count(c)
	return nil
}
