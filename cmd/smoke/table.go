package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/smokesignal-go/smokesignal/internal/scenario"
)

// printTable prints a report for a person.
func printTable(w io.Writer, r *report) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(r.Runs) > 1 {
		fmt.Fprintf(t, "over %d runs\tmedian\tworst\tpass mark\t\n", len(r.Runs))
	}
	for _, s := range r.Summary {
		cells := []string{s.Name}
		if len(r.Runs) > 1 {
			cells = append(cells, scenario.Format(s.Median, s.Unit))
		}
		cells = append(cells, scenario.Format(s.Is, s.Unit), s.Figure.MarkText(), verdict(s.Figure))
		fmt.Fprintln(t, strings.Join(cells, "\t"))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, run := range r.Runs {
		if run.Broken != "" {
			fmt.Fprintf(w, "seed %d BROKE A PROMISE %s\n", run.Seed, run.Broken)
		}
	}
	last := r.Runs[len(r.Runs)-1]
	fmt.Fprintf(w, "%.1f s for %d steps; trace %s\n", r.Real, steps(r.Runs), last.Hash)
	for i, command := range r.Replay {
		if i == 3 {
			fmt.Fprintf(w, "and %d more\n", len(r.Replay)-i)
			break
		}
		fmt.Fprintf(w, "again: %s\n", command)
	}
	return nil
}

func steps(runs []*scenario.Result) (n uint64) {
	for _, r := range runs {
		n += r.Steps
	}
	return n
}

func verdict(f scenario.Figure) string {
	switch {
	case !f.Good && f.Note != "":
		return "MISSED: " + f.Note
	case !f.Good:
		return "MISSED"
	}
	return ""
}
