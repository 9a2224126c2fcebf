// Real measures with real processes what the simulator predicts: the same failures with the
// same marks, in a smaller network. Sixty nodes are sixty processes, each in its own
// network namespace, joined by a router whose nft rules separate them. TCP is the kernel's.
//
//	go run ./internal/e2e/real                 # or: make real; all scenarios, some eight minutes
//	go run ./internal/e2e/real split crash     # these only
//	go run ./internal/e2e/real -json           # the same for a program
//	go run ./internal/e2e/real -rounds 50 flap # five minutes of it
//
// The exit code is 1 if a mark was missed. If Real can't measure, because it lacks root or
// a program, it says so on standard error, and the exit code is 0. Real always removes its
// processes, namespaces and rules. Only after kill -9 do namespaces stay, which the next
// run removes.
//
// A scenario has the name and the marks of its counterpart in package scenario; comments
// describe the differences. The processes are those of package cluster, the network is that
// of package netlab.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/e2e/cluster"
	"github.com/smokesignal-go/smokesignal/internal/e2e/netlab"
	"github.com/smokesignal-go/smokesignal/internal/progress"
)

func main() {
	if cluster.IsNode() {
		os.Exit(cluster.BeNode())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	os.Exit(realMain(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// realMain runs the program and returns the exit code.
func realMain(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	c := full()
	flags := flag.NewFlagSet("real", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { usage(flags) }
	asJSON := flags.Bool("json", false, "print the figures as JSON")
	check := flags.Bool("check", false, "only say so if this machine cannot cut a network: tests are skipped then")
	flags.IntVar(&c.nodes, "nodes", c.nodes, fmt.Sprintf("how many, %d to %d", leastNodes, mostNodes))
	flags.IntVar(&c.rate, "rate", c.rate, "messages a second, by all nodes together")
	flags.IntVar(&c.rounds, "rounds", c.rounds, "flap: how often the network is cut")
	flags.DurationVar(&c.apart, "apart", c.apart, "split, split4: how long the parts are apart")
	flags.DurationVar(&c.away, "away", c.away, "seeds: how long they are away")
	flags.DurationVar(&c.stallLeast, "stall-least", c.stallLeast, "stall: the shortest")
	flags.DurationVar(&c.stallMost, "stall-most", c.stallMost, "stall: the longest")
	flags.Uint64Var(&c.seed, "seed", c.seed, "decides which nodes are hit; the rest of a run is not repeatable")
	flags.BoolVar(&c.verbose, "v", false, "show what the nodes log")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	chosen, err := choose(flags.Args())
	if err = errors.Join(err, c.check()); err != nil {
		fmt.Fprintln(stderr, "real:", err)
		return 2
	}

	if *check {
		if why := netlab.Available(); why != nil {
			fmt.Fprintf(stderr, "!! NOT TESTED: the tests that need a real network were skipped: %s. %s\n", oneLine(why), takes)
		}
		return 0
	}
	report := report{Nodes: c.nodes, Results: []result{}}
	if why := netlab.Available(); why != nil {
		report.Skipped = oneLine(why)
		fmt.Fprintf(stderr, "!! NOTHING WAS MEASURED: %s. %s\n", report.Skipped, takes)
	} else {
		err = measure(ctx, c, chosen, &report, newScreen(*asJSON, stdout))
	}
	if *asJSON {
		encoder := json.NewEncoder(stdout)
		encoder.SetIndent("", "  ")
		err = errors.Join(err, encoder.Encode(report))
	}
	if err != nil {
		fmt.Fprintln(stderr, "real:", err)
		return 1
	}
	if report.missed() > 0 {
		return 1
	}
	return 0
}

// takes lists the requirements on the machine.
const takes = "It takes root on Linux, with the packages iproute2 and nftables."

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

func usage(flags *flag.FlagSet) {
	fmt.Fprintln(flags.Output(), "real [flags] [scenario …]\n\nscenarios:")
	for _, s := range scenarios {
		fmt.Fprintf(flags.Output(), "  %-8s %s\n", s.name, s.does)
	}
	fmt.Fprintln(flags.Output(), "\nflags:")
	flags.PrintDefaults()
}

// choose returns the scenarios with the names, or all if there are no names.
func choose(names []string) (chosen []scene, err error) {
	if len(names) == 0 {
		return scenarios, nil
	}
	for _, name := range names {
		at := slices.IndexFunc(scenarios, func(s scene) bool { return s.name == name })
		if at < 0 {
			return nil, fmt.Errorf("no scenario is called %q, only %s", name, strings.Join(sceneNames(), ", "))
		}
		chosen = append(chosen, scenarios[at])
	}
	return chosen, nil
}

func sceneNames() (names []string) {
	for _, s := range scenarios {
		names = append(names, s.name)
	}
	return names
}

// newScreen returns a screen that shows the table, unless JSON is wanted, and progress only
// on a terminal.
func newScreen(asJSON bool, stdout io.Writer) *screen {
	if asJSON {
		return &screen{}
	}
	return &screen{out: stdout, line: progress.On(stdout)}
}

// measure runs the scenarios one after another. An error means that a scenario could not
// run. Missed marks are in the report.
func measure(ctx context.Context, c config, chosen []scene, report *report, screen *screen) error {
	screen.title(c)
	begin := time.Now()
	for _, s := range chosen {
		got, err := play(ctx, c, s, screen)
		report.Results = append(report.Results, got)
		if ctx.Err() != nil {
			return errors.New("interrupted; all was removed")
		}
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	screen.end(*report, time.Since(begin))
	return nil
}
