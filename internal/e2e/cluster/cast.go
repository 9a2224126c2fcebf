package cluster

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"
)

// Cast is all the actors, by seat. One goroutine owns it.
type Cast struct {
	Actors  []*Actor // by seat; those who have gone too
	Ledger  Ledger
	Verbose bool // what the nodes log goes to standard error

	// Placed, if there is one, learns of each actor that came up.
	Placed func(*Actor)
	// Tick, if there is one, is called ten times a second while Until waits.
	Tick func(since time.Duration)

	former   []*Actor // those whose seat was taken again
	arrivals chan news
	numbers  int           // of texts
	gap      time.Duration // between the texts of Talk; 0 when nobody talks
	turn     int           // whose it is
}

// NewCast is a cast without actors. The caller owes it a Close.
func NewCast() *Cast { return &Cast{arrivals: make(chan news, 1024)} }

// Enter starts a node in a seat: the next new one, or one whose node has gone or
// been killed.
func (c *Cast) Enter(seat int, cmd *exec.Cmd) (*Actor, error) {
	if seat > len(c.Actors) {
		return nil, fmt.Errorf("seat %d comes after seat %d", seat, len(c.Actors))
	}
	a, err := launch(seat, cmd, c.Verbose, c.arrivals)
	if err != nil {
		return nil, err
	}
	if seat < len(c.Actors) {
		c.former = append(c.former, c.Actors[seat])
		c.Actors[seat] = a
	} else {
		c.Actors = append(c.Actors, a)
	}
	return a, nil
}

// Until takes news in until done says so, and reports whether it did within the
// limit, or before ctx ended.
func (c *Cast) Until(ctx context.Context, limit time.Duration, done func() bool) (took time.Duration, ok bool) {
	begin := time.Now()
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var talk <-chan time.Time
	if c.gap > 0 {
		ticker := time.NewTicker(c.gap)
		defer ticker.Stop()
		talk = ticker.C
	}
	for {
		if done() {
			return time.Since(begin), true
		}
		select {
		case n := <-c.arrivals:
			c.take(n)
			c.takeWaiting()
		case <-talk:
			c.sayNext()
		case <-tick.C:
			if c.Tick != nil {
				c.Tick(time.Since(begin))
			}
		case <-timeout.C:
			return time.Since(begin), false
		case <-ctx.Done():
			return time.Since(begin), false
		}
	}
}

// Wait takes news in for so long, or until ctx ends.
func (c *Cast) Wait(ctx context.Context, so time.Duration) {
	c.Until(ctx, so, func() bool { return false })
}

// takeWaiting takes in what has arrived already: done may be a long sum.
func (c *Cast) takeWaiting() {
	for {
		select {
		case n := <-c.arrivals:
			c.take(n)
		default:
			return
		}
	}
}

func (c *Cast) take(n news) {
	n.actor.take(n, time.Now())
	switch {
	case n.gone && !n.actor.Killed:
		c.Ledger.excuse(n.actor)
	case n.gone:
	case n.report.Is == Heard:
		c.Ledger.hear(n.report.Text, n.actor)
	case n.report.Is == Up && c.Placed != nil:
		c.Placed(n.actor)
	}
}

// Alive lists those who are there.
func (c *Cast) Alive() []*Actor { return c.those(func(*Actor) bool { return true }) }

// Joined lists those who are there and have had a neighbour.
func (c *Cast) Joined() []*Actor { return c.those(func(a *Actor) bool { return a.Joined }) }

func (c *Cast) those(are func(*Actor) bool) (there []*Actor) {
	for _, a := range c.Actors {
		if !a.Gone && !a.Killed && are(a) {
			there = append(there, a)
		}
	}
	return there
}

// IsEverybodyUp reports whether all who are in their seats have listened.
func (c *Cast) IsEverybodyUp() bool {
	for _, a := range c.Actors {
		if a.Addr == "" {
			return false
		}
	}
	return true
}

// NewPage forgets when reports came, and begins a new page of the ledger.
func (c *Cast) NewPage() {
	for _, a := range c.Actors {
		clear(a.first)
	}
	c.Ledger = Ledger{}
}

// Say has each speaker say n texts, meant for all of the audience but itself.
func (c *Cast) Say(topic string, n int, every time.Duration, speakers, audience []*Actor) error {
	for _, speaker := range speakers {
		o := Order{Every: every}
		for range n {
			c.numbers++
			text := fmt.Sprintf("%s %d.%d", topic, speaker.Seat, c.numbers)
			o.Say = append(o.Say, text)
			c.Ledger.add(c.numbers, text, speaker, audience)
		}
		if err := speaker.Tell(o); err != nil {
			return err
		}
	}
	return nil
}

// Talk has all who have joined and are not paused say something in turn, so many
// texts a second by all together, whenever Until waits. What they say is meant
// for all who have joined at that moment. A rate of 0 ends it.
func (c *Cast) Talk(rate int) {
	c.gap = 0
	if rate > 0 {
		c.gap = time.Second / time.Duration(rate)
	}
}

// sayNext lets the next one say something.
func (c *Cast) sayNext() {
	joined := c.Joined()
	for range joined {
		c.turn++
		speaker := joined[c.turn%len(joined)]
		if speaker.Paused {
			continue
		}
		// One that takes no orders any more has ended by itself: that is what
		// Endings tells, and it is owed nothing.
		if c.Say("talk", 1, 0, []*Actor{speaker}, joined) == nil {
			return
		}
	}
}

// Told counts those of the actors that reported a kind since the page began, and
// says when the first one did.
func Told(actors []*Actor, kind Kind) (count int, first time.Time) {
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

// Everybody lists all actors that there ever were.
func (c *Cast) Everybody() []*Actor {
	return append(c.former[:len(c.former):len(c.former)], c.Actors...)
}

// Endings lists those who ended badly, and not by our hand.
func (c *Cast) Endings() (bad []*Actor) {
	for _, a := range c.Everybody() {
		if a.Gone && !a.Killed && a.Exit != nil {
			bad = append(bad, a)
		}
	}
	return bad
}

// Kill ends processes as kill -9 does, one right after the other. What they have
// not heard, and what others have not heard of them, is not owed any more.
func (c *Cast) Kill(victims ...*Actor) error {
	var problems []error
	for _, a := range victims {
		problems = append(problems, a.kill())
	}
	for _, a := range victims {
		c.Ledger.excuse(a)
	}
	return errors.Join(problems...)
}

// Close kills the processes that are left, and waits for all to be gone.
func (c *Cast) Close() error {
	err := c.Kill(c.Alive()...)
	for _, a := range c.Everybody() {
		for !a.Gone {
			c.take(<-c.arrivals)
		}
	}
	return err
}
