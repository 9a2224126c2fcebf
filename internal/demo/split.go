package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

const (
	cutLimit  = 20 * time.Second
	joinLimit = 20 * time.Second
)

// cutInTwo pulls the cable between the halves while everybody talks, and waits
// until no link leads across, and each half is whole and has heard all that was
// said in it.
func cutInTwo(ctx context.Context, c *cast, m *measure) error {
	c.newPhase()
	before := crossing(c.on(left), c.on(right))
	if err := c.rig.cut(); err != nil {
		return err
	}
	begin := time.Now()
	for _, half := range [][]*actor{c.on(left), c.on(right)} {
		if err := c.say("cut", 10, 200*time.Millisecond, half, half); err != nil {
			return err
		}
	}
	var firstGone, allGone time.Duration
	_, ok := c.until(ctx, cutLimit, func() bool {
		links := max(crossing(c.on(left), c.on(right)), crossing(c.on(right), c.on(left)))
		if firstGone == 0 && links < before {
			firstGone = time.Since(begin)
		}
		if allGone == 0 && links == 0 {
			allGone = time.Since(begin)
		}
		return links == 0 && isWhole(c.on(left)) && isWhole(c.on(right)) && c.halvesHeard()
	})
	m.within("no link across, each half whole and heard by itself", time.Since(begin), ok)
	if allGone > 0 {
		m.note("%d links led across: the first was given up after %.2f s, the last after %.2f s", before, firstGone.Seconds(), allGone.Seconds())
	}
	c.noteTold(m, begin, isSeedLost, isNetsplit)

	// And now that they know: each half talks on.
	for _, half := range [][]*actor{c.on(left), c.on(right)} {
		if err := c.say("apart", 10, 0, half, half); err != nil {
			return err
		}
	}
	if _, ok := c.until(ctx, talkLimit, c.halvesHeard); !ok {
		m.fellShort("not in %v: each half heard by itself while apart", talkLimit)
	}
	m.count(c)
	return nil
}

// halvesHeard reports whether each half heard all that was said in it.
func (c *cast) halvesHeard() bool { return c.ledger.isHeard(c.alive()) }

// joinAgain puts the cable back, and waits until there is one component and
// each half has heard what the other said meanwhile.
func joinAgain(ctx context.Context, c *cast, m *measure) error {
	apart := c.ledger // said during the cut
	c.newPhase()
	c.ledger = apart
	everybody := c.alive()
	c.ledger.widen(everybody)
	if err := c.rig.heal(); err != nil {
		return err
	}
	begin := time.Now()
	var one time.Duration
	_, ok := c.until(ctx, joinLimit, func() bool {
		if one == 0 && parts(everybody) == 1 {
			one = time.Since(begin)
		}
		return one > 0 && isWhole(everybody) && c.ledger.isHeard(everybody)
	})
	m.within("one component, and all that was said apart heard by all", time.Since(begin), ok)
	if one > 0 {
		m.note("one component: %.2f s", one.Seconds())
	}
	c.noteTold(m, begin, isNetsplit, isHealed)
	m.count(c)
	return nil
}

// noteTold says which hooks told the program of it, on how many nodes, and when
// the first did.
func (c *cast) noteTold(m *measure, begin time.Time, kinds ...reportKind) {
	var words []string
	for _, kind := range kinds {
		count, first := c.told(kind)
		if count == 0 {
			words = append(words, fmt.Sprintf("%s on none", kind))
			continue
		}
		words = append(words, fmt.Sprintf("%s on %d after %.2f s", kind, count, first.Sub(begin).Seconds()))
	}
	m.note("told: %s", strings.Join(words, ", "))
}
