package demo

import (
	"context"
	"time"
)

const talkLimit = 10 * time.Second

// talk makes all nodes emit twenty texts at once.
func talk(ctx context.Context, c *cast, m *measure) error {
	c.NewPage()
	if err := c.Say("talk", 20, 0, c.Alive(), c.Alive()); err != nil {
		return err
	}
	took, ok := c.Until(ctx, talkLimit, c.Ledger.IsHeard)
	m.within("all heard", took, ok)
	m.count(c)
	return nil
}
