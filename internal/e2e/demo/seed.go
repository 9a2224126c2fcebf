package demo

import (
	"context"
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/e2e/cluster"
)

const (
	killLimit   = 15 * time.Second
	returnLimit = 20 * time.Second
)

// killSeed kills the seed while the others emit. It waits until all their texts have
// arrived, no node has a link to the seed, and the rest are whole.
func killSeed(ctx context.Context, c *cast, m *measure) error {
	c.NewPage()
	seed := c.Actors[seedSeat]
	others := slices.DeleteFunc(c.Alive(), func(a *cluster.Actor) bool { return a == seed })
	if err := c.Say("seed killed", 20, 50*time.Millisecond, others, others); err != nil {
		return err
	}
	// In the middle of the talk: every node has received something.
	c.Until(ctx, killLimit, func() bool {
		heard, _ := cluster.Reported(others, cluster.Heard)
		return heard == len(others)
	})
	if err := c.Kill(seed); err != nil {
		return err
	}
	took, ok := c.Until(ctx, killLimit, func() bool {
		return seed.Gone && c.Ledger.IsHeard() && isWhole(others) && cluster.Crossing(others, []*cluster.Actor{seed}) == 0
	})
	m.within("the others whole, and all their texts heard", took, ok)
	m.count(c)
	return nil
}

// returnSeed starts the seed again at its address and waits until it has joined: texts pass
// in both directions, and all nodes have enough links. Its only seed is itself, so it knows
// no node and the others must find it.
func returnSeed(ctx context.Context, c *cast, m *measure) error {
	c.NewPage()
	begin := time.Now()
	if err := c.enter(seedSeat); err != nil {
		return err
	}
	if _, ok := c.Until(ctx, returnLimit, func() bool { return c.IsEverybodyUp() && cluster.Parts(c.Alive()) == 1 }); !ok {
		m.within("the seed linked again", time.Since(begin), ok)
		m.count(c)
		return nil
	}
	m.note("one component again: %.2f s", time.Since(begin).Seconds())
	if err := c.Say("seed back", 1, 0, c.Alive(), c.Alive()); err != nil {
		return err
	}
	var heard time.Duration
	_, ok := c.Until(ctx, returnLimit, func() bool {
		setOnce(&heard, begin, c.Ledger.IsHeard())
		return heard > 0 && isWhole(c.Alive())
	})
	m.within("the seed hears and is heard, and all have their links", time.Since(begin), ok)
	if heard > 0 {
		m.note("the seed hears and is heard: %.2f s", heard.Seconds())
	}
	m.count(c)
	return nil
}
