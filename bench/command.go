package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/smokesignal-go/smokesignal/bench/internal/load"
	"github.com/smokesignal-go/smokesignal/bench/internal/report"
)

// options are the flags.
type options struct {
	n, size, rounds, senders, window int
	rate                             float64
	warm, span                       time.Duration
	only                             []string
	quick, json                      bool
	cpu, mem, mutex                  string
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use: "bench", Short: "compare Smokesignal with others", SilenceUsage: true, SilenceErrors: true,
	}
	root.AddCommand(childCommand())
	for _, name := range []string{"flat", "steady", "form", "idle", "stall"} {
		root.AddCommand(workloadCommand(name))
	}
	return root
}

func workloadCommand(name string) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use: name, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := planOne(name, &o, cmd.Flags().Changed)
			if err != nil {
				return err
			}
			return runCells(cmd, []cell{c}, &o)
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.n, "n", 100, "nodes")
	f.IntVar(&o.size, "size", 128, "bytes of a message")
	f.IntVar(&o.rounds, "rounds", 0, "how often each contestant is measured")
	f.IntVar(&o.senders, "senders", 0, "how many nodes send; 0: all")
	f.IntVar(&o.window, "window", 0, "messages that all senders together may be ahead of the slowest receiver; 0: no window")
	f.Float64Var(&o.rate, "rate", 100, "messages a second, for steady")
	f.DurationVar(&o.warm, "warm", 0, "how long before the measuring begins")
	f.DurationVar(&o.span, "for", 0, "how long the measuring takes")
	f.StringSliceVar(&o.only, "only", nil, "contestants, separated by commas")
	f.BoolVar(&o.quick, "quick", false, "fewer rounds, shorter")
	f.BoolVar(&o.json, "json", false, "print JSON")
	f.StringVar(&o.cpu, "cpuprofile", "", "write the CPU profile of the measuring to this file, .CONTESTANT appended")
	f.StringVar(&o.mem, "memprofile", "", "likewise, allocations since the start")
	f.StringVar(&o.mutex, "mutexprofile", "", "likewise, contended locks")
	return cmd
}

// planOne is the cell that the flags of one workload ask for.
func planOne(workload string, o *options, changed func(string) bool) (cell, error) {
	c := cell{Spec: load.Spec{Workload: workload, N: o.n, Size: o.size, Senders: o.senders, Window: o.window}}
	type times struct {
		rounds     int
		warm, span time.Duration
	}
	full := map[string]times{
		"flat": {5, time.Second, 2 * time.Second}, "steady": {3, time.Second, 5 * time.Second},
		"form": {5, 0, time.Second}, "idle": {1, 10 * time.Second, 20 * time.Second}, "stall": {1, time.Second, 20 * time.Second},
	}[workload]
	if o.quick {
		full = map[string]times{
			"flat": {2, 500 * time.Millisecond, time.Second}, "steady": {1, time.Second, 2 * time.Second},
			"form": {2, 0, 200 * time.Millisecond}, "idle": {1, 5 * time.Second, 5 * time.Second}, "stall": {1, time.Second, 20 * time.Second},
		}[workload]
	}
	c.Rounds, c.Spec.Warm, c.Spec.For = full.rounds, full.warm, full.span
	if changed("rounds") {
		c.Rounds = o.rounds
	}
	if changed("warm") {
		c.Spec.Warm = o.warm
	}
	if changed("for") {
		c.Spec.For = o.span
	}
	if workload == "steady" || workload == "stall" {
		c.Spec.Rate = o.rate
	}
	c.Contestants = names()
	if o.only != nil {
		for _, name := range o.only {
			if _, err := contestant(name); err != nil {
				return c, err
			}
		}
		c.Contestants = slices.DeleteFunc(c.Contestants, func(name string) bool { return !slices.Contains(o.only, name) })
	}
	return c, nil
}

// runCells measures and prints.
func runCells(cmd *cobra.Command, cells []cell, o *options) error {
	var all []*load.Result
	for _, c := range cells {
		results := c.run(cmd, o)
		all = append(all, results...)
		if !o.json {
			if err := report.Table(cmd.OutOrStdout(), results); err != nil {
				return err
			}
		}
	}
	if o.json {
		enc := json.NewEncoder(cmd.OutOrStdout())
		enc.SetIndent("", "  ")
		return enc.Encode(all)
	}
	return nil
}

func (c cell) run(cmd *cobra.Command, o *options) (results []*load.Result) {
	for round := range c.Rounds {
		for i := range c.Contestants {
			// Another one begins each round.
			name := c.Contestants[(i+round)%len(c.Contestants)]
			spec := c.Spec
			spec.Contestant, spec.Round = name, round+1
			r := measureApart(cmd.Context(), order{spec, suffixed(o.cpu, name), suffixed(o.mem, name), suffixed(o.mutex, name)}, cmd.ErrOrStderr())
			results = append(results, r)
			if r.Error != "" {
				fmt.Fprintf(cmd.ErrOrStderr(), "!! %s: %s\n", name, r.Error)
			}
		}
	}
	return results
}

func suffixed(path, name string) string {
	if path == "" {
		return ""
	}
	return path + "." + strings.ReplaceAll(name, "/", "-")
}
