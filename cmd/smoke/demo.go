package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/smokesignal-go/smokesignal/internal/e2e/demo"
)

const demoLong = `Tell the whole story with real processes, in half a minute: twelve nodes find each
other through one seed, talk, lose the seed, get it back, are cut in two halves, are
joined again, and leave. Each phase is measured. With root on Linux the halves are two
network namespaces with a real cut between them; elsewhere they talk through a relay
that falls silent. The first line says which.

It ends with 1 if anything fell short.`

func demoCommand() *cobra.Command {
	o := demo.Defaults()
	cmd := &cobra.Command{
		Use:     "demo",
		Short:   "watch real processes connect, lose a seed, split and heal",
		Long:    demoLong,
		Example: "  smoke demo\n  smoke demo --half 30 --min-peers 4 --max-peers 6 --rate 20 --json",
		Args:    argsOf(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.Validate(); err != nil {
				return usageError{err}
			}
			out, ok := cmd.OutOrStdout().(*os.File)
			if !ok {
				return errors.New("the story is told on a file or a terminal")
			}
			ctx, release := interruptible(cmd)
			defer release()
			err := demo.Main(ctx, o, out)
			if errors.Is(err, demo.ErrShort) {
				return errFailed
			}
			return err
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.IntVar(&o.PerSide, "half", o.PerSide, "nodes in each half, 2 to 100")
	f.IntVar(&o.MinPeers, "min-peers", o.MinPeers, "links that each node wants")
	f.IntVar(&o.MaxPeers, "max-peers", o.MaxPeers, "links that none exceeds")
	f.DurationVar(&o.Apart, "apart", o.Apart, "how long the halves are apart at least")
	f.IntVar(&o.Rate, "rate", 0, "messages a second while the halves are apart, beside the ten that each node says at the beginning and the end")
	f.BoolVar(&o.Proxy, "proxy", false, "cut with a relay even where a real network can be made")
	f.BoolVar(&o.Verbose, "verbose", false, "show what the nodes log")
	f.BoolVar(&o.AsJSON, "json", false, "print the measurements as JSON")
	return cmd
}
