package main

import (
	"context"
	"slices"
	"time"
)

const (
	killLimit   = 15 * time.Second
	returnLimit = 20 * time.Second
)

// killSeed kills the seed while the others talk, and waits until all they said
// is heard, nobody has a link to the seed any more, and the rest are whole.
func killSeed(ctx context.Context, c *cast, m *measure) error {
	c.newPhase()
	seed := c.actors[seedSeat]
	others := slices.DeleteFunc(c.alive(), func(a *actor) bool { return a == seed })
	if err := c.say("seed killed", 20, 50*time.Millisecond, others, others); err != nil {
		return err
	}
	// In the middle of it: when everybody has heard something.
	c.until(ctx, killLimit, func() bool {
		return !slices.ContainsFunc(others, func(a *actor) bool { _, heard := a.first[isHeard]; return !heard })
	})
	if err := seed.kill(); err != nil {
		return err
	}
	took, ok := c.until(ctx, killLimit, func() bool {
		return seed.gone && c.ledger.isHeard(others) && isWhole(others) && crossing(others, []*actor{seed}) == 0
	})
	m.within("the others whole, and all they said heard", took, ok)
	m.count(c)
	return nil
}

// returnSeed starts the seed again at its address, and waits until it is one of
// them: everybody hears it, it hears everybody, and all have the links they
// want. Its only seed is itself: it knows nobody, and must be found.
func returnSeed(ctx context.Context, c *cast, m *measure) error {
	c.newPhase()
	begin := time.Now()
	if err := c.enter(seedSeat); err != nil {
		return err
	}
	if _, ok := c.until(ctx, returnLimit, func() bool { return c.isEverybodyUp() && parts(c.alive()) == 1 }); !ok {
		m.within("the seed linked again", time.Since(begin), ok)
		m.count(c)
		return nil
	}
	m.note("one component again: %.2f s", time.Since(begin).Seconds())
	if err := c.say("seed back", 1, 0, c.alive(), c.alive()); err != nil {
		return err
	}
	var heard time.Duration
	_, ok := c.until(ctx, returnLimit, func() bool {
		setOnce(&heard, begin, c.ledger.isHeard(c.alive()))
		return heard > 0 && isWhole(c.alive())
	})
	m.within("the seed hears and is heard, and all have their links", time.Since(begin), ok)
	if heard > 0 {
		m.note("the seed hears and is heard: %.2f s", heard.Seconds())
	}
	m.count(c)
	return nil
}
