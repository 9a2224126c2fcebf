package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/smokesignal-go/smokesignal/bench/internal/report"
)

// command is the whole command line.
func command() *cobra.Command {
	root := &cobra.Command{
		Use: "bench", Short: "compare Smokesignal with the alternatives", SilenceUsage: true, SilenceErrors: true,
	}
	root.AddCommand(childCommand(), allCommand(), listCommand(), compareCommand())
	for _, workload := range []string{"flat", "steady", "form", "idle", "stall"} {
		root.AddCommand(workloadCommand(workload))
	}
	return root
}

// output holds the places to which the figures are written.
type output struct {
	json bool
	page string
}

func (o *output) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.json, "json", false, "print JSON, with every single measurement")
	cmd.Flags().StringVar(&o.page, "page", "", "also write the tables into this page, between its marks, and the plots into img/ next to it")
}

func allCommand() *cobra.Command {
	var out output
	quick := false
	cmd := &cobra.Command{
		Use: "all", Short: "measure everything: ten minutes", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return measureAll(cmd, &runner{}, plan(quick), out)
		},
	}
	cmd.Flags().BoolVar(&quick, "quick", false, "only the most important measurements, with fewer rounds: one minute")
	out.flags(cmd)
	return cmd
}

func workloadCommand(workload string) *cobra.Command {
	var out output
	var r runner
	quick := false
	req := requestOf(workload, false)
	title := req.title
	cmd := &cobra.Command{
		Use: workload, Short: title, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if quick {
				short := requestOf(workload, true)
				for name, set := range map[string]func(){
					"rounds": func() { req.rounds = short.rounds }, "slow-rounds": func() { req.slowRounds = short.slowRounds },
					"warm": func() { req.warm = short.warm }, "for": func() { req.span = short.span },
				} {
					if !cmd.Flags().Changed(name) {
						set()
					}
				}
			}
			return measureAll(cmd, &r, []request{req}, out)
		},
	}
	f := cmd.Flags()
	req.flags(f)
	f.BoolVar(&quick, "quick", false, "fewer rounds, shorter")
	f.StringVar(&r.cpu, "cpuprofile", "", "write a CPU profile of the measurement to this file, with .CONTESTANT appended; each round overwrites the one before")
	f.StringVar(&r.mem, "memprofile", "", "write a profile of the allocations since the start of the process, likewise")
	f.StringVar(&r.mutex, "mutexprofile", "", "write a profile of contended locks, likewise")
	out.flags(cmd)
	return cmd
}

func listCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "list the contestants", Args: cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			for _, c := range contestants {
				fmt.Fprintf(cmd.OutOrStdout(), "%-17s %s\n", c.Name, c.Is)
			}
		},
	}
}

// measureAll measures requests and prints each table as soon as it is complete.
func measureAll(cmd *cobra.Command, r *runner, requests []request, out output) error {
	r.stderr = cmd.ErrOrStderr()
	r.progress = newForecast(r.stderr, requests)
	machine, err := report.ThisMachine()
	if err != nil {
		return err
	}
	whole := report.Report{Machine: machine}
	if !out.json {
		fmt.Fprintln(cmd.OutOrStdout(), machine)
	}
	for _, req := range requests {
		section, err := measureOne(cmd.Context(), r, req)
		if err != nil {
			return err
		}
		whole.Sections = append(whole.Sections, section)
		if !out.json {
			if err := show(cmd.OutOrStdout(), section); err != nil {
				return err
			}
		}
	}
	if out.json {
		enc := json.NewEncoder(cmd.OutOrStdout())
		enc.SetIndent("", "  ")
		if err := enc.Encode(whole); err != nil {
			return err
		}
	}
	if out.page != "" {
		return whole.WritePage(out.page)
	}
	return nil
}

func measureOne(ctx context.Context, r *runner, req request) (*report.Section, error) {
	results, err := r.run(ctx, req)
	r.progress.line.Clear()
	if err != nil {
		return nil, err
	}
	section := req.section()
	section.Results = results
	section.Rows = report.Summarize(results)
	return section, nil
}

func show(w io.Writer, s *report.Section) error {
	if _, err := fmt.Fprintf(w, "\n%s\n%s\n\n", s.Title, s.Command); err != nil {
		return err
	}
	return s.Table().Text(w)
}
