package demo

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/e2e/cluster"
)

const (
	cutLimit  = 30 * time.Second // more than enough: a seed counts as lost after about ten seconds of silence
	joinLimit = 20 * time.Second
)

// cutInTwo disconnects the halves while all nodes emit. It waits until no link crosses,
// each half is whole and has received its own texts, and the half without the seed reports
// the seed as lost. The halves stay apart for at least apartFor. After a short partition
// they merge without a netsplit, because only settled components report one.
func cutInTwo(ctx context.Context, c *cast, m *measure) error {
	c.NewPage()
	lefts, rights := c.on(left), c.on(right)
	across := func() int { return max(cluster.Crossing(lefts, rights), cluster.Crossing(rights, lefts)) }
	before := across()
	if err := c.rig.cut(); err != nil {
		return err
	}
	begin := time.Now()
	if err := c.sayApart("cut", 200*time.Millisecond, lefts, rights); err != nil {
		return err
	}
	var first, last, halves, noticed time.Duration
	steady, problem := false, error(nil)
	_, ok := c.Until(ctx, cutLimit+apartFor, func() bool {
		if halves > 0 && !steady {
			steady = true
			problem = c.sayOn(begin, lefts, rights)
		}
		links := across()
		setOnce(&first, begin, links < before)
		setOnce(&last, begin, links == 0)
		setOnce(&halves, begin, links == 0 && isWhole(lefts) && isWhole(rights) && c.Ledger.IsHeard())
		lost, _ := cluster.Reported(rights, cluster.SeedLost)
		setOnce(&noticed, begin, halves > 0 && lost > 0)
		return noticed > 0 && time.Since(begin) > apartFor && (rate == 0 || c.Ledger.IsHeard())
	})
	if problem != nil {
		return problem
	}
	if noticed == 0 {
		noticed = time.Since(begin)
	}
	m.within("no link across, each half whole and heard by itself, the lost seed reported", noticed, ok)
	if last > 0 {
		m.note("%d links led across: the first was given up after %.2f s, the last after %.2f s", before, first.Seconds(), last.Seconds())
	}
	if halves > 0 {
		m.note("each half whole, and heard by itself: %.2f s", halves.Seconds())
	}
	m.noteTold("the half without the seed", rights, begin, cluster.SeedLost, cluster.Netsplit)

	// Now that the nodes have noticed, each half emits again.
	if err := c.sayApart("apart", 0, lefts, rights); err != nil {
		return err
	}
	if _, ok := c.Until(ctx, talkLimit, c.Ledger.IsHeard); !ok {
		m.fellShort("not in %v: each half heard by itself while apart", talkLimit)
	}
	m.count(c)
	return nil
}

// sayApart makes all nodes emit ten texts that only their own half can receive.
func (c *cast) sayApart(topic string, every time.Duration, halves ...[]*cluster.Actor) error {
	for _, half := range halves {
		if err := c.Say(topic, 10, every, half, half); err != nil {
			return err
		}
	}
	return nil
}

// sayOn makes all nodes emit at the given rate while the halves are apart.
func (c *cast) sayOn(begin time.Time, halves ...[]*cluster.Actor) error {
	left := apartFor - time.Since(begin)
	speakers := len(c.Alive())
	if rate == 0 || left <= 0 {
		return nil
	}
	every := time.Duration(speakers) * time.Second / time.Duration(rate)
	for _, half := range halves {
		if err := c.Say("steady", max(int(left/every), 1), every, half, half); err != nil {
			return err
		}
	}
	return nil
}

// joinAgain reconnects the halves. It waits until there is one component, each half has
// received the other's texts, and all nodes have reported the netsplit and its heal.
func joinAgain(ctx context.Context, c *cast, m *measure) error {
	apart := c.Ledger // the ledger of the texts that were emitted during the partition
	c.NewPage()
	c.Ledger = apart
	everybody := c.Alive()
	c.Ledger.Widen(everybody)
	if err := c.rig.heal(); err != nil {
		return err
	}
	begin := time.Now()
	var one, heard time.Duration
	_, ok := c.Until(ctx, joinLimit, func() bool {
		setOnce(&one, begin, cluster.Parts(everybody) == 1)
		setOnce(&heard, begin, one > 0 && isWhole(everybody) && c.Ledger.IsHeard())
		split, _ := cluster.Reported(everybody, cluster.Netsplit)
		healed, _ := cluster.Reported(everybody, cluster.Healed)
		return heard > 0 && split == len(everybody) && healed == len(everybody)
	})
	m.within("one component, all texts of the partition received by all nodes, the split and its end reported by all", time.Since(begin), ok)
	if heard > 0 {
		m.note("one component: %.2f s; all texts of the partition received: %.2f s", one.Seconds(), heard.Seconds())
	}
	m.noteTold("the nodes", everybody, begin, cluster.Netsplit, cluster.Healed)
	m.count(c)
	return nil
}

// setOnce records how long after begin a condition first holds.
func setOnce(took *time.Duration, begin time.Time, holds bool) {
	if *took == 0 && holds {
		*took = time.Since(begin)
	}
}

// noteTold records which hooks ran, on how many nodes, and when the first one ran.
func (m *measure) noteTold(whom string, actors []*cluster.Actor, begin time.Time, kinds ...cluster.Kind) {
	var words []string
	for _, kind := range kinds {
		count, first := cluster.Reported(actors, kind)
		if count == 0 {
			words = append(words, fmt.Sprintf("%s on none", kind))
			continue
		}
		words = append(words, fmt.Sprintf("%s on %d after %.2f s", kind, count, first.Sub(begin).Seconds()))
	}
	m.note("reported by %s: %s", whom, strings.Join(words, ", "))
}
