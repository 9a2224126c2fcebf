// Package report makes tables and plots of results: medians over rounds, the spread of the
// rounds, and ratios between contestants of the same round.
package report

import (
	"fmt"
	"slices"

	"github.com/smokesignal-go/smokesignal/bench/internal/load"
)

// Stat summarizes one figure over the rounds.
type Stat struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// Row is the summary of one contestant in one cell.
type Row struct {
	Contestant string                        `json:"contestant"`
	Window     int                           `json:"window,omitempty"`
	N          int                           `json:"n"`
	Size       int                           `json:"size"`
	Rounds     int                           `json:"rounds"`           // how many rounds have figures
	Figures    map[string]Stat               `json:"figures"`          // by the names of package load
	Ratios     map[string]map[string]float64 `json:"ratios,omitempty"` // by contestant and figure: the median of the rounds' ratios
	Lost       uint64                        `json:"lost"`             // deliveries, in all rounds
	UnderWay   uint64                        `json:"underWay"`         // deliveries, in all rounds
	Due        uint64                        `json:"due"`              // deliveries, in all rounds
	Wrong      uint64                        `json:"wrong"`            // duplicates and corrupt messages
	Reordered  uint64                        `json:"reordered"`        // messages that arrived after a later one of the same sender
	Troubles   map[string]uint64             `json:"troubles,omitempty"`
	Missing    string                        `json:"missing,omitempty"`
	Errors     []string                      `json:"errors,omitempty"`
}

// Label returns the name of the contestant in a table.
func (r Row) Label() string {
	if r.Window > 0 {
		return fmt.Sprintf("%s, window %d", r.Contestant, r.Window)
	}
	return r.Contestant
}

// Bases are the contestants with which others are compared.
var Bases = []string{"tree", "tree-msgpack", "nats"}

// cell identifies the results that belong to one row.
type cell struct {
	contestant      string
	window, n, size int
}

// Summarize combines the results of several rounds. The rows are in the order of the contestants
// in the first round.
func Summarize(results []*load.Result) (rows []Row) {
	byCell := make(map[cell][]*load.Result)
	var order []cell
	for _, r := range results {
		c := cell{r.Spec.Contestant, r.Spec.Window, r.Spec.N, r.Spec.Size}
		if byCell[c] == nil {
			order = append(order, c)
		}
		byCell[c] = append(byCell[c], r)
	}
	for _, c := range order {
		row := summarize(c, byCell[c])
		row.Ratios = make(map[string]map[string]float64)
		for _, name := range Bases {
			base := byCell[cell{name, 0, c.n, c.size}]
			if base != nil && name != c.contestant {
				row.Ratios[name] = ratios(byCell[c], base)
			}
		}
		rows = append(rows, row)
	}
	return rows
}

func summarize(c cell, results []*load.Result) Row {
	row := Row{
		Contestant: c.contestant, Window: c.window, N: c.n, Size: c.size,
		Figures: make(map[string]Stat), Troubles: make(map[string]uint64),
	}
	values := make(map[string][]float64)
	for _, r := range results {
		switch {
		case r.Missing != "":
			row.Missing = r.Missing
			continue
		case r.Error != "":
			row.Errors = append(row.Errors, r.Error)
			continue
		}
		row.Rounds++
		for name, v := range r.Figures {
			values[name] = append(values[name], v)
		}
		row.Lost += r.Lost
		row.UnderWay += r.UnderWay
		row.Due += r.Counts.Sent * uint64(r.Spec.N-1)
		row.Wrong += r.Counts.Doubled + r.Counts.Corrupt
		row.Reordered += r.Counts.Reordered
		for name, n := range r.Troubles {
			row.Troubles[name] += n
		}
	}
	for name, v := range values {
		row.Figures[name] = Stat{median(v), slices.Min(v), slices.Max(v)}
	}
	return row
}

// ratios returns the median ratio of each figure, over the rounds that both contestants have.
func ratios(ours, base []*load.Result) map[string]float64 {
	values := make(map[string][]float64)
	for _, a := range ours {
		for _, b := range base {
			if a.Spec.Round != b.Spec.Round || a.Error != "" || b.Error != "" {
				continue
			}
			for name, v := range a.Figures {
				if by := b.Figures[name]; by > 0 {
					values[name] = append(values[name], v/by)
				}
			}
		}
	}
	medians := make(map[string]float64)
	for name, v := range values {
		medians[name] = median(v)
	}
	return medians
}

// median returns the median. It sorts the values, of which there must be one or more.
func median(v []float64) float64 {
	slices.Sort(v)
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}
