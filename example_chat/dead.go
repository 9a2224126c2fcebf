package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// A chat that crashes says no good-bye. Its neighbours notice that a link has ended,
// within a moment of kill -9 and within five seconds where nothing is heard any more.
// They ask all nodes of the network (smoke.Node.Survey); a person whose node is missing
// in two answers in a row is gone. A chat that finds one tells the others to ask, since
// not all of them were neighbours of the dead.
const (
	// askPause lies before each question, or up to twice as much: links that were swapped
	// are up again by then, and the chats do not all ask in the same second. A node passes
	// on eight questions a second of a neighbour, and calls the answers to more partial.
	askPause = time.Second
	// mostAsks is how often a chat asks while some node keeps it from a whole answer,
	// such as one that is dead and not yet found to be: that takes 5 s.
	mostAsks = 6
	// answersWithin bounds how long one question may take.
	answersWithin = 5 * time.Second
)

// suspect has the chat ask around soon. In a large room it would cost too much if all
// did; there /nodes asks.
func (c *chat) suspect() {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.left || c.people.len() == 0 || c.people.len() > roomSize:
	case c.isAsking:
		c.askAgain = true
	default:
		c.isAsking = true
		// leave ends it by c.ctx, and waits.
		c.asking.Go(c.askAround)
	}
}

func (c *chat) onGone(smoke.Event, presence) { c.suspect() }

// askAround asks until it is clear who is still there.
func (c *chat) askAround() {
	for again := true; again; {
		c.search()
		c.mu.Lock()
		again = c.askAgain && c.ctx.Err() == nil
		c.askAgain, c.isAsking = false, again
		c.mu.Unlock()
	}
}

// search asks up to mostAsks times, and buries who was missing twice in a row in whole
// answers, or each time.
func (c *chat) search() {
	absent := 0 // answers in a row, whole ones, in which the same people were missing
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

// ask asks all nodes. whole is false if some did not answer.
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

// missingFrom returns the people who were known when a question began, are not among
// those that answered, and were missing before too, if that was asked.
func (c *chat) missingFrom(heard map[smoke.ID]bool, began time.Time, before map[smoke.ID]bool) map[smoke.ID]bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	missing := make(map[smoke.ID]bool)
	for id, p := range c.people.people { // order does not matter: it makes a set
		if !heard[id] && p.heard.Before(began) && (before == nil || before[id]) {
			missing[id] = true
		}
	}
	return missing
}

// bury removes people, and returns how many of them were still listed.
func (c *chat) bury(dead map[smoke.ID]bool) (buried int) {
	var lines []line
	c.mu.Lock()
	for _, p := range c.people.all() {
		if dead[p.id] {
			lines = append(lines, vanished(p.id, p.label))
		}
	}
	for id := range dead { // order does not matter: all of them go
		c.people.remove(id)
	}
	c.mu.Unlock()
	for _, l := range lines {
		c.view.show(l)
	}
	return len(lines)
}

// listNodes shows the people whose nodes answer, and counts the network.
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
