package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/smokesignal-go/smokesignal/bench/internal/load"
	"github.com/smokesignal-go/smokesignal/bench/internal/versus"
)

// comparison holds the settings of `bench compare`.
type comparison struct {
	pairs int     // how many pairs must count
	most  int     // how many pairs are measured at most
	quiet float64 // how many cores other programs may use during a measurement
	n     int
	span  time.Duration // length of the steady workload; flat out takes a second
	floor float64
}

// moreAllocs is by how many the allocations for each delivery may grow. It is far less than
// one, and larger than the variation of the runtime's own allocations.
const moreAllocs = 0.05

func compareCommand() *cobra.Command {
	c := comparison{}
	cmd := &cobra.Command{
		Use:   "compare COMMIT",
		Short: "compare the speed of this tree with that of an earlier commit: ten minutes",
		Long: `Compare builds this harness twice, once with the library as it was at COMMIT and once
with the library of this tree, and measures both by turns: flat out, and 100 messages a
second. A pair of measurements counts only if nothing else took more than a tenth of a
core during either. A figure passes if the lower end of the 90 % bootstrap interval of
its median ratio is at least 0.95. The exit status is 1 if a figure does not pass.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := os.MkdirTemp("", "compare-")
			if err != nil {
				return err
			}
			defer os.RemoveAll(dir)
			old, current, err := buildBoth(cmd.Context(), dir, args[0], cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			return c.run(cmd.Context(), old, current, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.IntVar(&c.pairs, "pairs", 15, "how many pairs must count")
	f.IntVar(&c.most, "most", 45, "how many pairs are measured at most")
	f.Float64Var(&c.quiet, "quiet", 0.1, "how many cores other programs may use during a measurement that counts")
	f.IntVar(&c.n, "n", 32, "number of nodes")
	f.DurationVar(&c.span, "for", 5*time.Second, "how long the steady workload is measured")
	f.Float64Var(&c.floor, "floor", 0.95, "the least lower bound with which a figure passes")
	return cmd
}

// specs returns the measurements of one pair.
func (c comparison) specs(round int) []load.Spec {
	return []load.Spec{
		{Contestant: "smoke", Workload: "flat", N: c.n, Size: 128, Senders: 1, Warm: 500 * time.Millisecond, For: time.Second, Round: round},
		{Contestant: "smoke", Workload: "steady", N: c.n, Size: 128, Rate: 100, Warm: time.Second, For: c.span, Round: round},
	}
}

func (c comparison) figures() []versus.Figure {
	return []versus.Figure{
		{Title: "deliveries/s, flat out", Workload: "flat", Name: load.Rate, Floor: c.floor, Format: millions},
		{Title: "CPU s per million, flat out", Workload: "flat", Name: load.CPU, Smaller: true, Floor: c.floor, Format: decimals},
		{Title: "p99, 100 msg/s", Workload: "steady", Name: load.P99, Smaller: true, Floor: c.floor, Format: milliseconds},
		{Title: "CPU s per million, 100 msg/s", Workload: "steady", Name: load.CPU, Smaller: true, Floor: c.floor, Format: decimals},
	}
}

func millions(v float64) string     { return fmt.Sprintf("%.3f M", v/1e6) }
func decimals(v float64) string     { return fmt.Sprintf("%.3f", v) }
func milliseconds(v float64) string { return fmt.Sprintf("%.3f ms", v*1e3) }

// errSlower means that a figure did not pass.
var errSlower = errors.New("a figure does not pass")

// run measures pairs until enough of them count, and prints the verdict.
func (c comparison) run(ctx context.Context, old, current string, stdout, stderr io.Writer) error {
	counted := make(map[string][]*[2]*load.Result) // by workload: old, new
	for round := 1; round <= c.most; round++ {
		missing := false
		for _, spec := range c.specs(round) {
			if len(counted[spec.Workload]) >= c.pairs {
				continue
			}
			missing = true
			pair, err := c.measurePair(ctx, [2]string{old, current}, spec, stderr)
			if err != nil {
				return err
			}
			why := c.doubt(pair)
			if why == "" {
				counted[spec.Workload] = append(counted[spec.Workload], pair)
			} else {
				why = ", does not count: " + why
			}
			fmt.Fprintf(stderr, "pair %d, %s%s\n", round, spec.Workload, why)
		}
		if !missing {
			break
		}
	}
	return c.print(counted, stdout)
}

// measurePair measures both programs. Which one is first alternates with the round.
func (c comparison) measurePair(ctx context.Context, programs [2]string, spec load.Spec, stderr io.Writer) (*[2]*load.Result, error) {
	pair := new([2]*load.Result)
	for i := range programs {
		which := (i + spec.Round) % 2
		r := measureBy(ctx, programs[which], order{Spec: spec}, stderr)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if r.Error != "" {
			return nil, fmt.Errorf("measure %s: %s", spec.Workload, r.Error)
		}
		pair[which] = r
	}
	return pair, nil
}

// doubt returns why a pair does not count, or "" if it counts.
func (c comparison) doubt(pair *[2]*load.Result) string {
	for _, r := range pair {
		if others := r.Figures[load.Others]; others > c.quiet {
			return fmt.Sprintf("something else took %.2f of a core", others)
		}
	}
	return ""
}

// print writes a row for each figure.
func (c comparison) print(counted map[string][]*[2]*load.Result, stdout io.Writer) error {
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "figure\tpairs\told\tnew\tnew to old, larger is better\tlower bound\tverdict")
	pass := true
	for _, f := range c.figures() {
		v := f.Judge(pairsOf(counted[f.Workload], f.Name))
		v.Pass = v.Pass && v.Pairs >= c.pairs
		pass = pass && v.Pass
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%.3f\t%.3f\t%s\n", f.Title, v.Pairs, f.Format(v.Old), f.Format(v.New), v.Ratio, v.Lower, word(v.Pass))
	}
	for _, workload := range []string{"flat", "steady"} {
		v := versus.Figure{}.Judge(pairsOf(counted[workload], load.Allocs))
		if v.Pairs == 0 {
			continue // the harness of the old commit does not count allocations
		}
		same := v.New <= v.Old+moreAllocs
		pass = pass && same
		fmt.Fprintf(w, "allocations a delivery, %s\t%d\t%.3f\t%.3f\t\t\t%s\n", workload, v.Pairs, v.Old, v.New, word(same))
	}
	lost := [2]uint64{}
	for _, pairs := range counted {
		for _, pair := range pairs {
			for i, r := range pair {
				lost[i] += r.Lost
			}
		}
	}
	pass = pass && lost[1] == 0
	fmt.Fprintf(w, "deliveries lost\t\t%d\t%d\t\t\t%s\n", lost[0], lost[1], word(lost[1] == 0))
	if err := w.Flush(); err != nil {
		return err
	}
	if !pass {
		return errSlower
	}
	return nil
}

func word(pass bool) string {
	if pass {
		return "pass"
	}
	return "FAIL"
}

// pairsOf returns one figure of all pairs, without the pairs in which a side lacks it.
func pairsOf(results []*[2]*load.Result, name string) (list []versus.Pair) {
	for _, pair := range results {
		old, hasOld := pair[0].Figures[name]
		current, hasNew := pair[1].Figures[name]
		if hasOld && hasNew {
			list = append(list, versus.Pair{Old: old, New: current})
		}
	}
	return list
}
