package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

const (
	seedSeat  = 0
	formLimit = 20 * time.Second
)

// form starts everybody, and waits until each has its links, all are one
// component, and everybody has heard everybody.
func form(ctx context.Context, c *cast, m *measure) error {
	c.newPhase()
	begin := time.Now()
	for seat := range 2 * perSide {
		if err := c.enter(seat); err != nil {
			return err
		}
		if seat == seedSeat { // else the others' first try would find nobody
			if _, ok := c.until(ctx, formLimit, c.isEverybodyUp); !ok {
				return fmt.Errorf("the seed did not come up: %s", lastLine(c.actors[seat]))
			}
		}
	}
	started, ok := c.until(ctx, formLimit, c.isEverybodyUp)
	if !ok {
		return fmt.Errorf("not everybody came up within %v", started)
	}
	m.note("%d processes are up: %.2f s", len(c.actors), time.Since(begin).Seconds())
	if err := c.say("hello", 1, 0, c.actors, c.actors); err != nil {
		return err
	}
	var whole time.Duration
	_, ok = c.until(ctx, formLimit, func() bool {
		setOnce(&whole, begin, isWhole(c.actors))
		return whole > 0 && c.ledger.isHeard(c.actors)
	})
	m.within("everybody linked, and heard by everybody", time.Since(begin), ok)
	if whole > 0 {
		m.note("one component, each with %d to %d links: %.2f s", minLinks, maxLinks, whole.Seconds())
	}
	m.count(c)
	return nil
}

// isEverybodyUp reports whether all that were started listen.
func (c *cast) isEverybodyUp() bool {
	return !slices.ContainsFunc(c.actors, func(a *actor) bool { return a.addr == "" })
}
