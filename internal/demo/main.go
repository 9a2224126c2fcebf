// Demo tells the whole story of Smokesignal, unattended, on one screen: twelve
// processes find each other through one seed, talk, lose the seed, get it back,
// are cut in two halves, are joined again, and leave. Each phase is measured;
// the program ends with 1 if anything fell short, and says what.
//
//	go run ./internal/demo          # or: make demo
//	go run ./internal/demo -json    # the same for a program
//	go run ./internal/demo -half 30 -min 4 -rate 20
//
// The processes are real ones, and with root on Linux so is the network between
// the halves: two network namespaces, and a router that drops what passes
// between them (package netlab). Elsewhere the halves talk through a relay that
// falls silent (package cutproxy). The first line says which.
//
// The processes are those of package stage. One goroutine tells the story and
// owns all that is known.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/smokesignal-go/smokesignal/internal/stage"
)

// The size of the story: set once, by the command line, before it begins.
var (
	perSide  = 6                // nodes in each half
	minLinks = 3                // smoke's default of MinPeers
	maxLinks = 5                // smoke's default of MaxPeers
	apartFor = 22 * time.Second // see cutInTwo
	rate     = 0                // messages a second, by all together, while the halves are apart
)

func main() {
	if stage.IsNode() {
		os.Exit(stage.BeNode())
	}
	asJSON := flag.Bool("json", false, "print the measurements as JSON")
	proxy := flag.Bool("proxy", false, "cut with a relay even where a real network can be made")
	verbose := flag.Bool("v", false, "show what the nodes log")
	flag.IntVar(&perSide, "half", perSide, "nodes in each half, 2 to 100")
	flag.IntVar(&minLinks, "min", minLinks, "MinPeers of each node")
	flag.IntVar(&maxLinks, "max", maxLinks, "MaxPeers of each node")
	flag.DurationVar(&apartFor, "apart", apartFor, "how long the halves are apart at least")
	flag.IntVar(&rate, "rate", rate, "messages a second while the halves are apart, beside the ten that each node says at the beginning and the end")
	flag.Parse()
	if perSide < 2 || perSide > 100 || minLinks < 1 || maxLinks < minLinks || rate < 0 {
		fmt.Fprintln(os.Stderr, "demo: want 2 ≤ -half ≤ 100, 1 ≤ -min ≤ -max, 0 ≤ -rate")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	told, err := tell(ctx, *proxy, *verbose, newScreen(*asJSON))
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
	if *asJSON {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(told); err != nil {
			fmt.Fprintln(os.Stderr, "demo: print the measurements:", err)
			os.Exit(1)
		}
	}
	if len(told.Shortfalls) > 0 {
		os.Exit(1)
	}
}

// newScreen shows the table unless JSON is asked for, and progress only on a
// terminal.
func newScreen(asJSON bool) *screen {
	if asJSON {
		return &screen{}
	}
	return &screen{out: os.Stdout, live: term.IsTerminal(int(os.Stdout.Fd()))}
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
