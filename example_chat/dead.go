package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// A chat that crashes says no goodbye. Its neighbours notice that a link has ended: a
// moment after kill -9, or within five seconds if the node is silent. They survey all nodes
// of the network (smoke.Node.Survey). A person whose node is missing from two answers in a
// row is gone. A chat that finds one asks the others to survey, because not all of them
// were neighbours of the dead one.
const (
	// askPause precedes each survey, or up to twice as long. By then replaced links are up
	// again, and the chats do not all ask in the same second. A node relays eight surveys a
	// second for a neighbour and answers the rest as partial.
	askPause = time.Second
	// mostAsks limits the surveys of a chat while some node prevents a complete answer. A
	// dead node that is not detected yet does so for 5 s.
	mostAsks = 6
	// answersWithin limits one survey.
	answersWithin = 5 * time.Second
)

// suspect schedules a survey. In a large room that would cost too much if all chats did it;
// there only /nodes asks.
func (c *chat) suspect() {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.left || c.people.len() == 0 || c.people.len() > roomSize:
	case c.isAsking:
		c.askAgain = true
	default:
		c.isAsking = true
		// Ended by leave through c.ctx; leave waits for it.
		c.asking.Go(c.askAround)
	}
}

func (c *chat) onGone(smoke.Event, presence) { c.suspect() }

// askAround surveys until it is clear who is still there.
func (c *chat) askAround() {
	for again := true; again; {
		c.search()
		c.mu.Lock()
		again = c.askAgain && c.ctx.Err() == nil
		c.askAgain, c.isAsking = false, again
		c.mu.Unlock()
	}
}

// search surveys up to mostAsks times. It removes people who are missing twice in a row in
// complete answers, or in every answer.
func (c *chat) search() {
	absent := 0 // consecutive complete answers in which the same people were missing
	var missing map[smoke.ID]bool
	for range mostAsks {
		select {
		case <-time.After(askPause + rand.N(askPause)):
		case <-c.ctx.Done():
			return
		}
		began := time.Now()
		heard, _, whole, err := c.ask(c.ctx)
		if err != nil {
			return // the node is stopped
		}
		missing = c.missingFrom(heard, began, missing)
		if len(missing) == 0 {
			return
		}
		if absent++; !whole {
			absent = 0
		}
		if absent == 2 {
			break
		}
	}
	if c.bury(missing) > 0 {
		c.emitPresence("gone")
	}
}

// ask surveys all nodes. whole is false if some did not answer.
func (c *chat) ask(ctx context.Context) (heard map[smoke.ID]bool, nodes int, whole bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, answersWithin)
	defer cancel()
	heard = make(map[smoke.ID]bool)
	nodes, err = c.node.Survey(ctx, func(n smoke.NodeInfo) { heard[n.ID] = true })
	if errors.Is(err, smoke.ErrIncomplete) {
		return heard, nodes, false, nil
	}
	return heard, nodes, nodes == len(heard), err
}

// missingFrom returns the people who were known when a survey began and are not in its
// answers. If before is set, they must also be in it.
func (c *chat) missingFrom(heard map[smoke.ID]bool, began time.Time, before map[smoke.ID]bool) map[smoke.ID]bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	missing := make(map[smoke.ID]bool)
	for id, p := range c.people.people { // order does not matter: the result is a set
		if !heard[id] && p.heard.Before(began) && (before == nil || before[id]) {
			missing[id] = true
		}
	}
	return missing
}

// bury removes people and returns how many of them were still listed.
func (c *chat) bury(dead map[smoke.ID]bool) (buried int) {
	var lines []line
	c.mu.Lock()
	for _, p := range c.people.all() {
		if dead[p.id] {
			lines = append(lines, vanished(p.id, p.label))
		}
	}
	for id := range dead { // order does not matter: all are removed
		c.people.remove(id)
	}
	c.mu.Unlock()
	for _, l := range lines {
		c.view.show(l)
	}
	return len(lines)
}

// listNodes shows the people whose nodes answer, and the number of nodes.
func (c *chat) listNodes(ctx context.Context) {
	began := time.Now()
	heard, n, whole, err := c.ask(ctx)
	if err != nil {
		c.view.show(note("error", "can't count the network: "+err.Error()))
		return
	}
	missing := c.missingFrom(heard, began, nil)
	if whole {
		c.bury(missing)
	}
	c.mu.Lock()
	everybody := c.people.all()
	c.mu.Unlock()
	now := time.Now()
	for _, p := range everybody {
		c.view.show(known(p, now))
	}
	if len(missing) > 0 && !whole {
		c.view.show(note("nodes", "nodes that do not answer now: "+strconv.Itoa(len(missing))))
	}
	c.view.show(counted(n))
}
