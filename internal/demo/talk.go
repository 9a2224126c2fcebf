package main

import (
	"context"
	"time"
)

const talkLimit = 10 * time.Second

// talk has everybody say twenty things at once.
func talk(ctx context.Context, c *cast, m *measure) error {
	c.newPhase()
	if err := c.say("talk", 20, 0, c.alive(), c.alive()); err != nil {
		return err
	}
	took, ok := c.until(ctx, talkLimit, func() bool { return c.ledger.isHeard(c.alive()) })
	m.within("all heard", took, ok)
	m.count(c)
	return nil
}
