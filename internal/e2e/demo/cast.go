package demo

import (
	"fmt"
	"os"

	"github.com/smokesignal-go/smokesignal/internal/e2e/cluster"
)

// cast holds the actors of this story. The first half is on the left side, with the seed in
// seat 0. Only the story's goroutine uses it.
type cast struct {
	*cluster.Cast
	rig  rig
	gaps int                     // gaps reported up to the last phase
	told map[*cluster.Actor]bool // actors whose unexpected end was reported
}

func newCast(rig rig, screen *screen, verbose bool) *cast {
	c := &cast{Cast: cluster.NewCast(), rig: rig, told: make(map[*cluster.Actor]bool)}
	c.Verbose = verbose
	c.Placed = func(a *cluster.Actor) { rig.placed(a.Seat, a.Addr) }
	c.Tick = screen.progress(c)
	return c
}

// side returns the side of a seat.
func side(seat int) string {
	if seat < perSide {
		return left
	}
	return right
}

// enter starts a node in a seat, a new one or one whose node has gone. All nodes have the
// same seed, including the seed itself.
func (c *cast) enter(seat int) error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	_, err = c.Enter(seat, c.rig.command(seat, program))
	return err
}

// on lists the running actors of one side.
func (c *cast) on(name string) []*cluster.Actor {
	var there []*cluster.Actor
	for _, a := range c.Alive() {
		if side(a.Seat) == name {
			there = append(there, a)
		}
	}
	return there
}

// settle adds the checks of every phase to a measurement: no process died unless it was
// killed, and no message was given up.
func (c *cast) settle(m *measure) {
	gaps := 0
	for _, a := range c.AllActors() {
		gaps += a.Told[cluster.Gap]
	}
	for _, a := range c.Endings() {
		if !c.told[a] {
			c.told[a] = true
			m.fellShort("node %d ended by itself: %v: %s", a.Seat, a.Exit, a.LastWords())
		}
	}
	if gaps > c.gaps {
		m.fellShort("nodes reported lost messages %d times", gaps-c.gaps)
		c.gaps = gaps
	}
}

// isWhole reports whether the nodes form one component with enough links.
func isWhole(nodes []*cluster.Actor) bool { return cluster.IsWhole(nodes, minLinks, maxLinks) }
