package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/e2e/netlab"
)

// config sets the size of the network and of the failures.
type config struct {
	nodes      int
	seeds      int           // of the nodes; all nodes know these
	newcomers  int           // nodes that join later, in scenarios with newcomers
	least      int           // MinPeers
	most       int           // MaxPeers
	full       int           // MinPeers and MaxPeers if every node must be full
	rate       int           // messages a second, by all nodes together
	settle     time.Duration // between forming and the failure
	apart      time.Duration // duration of a partition
	away       time.Duration // duration without seeds
	rounds     int           // of a flapping partition
	beat       time.Duration // half a round
	stallLeast time.Duration
	stallMost  time.Duration
	linger     time.Duration // observation time after a repair
	seed       uint64
	verbose    bool
}

const (
	leastNodes = 8
	mostNodes  = netlab.MaxSides - 10 // newcomers need sides too
)

// full is the size of make real. Marks are those of the failure model. Times are those of
// package scenario. They are shorter where that package waits minutes for histories to age
// or address books to fill, because sixty nodes know each other sooner.
func full() config {
	return config{
		nodes: 60, seeds: 3, newcomers: 5,
		least: 3, most: 5, // smoke's defaults
		full: 4, // the average between 3 and 5
		rate: 20,
		// Parts of a network younger than ten seconds merge without a netsplit.
		settle: 15 * time.Second,
		apart:  20 * time.Second,
		away:   15 * time.Second,
		rounds: 10, beat: 3 * time.Second,
		stallLeast: 5 * time.Second, stallMost: 30 * time.Second,
		linger: 5 * time.Second,
		seed:   1,
	}
}

// check returns all errors of a config, each with its flag.
func (c config) check() error {
	var problems []error
	if c.nodes < leastNodes || c.nodes > mostNodes {
		problems = append(problems, fmt.Errorf("-nodes: %d is not allowed, only %d to %d", c.nodes, leastNodes, mostNodes))
	}
	if c.rate < 1 || c.rate > 1000 {
		problems = append(problems, fmt.Errorf("-rate: %d is not allowed, only 1 to 1000", c.rate))
	}
	if c.rounds < 1 || c.rounds > 1000 {
		problems = append(problems, fmt.Errorf("-rounds: %d is not allowed, only 1 to 1000", c.rounds))
	}
	// Events older than the histories may be lost, which is not a fault.
	for _, f := range []struct {
		name  string
		value time.Duration
	}{{"apart", c.apart}, {"away", c.away}, {"stall-least", c.stallLeast}, {"stall-most", c.stallMost}} {
		if f.value < time.Second || f.value > 4*time.Minute {
			problems = append(problems, fmt.Errorf("-%s: %v is not allowed, only 1s to 4m", f.name, f.value))
		}
	}
	if c.stallMost < c.stallLeast {
		problems = append(problems, fmt.Errorf("-stall-most: %v is less than -stall-least, %v", c.stallMost, c.stallLeast))
	}
	return errors.Join(problems...)
}
