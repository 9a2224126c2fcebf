package cluster

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"
)

// Cast holds all actors, by seat. One goroutine owns it.
type Cast struct {
	Actors  []*Actor // by seat, including those that have gone
	Ledger  Ledger
	Verbose bool // the log of the nodes goes to standard error

	// Placed, if set, is called for each actor that came up.
	Placed func(*Actor)
	// Tick, if set, is called ten times a second while Until waits.
	Tick func(since time.Duration)

	former   []*Actor // actors whose seat was reused
	arrivals chan news
	numbers  int           // number of the last text
	gap      time.Duration // between the texts of Talk; 0: no talk
	turn     int           // the next speaker
}

// NewCast makes a cast without actors. The caller must call Close.
func NewCast() *Cast { return &Cast{arrivals: make(chan news, 1024)} }

// Enter starts a node in a seat: the next new one, or one whose node has gone or was
// killed.
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

// Until processes news until done returns true. It reports whether that happened within the
// limit and before ctx ended.
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

// Wait processes news for a time, or until ctx ends.
func (c *Cast) Wait(ctx context.Context, so time.Duration) {
	c.Until(ctx, so, func() bool { return false })
}

// takeWaiting processes the news that have already arrived. Several may wait, because done
// may take long.
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

// Alive lists the actors whose processes run.
func (c *Cast) Alive() []*Actor { return c.those(func(*Actor) bool { return true }) }

// Joined lists the running actors that have had a neighbour.
func (c *Cast) Joined() []*Actor { return c.those(func(a *Actor) bool { return a.Joined }) }

func (c *Cast) those(are func(*Actor) bool) (there []*Actor) {
	for _, a := range c.Actors {
		if !a.Gone && !a.Killed && are(a) {
			there = append(there, a)
		}
	}
	return there
}

// IsEverybodyUp reports whether all actors in their seats are listening.
func (c *Cast) IsEverybodyUp() bool {
	for _, a := range c.Actors {
		if a.Addr == "" {
			return false
		}
	}
	return true
}

// NewPage resets the times of reports and starts a new page of the ledger.
func (c *Cast) NewPage() {
	for _, a := range c.Actors {
		clear(a.first)
	}
	c.Ledger = Ledger{}
}

// Say makes each speaker emit n texts, meant for all of the audience except itself.
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

// Talk makes all joined actors that are not paused emit in turn, rate texts a second in
// total, whenever Until waits. A text is meant for all actors that have joined at that
// moment. A rate of 0 ends it.
func (c *Cast) Talk(rate int) {
	c.gap = 0
	if rate > 0 {
		c.gap = time.Second / time.Duration(rate)
	}
}

// sayNext makes the next actor emit.
func (c *Cast) sayNext() {
	joined := c.Joined()
	for range joined {
		c.turn++
		speaker := joined[c.turn%len(joined)]
		if speaker.Paused {
			continue
		}
		// An actor that accepts no orders has ended by itself. Endings reports that, and
		// the ledger does not have the text.
		if c.Say("talk", 1, 0, []*Actor{speaker}, joined) == nil {
			return
		}
	}
}

// Reported counts the actors that have reported a kind since the page began. It also returns
// the time of the first report.
func Reported(actors []*Actor, kind Kind) (count int, first time.Time) {
	for _, a := range actors {
		if at, ok := a.first[kind]; ok {
			count++
			if first.IsZero() || at.Before(first) {
				first = at
			}
		}
	}
	return count, first
}

// AllActors returns all actors that ever existed.
func (c *Cast) AllActors() []*Actor {
	return append(c.former[:len(c.former):len(c.former)], c.Actors...)
}

// Endings lists the actors that ended with an error and were not killed by the cast.
func (c *Cast) Endings() (bad []*Actor) {
	for _, a := range c.AllActors() {
		if a.Gone && !a.Killed && a.Exit != nil {
			bad = append(bad, a)
		}
	}
	return bad
}

// Kill ends processes like kill -9, one right after another. From then on, the ledger
// expects no further deliveries to them, and no further deliveries of their texts.
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

// Close kills the remaining processes and waits until all have gone.
func (c *Cast) Close() error {
	err := c.Kill(c.Alive()...)
	for _, a := range c.AllActors() {
		for !a.Gone {
			c.take(<-c.arrivals)
		}
	}
	return err
}
