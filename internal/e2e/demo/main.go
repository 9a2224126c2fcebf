// Package demo tells the whole story of Smokesignal, unattended, on one screen: twelve
// processes find each other through one seed, talk, lose the seed, get it back,
// are cut in two halves, are joined again, and leave. Each phase is measured;
// the program ends with 1 if anything fell short, and says what.
//
//	smokelab demo          # or: make demo
//	smokelab demo --json   # the same for a program
//	smokelab demo --half 30 --min-peers 4 --rate 20
//
// The processes are real ones, and with root on Linux so is the network between
// the halves: two network namespaces, and a router that drops what passes
// between them (package netlab). Elsewhere the halves talk through a relay that
// falls silent (package cutproxy). The first line says which.
//
// The processes are those of package stage. One goroutine tells the story and
// owns all that is known.
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

// The size of the story: set by Main, before it begins.
var (
	perSide  = 6                // nodes in each half
	minLinks = 3                // smoke's default of MinPeers
	maxLinks = 5                // smoke's default of MaxPeers
	apartFor = 22 * time.Second // see cutInTwo
	rate     = 0                // messages a second, by all together, while the halves are apart
)

// Options are how the story is told.
type Options struct {
	AsJSON   bool          // the measurements, and nothing else
	Proxy    bool          // cut with a relay even where a real network can be made
	Verbose  bool          // show what the nodes log
	PerSide  int           // nodes in each half, 2 to 100
	MinPeers int           // of each node
	MaxPeers int           // likewise
	Apart    time.Duration // how long the halves are apart at least
	Rate     int           // messages a second while they are
}

// Defaults are twelve nodes, and halves that are apart for long enough to be missed.
func Defaults() Options {
	return Options{PerSide: perSide, MinPeers: minLinks, MaxPeers: maxLinks, Apart: apartFor, Rate: rate}
}

// Validate says what is wrong with the options.
func (o Options) Validate() error {
	if o.PerSide < 2 || o.PerSide > 100 || o.MinPeers < 1 || o.MaxPeers < o.MinPeers || o.Rate < 0 {
		return errors.New("want 2 to 100 nodes in a half, 1 ≤ min peers ≤ max peers, and a rate that is not negative")
	}
	return nil
}

// ErrShort says that the story was told to its end, and that something fell short in
// it, which has been printed.
var ErrShort = errors.New("something fell short")

// IsNode reports whether this process was started as a node of the story: then it is to
// be nothing but BeNode.
func IsNode() bool { return cluster.IsNode() }

// BeNode is a node of the story, and gives the process's exit code.
func BeNode() int { return cluster.BeNode() }

// Main tells the story on out. It starts its own program again for each node, so that
// program begins with IsNode. One story is told at a time.
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

// newScreen shows the table unless JSON is asked for, and progress only on a
// terminal.
func newScreen(asJSON bool, out *os.File) *screen {
	if asJSON {
		return &screen{}
	}
	return &screen{out: out, line: progress.On(out)}
}

// tell goes through the phases. An error means that the story could not be
// told; what fell short in it stands in what was told.
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
