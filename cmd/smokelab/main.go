// Smokelab has the part of the laboratory of Smokesignal that the command smoke does not
// contain: real processes, network namespaces and relays.
//
//	smokelab demo   watch real processes connect, lose a seed, split and heal
//
// Results go to stdout, everything else to stderr. There is no colour.
//
// The exit code is 0 if all went well, 1 if something is wrong or missed its mark, and 2
// for wrong usage.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/smokesignal-go/smokesignal/internal/e2e/demo"
)

func main() {
	if demo.IsNode() {
		os.Exit(demo.BeNode())
	}
	ctx, release := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer release()
	context.AfterFunc(ctx, release) // a second Ctrl-C kills the process
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run runs the program and returns the exit code. It is separate from main so that tests
// can call it.
func run(ctx context.Context, args []string, stdout, stderr *os.File) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, demo.ErrShort): // the story has printed the missed marks
		return 1
	}
	fmt.Fprintf(stderr, "smokelab: %v\n", err)
	if errors.As(err, &usage) {
		return 2
	}
	return 1
}

// usageError is a command line that cannot be understood.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "smokelab",
		Short:         "the laboratory of Smokesignal",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          noArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(demoCommand())
	return root
}

// noArgs is cobra.NoArgs with a usageError.
func noArgs(cmd *cobra.Command, args []string) error {
	if err := cobra.NoArgs(cmd, args); err != nil {
		return usageError{err}
	}
	return nil
}

const demoLong = `Run the whole story with real processes, in half a minute: twelve nodes find each other
through one seed, emit, lose the seed, get it back, are partitioned into halves, heal, and
leave. Each phase is measured. With root on Linux the halves are two network namespaces
with a real cut between them. Elsewhere they communicate through a relay that falls
silent. The first line says which.

It ends with 1 if a mark was missed.`

func demoCommand() *cobra.Command {
	o := demo.Defaults()
	cmd := &cobra.Command{
		Use:     "demo",
		Short:   "watch real processes connect, lose a seed, split and heal",
		Long:    demoLong,
		Example: "  smokelab demo\n  smokelab demo --half 30 --min-peers 4 --max-peers 6 --rate 20 --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.Validate(); err != nil {
				return usageError{err}
			}
			out, ok := cmd.OutOrStdout().(*os.File)
			if !ok {
				return errors.New("the output must be a file or a terminal")
			}
			return demo.Main(cmd.Context(), o, out)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.IntVar(&o.PerSide, "half", o.PerSide, "nodes in each half, 2 to 100")
	f.IntVar(&o.MinPeers, "min-peers", o.MinPeers, "minimum links of each node")
	f.IntVar(&o.MaxPeers, "max-peers", o.MaxPeers, "maximum links of each node")
	f.DurationVar(&o.Apart, "apart", o.Apart, "minimum time for which the halves are apart")
	f.IntVar(&o.Rate, "rate", 0, "messages a second while the halves are apart, in addition to the ten of each node at the beginning and the end")
	f.BoolVar(&o.Proxy, "proxy", false, "use the relay even if a real network is possible")
	f.BoolVar(&o.Verbose, "verbose", false, "show the log of the nodes")
	f.BoolVar(&o.AsJSON, "json", false, "print the measurements as JSON")
	return cmd
}
