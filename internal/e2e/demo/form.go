package demo

import (
	"context"
	"fmt"
	"time"
)

const (
	seedSeat  = 0
	formLimit = 20 * time.Second
)

// form starts all nodes. It waits until each has its links, all form one component, and
// each has received a text of every other.
func form(ctx context.Context, c *cast, m *measure) error {
	c.NewPage()
	begin := time.Now()
	for seat := range 2 * perSide {
		if err := c.enter(seat); err != nil {
			return err
		}
		if seat == seedSeat { // wait for the seed, because otherwise the first dial of the others would fail
			if _, ok := c.Until(ctx, formLimit, c.IsEverybodyUp); !ok {
				return fmt.Errorf("the seed did not come up: %s", c.Actors[seat].LastWords())
			}
		}
	}
	started, ok := c.Until(ctx, formLimit, c.IsEverybodyUp)
	if !ok {
		return fmt.Errorf("not all nodes started within %v", started)
	}
	m.note("%d processes are up: %.2f s", len(c.Actors), time.Since(begin).Seconds())
	if err := c.Say("hello", 1, 0, c.Actors, c.Actors); err != nil {
		return err
	}
	var whole time.Duration
	_, ok = c.Until(ctx, formLimit, func() bool {
		setOnce(&whole, begin, isWhole(c.Actors))
		return whole > 0 && c.Ledger.IsHeard()
	})
	m.within("every node linked, and heard by every other", time.Since(begin), ok)
	if whole > 0 {
		m.note("one component, each with %d to %d links: %.2f s", minLinks, maxLinks, whole.Seconds())
	}
	m.count(c)
	return nil
}
