package demo

import (
	"fmt"
	"os"

	"github.com/smokesignal-go/smokesignal/internal/e2e/cluster"
)

// cast is the actors of this story. The first half sits on the left side, the
// seed in seat 0. Only the story's goroutine uses it.
type cast struct {
	*cluster.Cast
	rig  rig
	gaps int                     // told of up to the last phase
	told map[*cluster.Actor]bool // whose bad end has been told
}

func newCast(rig rig, screen *screen, verbose bool) *cast {
	c := &cast{Cast: cluster.NewCast(), rig: rig, told: make(map[*cluster.Actor]bool)}
	c.Verbose = verbose
	c.Placed = func(a *cluster.Actor) { rig.placed(a.Seat, a.Addr) }
	c.Tick = screen.progress(c)
	return c
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
	_, err = c.Enter(seat, c.rig.command(seat, program))
	return err
}

// on lists those who are there on one side.
func (c *cast) on(name string) []*cluster.Actor {
	var there []*cluster.Actor
	for _, a := range c.Alive() {
		if side(a.Seat) == name {
			there = append(there, a)
		}
	}
	return there
}

// settle completes a measurement with what holds in every phase: nobody died
// who was not killed, and no message was given up.
func (c *cast) settle(m *measure) {
	gaps := 0
	for _, a := range c.Everybody() {
		gaps += a.Told[cluster.Gap]
	}
	for _, a := range c.Endings() {
		if !c.told[a] {
			c.told[a] = true
			m.fellShort("node %d ended by itself: %v: %s", a.Seat, a.Exit, a.LastWords())
		}
	}
	if gaps > c.gaps {
		m.fellShort("%d times a node was told that messages are lost for good", gaps-c.gaps)
		c.gaps = gaps
	}
}

// isWhole reports whether the nodes are one component, with the links they want.
func isWhole(nodes []*cluster.Actor) bool { return cluster.IsWhole(nodes, minLinks, maxLinks) }
