// Package report turns results into tables for people.
package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/smokesignal-go/smokesignal/bench/internal/load"
)

// Table prints the medians of each contestant.
func Table(w io.Writer, results []*load.Result) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	keys := map[string]bool{}
	var order []string
	by := map[string][]*load.Result{}
	for _, r := range results {
		if by[r.Spec.Contestant] == nil {
			order = append(order, r.Spec.Contestant)
		}
		by[r.Spec.Contestant] = append(by[r.Spec.Contestant], r)
		for k := range r.Figures {
			keys[k] = true
		}
	}
	for _, name := range order {
		fmt.Fprintf(t, "%s\t", name)
		for _, k := range slices.Sorted(func(yield func(string) bool) {
			for k := range keys {
				if !yield(k) {
					return
				}
			}
		}) {
			var v []float64
			for _, r := range by[name] {
				if x, ok := r.Figures[k]; ok {
					v = append(v, x)
				}
			}
			slices.Sort(v)
			if len(v) > 0 {
				fmt.Fprintf(t, "%s %.4g [%.4g–%.4g]\t", k, v[len(v)/2], v[0], v[len(v)-1])
			}
		}
		var notes []string
		for _, r := range by[name] {
			notes = append(notes, fmt.Sprintf("lost %d under way %d %v %s", r.Lost, r.UnderWay, r.Troubles, r.Error))
		}
		fmt.Fprintf(t, "%s\n", strings.Join(notes, " | "))
	}
	return t.Flush()
}
