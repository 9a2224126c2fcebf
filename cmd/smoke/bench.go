package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/smokesignal-go/smokesignal/internal/loadtest"
	"github.com/smokesignal-go/smokesignal/internal/progress"
	"github.com/smokesignal-go/smokesignal/internal/scenario"
	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/trust"
)

// benchmark is one call of smoke bench.
type benchmark struct {
	plan   loadtest.Plan
	join   joining
	node   smoke.Options // from the flags and the environment
	nodes  int
	serve  bool
	asJSON bool
}

// benchReport is the output with --json.
type benchReport struct {
	Command string `json:"command"` // the command line that repeats the measurement
	*loadtest.Result
}

// benchNetwork is the network if none is given.
const benchNetwork = "bench"

const benchLong = `Measure what a network of real nodes carries: yours, or one made for it.

  smoke bench
        eight nodes in this process, on loopback, for a first look

  smoke bench --serve --address IP --port P [--seeds HOST:PORT,…]
        on each machine: a node that receives. It runs until Ctrl-C, and prints
        a line for each run. The first one needs no seeds; it is one.

  smoke bench --seeds HOST:PORT,… --address IP
        a node that joins, emits at --rate for --for, and prints the results

With --network NAME and the seeds of your program's network, the nodes of your
program relay the events, and those with --serve count them. All nodes receive
the events, so choose --rate with care in a network that is in use.

In one process the latency is one way, from the time at which an event was due
to the handler. Clocks of different processes can't be compared. Between them,
receivers echo a sample of the events, and the latency is the round trip over
the overlay to the handler of the echo.

It ends with 1 if an event was lost, corrupt, duplicated or out of order, or if a
receiver did not report, and with 3 if there is no node to join.
` + envHelp

func benchCommand() *cobra.Command {
	b := &benchmark{}
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "measure what a network of real nodes carries",
		Long:  benchLong,
		Example: "  smoke bench --nodes 20 --rate 0\n" +
			"  smoke bench --serve --address 192.168.2.0/24 --port 8495\n" +
			"  smoke bench --seeds 192.168.2.100:8495 --address 192.168.2.0/24 --rate 5000",
		Args: argsOf(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := b.read(cmd.Flags()); err != nil {
				return usageError{err}
			}
			ctx, release := interruptible(cmd)
			defer release()
			if b.serve {
				return b.receive(ctx, cmd)
			}
			return b.measure(ctx, cmd)
		},
	}
	b.flags(cmd.Flags())
	return cmd
}

func (b *benchmark) flags(f *pflag.FlagSet) {
	b.join.flags(f)
	f.BoolVar(&b.serve, "serve", false, "receive and report until interrupted, and emit nothing")
	f.IntVar(&b.nodes, "nodes", 8, "nodes in this process, if there are no seeds")
	f.Float64Var(&b.plan.Rate, "rate", 1000, "`events` per second; 0: as fast as Emit returns")
	f.IntVar(&b.plan.Size, "size", 128, fmt.Sprintf("`bytes` of an event, %d to %d", loadtest.MinSize, loadtest.MaxSize))
	f.DurationVar(&b.plan.For, "for", 10*time.Second, "how long to measure")
	f.DurationVar(&b.plan.Warmup, "warmup", time.Second, "how long to emit before the measurement")
	f.BoolVar(&b.asJSON, "json", false, "print JSON")
}

// read reads the options from the environment and the flags, and rejects conflicting
// combinations. Flags take precedence.
func (b *benchmark) read(f *pflag.FlagSet) error {
	node, err := b.join.read(f)
	if err != nil {
		return err
	}
	if node.Network == "" {
		node.Network = benchNetwork
	}
	b.node = node
	isLocal := len(b.node.Seeds) == 0 && !b.serve
	switch {
	case !isLocal && f.Changed("nodes"):
		return input("nodes", b.nodes, "given only without --seeds and --serve: it makes a network in this process")
	case isLocal && (b.nodes < 2 || b.nodes > 1000):
		return input("nodes", b.nodes, "2 to 1000")
	case isLocal && (f.Changed("address") || f.Changed("port") || f.Changed("tls")):
		return errors.New("--address, --port and --tls are for a network of several processes: add --seeds or --serve")
	}
	if err := b.plan.Validate(); err != nil {
		return err
	}
	return b.node.Validate()
}

func input(field string, value any, allowed string) error {
	return &scenario.InputError{Field: field, Value: fmt.Sprint(value), Allowed: allowed}
}

// measure emits from a node, in a network inside or outside this process.
func (b *benchmark) measure(ctx context.Context, cmd *cobra.Command) error {
	line := progress.On(cmd.ErrOrStderr())
	defer line.Clear()
	logTo(&b.node, line, logrus.ErrorLevel, b.asJSON) // no warnings, because the result and the errors repeat them
	var node *smoke.Node
	var watch *loadtest.Watch
	if len(b.node.Seeds) == 0 {
		line.Show("starting %d nodes", b.nodes)
		local, err := loadtest.StartLocal(ctx, b.nodes, b.local)
		if err != nil {
			return err
		}
		defer b.end(cmd, local.Close)
		node, watch = local.Nodes[0], local.Watch
	} else {
		node = smoke.CreateNode(b.node)
		if err := node.Start(); err != nil {
			return err
		}
		defer b.end(cmd, node.Stop)
		line.Show("looking for %s", strings.Join(b.node.Seeds, ", "))
		if err := loadtest.Join(ctx, node, b.node, loadtest.JoinWithin); err != nil {
			return err
		}
	}
	result, err := loadtest.Measure(ctx, node, watch, b.plan, func(phase loadtest.Phase, now, of time.Duration) { showPhase(line, phase, now, of) })
	if err != nil {
		return err
	}
	line.Clear()
	if err := b.print(cmd, result); err != nil {
		return err
	}
	if !result.Good {
		return errFailed
	}
	return nil
}

// showPhase shows the progress of a measurement.
func showPhase(line *progress.Line, phase loadtest.Phase, now, of time.Duration) {
	if of <= 0 {
		line.Show("%s", phase)
		return
	}
	line.Bar(float64(now)/float64(of), fmt.Sprintf(" of %v", of))
}

// end calls stop and prints its error, which does not affect the measurement.
func (b *benchmark) end(cmd *cobra.Command, stop func() error) {
	if err := stop(); err != nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "smoke: stop: %v\n", err)
	}
}

// local returns the options of a node in this process.
func (b *benchmark) local(int) smoke.Options {
	o := b.node
	o.Address, o.Listen, o.Advertise, o.Port, o.StateFile = "", "", "", 0, ""
	if o.Key != nil {
		o.Key, _ = trust.NewKey() // a new key, because only one node can have the given one; NewKey never fails here
	}
	return o
}

func (b *benchmark) print(cmd *cobra.Command, r *loadtest.Result) error {
	if !b.asJSON {
		return r.WriteTable(cmd.OutOrStdout())
	}
	enc := json.NewEncoder(cmd.OutOrStdout())
	enc.SetIndent("", "  ")
	return enc.Encode(benchReport{Command: flagsGiven(cmd), Result: r})
}

// flagsGiven returns the flags of the command line, for the command that repeats the
// measurement.
func flagsGiven(cmd *cobra.Command) string {
	words := []string{cmd.CommandPath()}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		switch list, isList := f.Value.(pflag.SliceValue); {
		case f.Name == "json":
		case isList:
			words = append(words, "--"+f.Name+" "+quote(strings.Join(list.GetSlice(), ",")))
		default:
			words = append(words, "--"+f.Name+" "+quote(f.Value.String()))
		}
	})
	return strings.Join(words, " ")
}
