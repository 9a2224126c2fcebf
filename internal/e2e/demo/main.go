// Package demo runs a complete demonstration of Smokesignal on one screen. Twelve processes
// find each other through one seed, emit, lose the seed, get it back, are partitioned into
// halves, heal, and leave. Each phase is measured. If a phase missed its mark, the program
// says so and ends with exit code 1.
//
//	smokelab demo          # or: make demo
//	smokelab demo --json   # the same for a program
//	smokelab demo --half 30 --min-peers 4 --rate 20
//
// The processes are real. With root on Linux, so is the network between the halves: two
// network namespaces and a router that drops the packets between them (package netlab).
// Elsewhere the halves communicate through a relay that falls silent (package cutproxy).
// The first line of output says which of the two is used.
//
// The processes are those of package cluster. One goroutine runs the story and owns all of
// its state.
package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/e2e/cluster"
	"github.com/smokesignal-go/smokesignal/internal/progress"
)

// The size of the story. Main sets it before the story begins.
var (
	perSide  = 6                // nodes in each half
	minLinks = 3                // smoke's default of MinPeers
	maxLinks = 5                // smoke's default of MaxPeers
	apartFor = 22 * time.Second // see cutInTwo
	rate     = 0                // messages a second, by all nodes together, while the halves are apart
)

// Options configure the story.
type Options struct {
	AsJSON   bool          // print only the measurements
	Proxy    bool          // use the relay even if a real network is possible
	Verbose  bool          // show the log of the nodes
	PerSide  int           // nodes in each half, 2 to 100
	MinPeers int           // of each node
	MaxPeers int           // of each node
	Apart    time.Duration // minimum time for which the halves are apart
	Rate     int           // messages a second during that time
}

// Defaults returns twelve nodes, and halves that are apart long enough to detect a
// netsplit.
func Defaults() Options {
	return Options{PerSide: perSide, MinPeers: minLinks, MaxPeers: maxLinks, Apart: apartFor, Rate: rate}
}

// Validate returns what is wrong with the options.
func (o Options) Validate() error {
	if o.PerSide < 2 || o.PerSide > 100 || o.MinPeers < 1 || o.MaxPeers < o.MinPeers || o.Rate < 0 {
		return errors.New("want 2 to 100 nodes in a half, 1 ≤ min peers ≤ max peers, and a rate that is not negative")
	}
	return nil
}

// ErrShort reports that the story ran to its end and missed a mark, which it has printed.
var ErrShort = errors.New("something fell short")

// IsNode reports whether this process was started as a node of the story. Such a process
// must only call BeNode.
func IsNode() bool { return cluster.IsNode() }

// BeNode runs a node of the story and returns the exit code.
func BeNode() int { return cluster.BeNode() }

// Main runs the story and prints to out. It starts its own program again for each node, so
// that program must begin with IsNode. Only one story may run at a time.
func Main(ctx context.Context, o Options, out *os.File) error {
	perSide, minLinks, maxLinks, apartFor, rate = o.PerSide, o.MinPeers, o.MaxPeers, o.Apart, o.Rate
	told, err := tell(ctx, o.Proxy, o.Verbose, newScreen(o.AsJSON, out))
	if err != nil {
		return err
	}
	if o.AsJSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(told); err != nil {
			return fmt.Errorf("print the measurements: %w", err)
		}
	}
	if len(told.Shortfalls) > 0 {
		return ErrShort
	}
	return nil
}

// newScreen returns a screen that shows the table, unless JSON is wanted, and progress only
// on a terminal.
func newScreen(asJSON bool, out *os.File) *screen {
	if asJSON {
		return &screen{}
	}
	return &screen{out: out, line: progress.On(out)}
}

// tell runs the phases. An error means that the story could not run. A missed mark is in
// the result.
func tell(ctx context.Context, proxy, verbose bool, screen *screen) (told story, err error) {
	rig, err := newRig(proxy)
	if err != nil {
		return told, err
	}
	company := newCast(rig, screen, verbose)
	defer func() { err = errors.Join(err, company.Close(), rig.close()) }()

	told = story{Cut: rig.kind(), Nodes: 2 * perSide, Shortfalls: []string{}}
	screen.title(told)
	for _, phase := range []struct {
		name string
		run  func(context.Context, *cast, *measure) error
	}{
		{"form", form},
		{"talk", talk},
		{"seed killed", killSeed},
		{"seed back", returnSeed},
		{"cut in two", cutInTwo},
		{"joined again", joinAgain},
		{"stop", stopAll},
	} {
		m := &measure{Phase: phase.name}
		screen.begin(phase.name)
		err := phase.run(ctx, company, m)
		if ctx.Err() != nil {
			return told, errors.New("interrupted")
		}
		if err != nil {
			return told, fmt.Errorf("%s: %w", phase.name, err)
		}
		company.settle(m)
		told.add(*m)
		screen.row(*m)
	}
	screen.end(told)
	return told, nil
}
