package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// cast is all the actors, by seat. The first half sits on the left side, the
// seed in seat 0. Only the story's goroutine uses it.
type cast struct {
	rig      rig
	screen   *screen
	verbose  bool
	arrivals chan news
	actors   []*actor // by seat; those who have gone too
	former   []*actor // those whose seat was taken again
	ledger   ledger
	gaps     int // told of up to the last phase
}

func newCast(rig rig, screen *screen, verbose bool) *cast {
	return &cast{rig: rig, screen: screen, verbose: verbose, arrivals: make(chan news, 1024)}
}

// side of a seat.
func side(seat int) string {
	if seat < perSide {
		return left
	}
	return right
}

// enter starts a node in a seat, a new one or one whose node has gone. Everybody
// has the same seed, the seed too.
func (c *cast) enter(seat int) error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	a, err := launch(seat, c.rig.command(seat, program), c.verbose, c.arrivals)
	if err != nil {
		return err
	}
	if seat < len(c.actors) {
		c.former = append(c.former, c.actors[seat])
		c.actors[seat] = a
	} else {
		c.actors = append(c.actors, a)
	}
	return nil
}

// until takes news in until done says so, and reports whether it did within the
// limit, or before ctx ended.
func (c *cast) until(ctx context.Context, limit time.Duration, done func() bool) (took time.Duration, ok bool) {
	begin := time.Now()
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if done() {
			return time.Since(begin), true
		}
		select {
		case n := <-c.arrivals:
			c.take(n)
			c.takeWaiting()
		case <-tick.C:
			c.screen.progress(time.Since(begin), c)
		case <-timeout.C:
			return time.Since(begin), false
		case <-ctx.Done():
			return time.Since(begin), false
		}
	}
}

// takeWaiting takes in what has arrived already: done may be a long sum.
func (c *cast) takeWaiting() {
	for {
		select {
		case n := <-c.arrivals:
			c.take(n)
		default:
			return
		}
	}
}

// take learns from news, and tells the rig where a node that came up lies.
func (c *cast) take(n news) {
	n.actor.take(n, time.Now())
	if !n.gone && n.report.Is == isUp {
		c.rig.placed(n.actor.seat, n.actor.addr)
	}
}

// alive lists those who are there.
func (c *cast) alive() []*actor {
	var there []*actor
	for _, a := range c.actors {
		if !a.gone && !a.killed {
			there = append(there, a)
		}
	}
	return there
}

// on lists those who are there on one side.
func (c *cast) on(name string) []*actor {
	var there []*actor
	for _, a := range c.alive() {
		if side(a.seat) == name {
			there = append(there, a)
		}
	}
	return there
}

// newPhase forgets when reports came, and begins a new page of the ledger.
func (c *cast) newPhase() {
	for _, a := range c.actors {
		clear(a.first)
	}
	c.ledger = ledger{}
}

// say has each speaker say n texts, meant for all of the audience but itself.
func (c *cast) say(topic string, n int, every time.Duration, speakers, audience []*actor) error {
	for _, speaker := range speakers {
		o := order{Every: every}
		for i := range n {
			text := fmt.Sprintf("%s %d.%d", topic, speaker.seat, i)
			o.Say = append(o.Say, text)
			c.ledger.add(text, speaker, audience)
		}
		if err := speaker.tell(o); err != nil {
			return err
		}
	}
	return nil
}

// told counts those of the actors that reported a kind since the phase began,
// and says when the first one did.
func told(actors []*actor, kind reportKind) (count int, first time.Time) {
	for _, a := range actors {
		if at, told := a.first[kind]; told {
			count++
			if first.IsZero() || at.Before(first) {
				first = at
			}
		}
	}
	return count, first
}

// settle completes a measurement with what holds in every phase: nobody died
// who was not killed, and no message was given up.
func (c *cast) settle(m *measure) {
	gaps := 0
	for _, a := range append(c.former, c.actors...) {
		gaps += a.told[isGap]
		if a.gone && !a.killed && a.exit != nil {
			m.fellShort("node %d ended by itself: %v: %s", a.seat, a.exit, lastLine(a))
			a.killed = true // told once
		}
	}
	if gaps > c.gaps {
		m.fellShort("%d times a node was told that messages are lost for good", gaps-c.gaps)
		c.gaps = gaps
	}
}

// lastLine is the last thing that an actor who has gone complained about.
func lastLine(a *actor) string {
	lines := strings.Split(strings.TrimSpace(a.log.String()), "\n")
	return lines[len(lines)-1]
}

// killAll ends the processes that are left, and waits for them.
func (c *cast) killAll() error {
	var problems []error
	for _, a := range c.alive() {
		problems = append(problems, a.kill())
	}
	for _, a := range append(c.former, c.actors...) {
		for !a.gone {
			c.take(<-c.arrivals)
		}
	}
	return errors.Join(problems...)
}
