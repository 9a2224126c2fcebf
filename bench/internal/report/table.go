package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/smokesignal-go/smokesignal/bench/internal/load"
)

// Table is rows of text, with notes below.
type Table struct {
	Header []string
	Rows   [][]string
	Notes  []string
}

// column is one column of a table.
type column struct {
	title string
	cell  func(Row) string
}

// medianOf returns a column with the median of a figure.
func medianOf(title, name string, format func(float64) string) column {
	return column{title, func(r Row) string {
		s, ok := r.Figures[name]
		if !ok {
			return "–"
		}
		return format(s.Median)
	}}
}

// spread returns a column with the least and the greatest value of a figure.
func spread(name string, format func(float64) string) column {
	return column{"min – max", func(r Row) string {
		s, ok := r.Figures[name]
		if !ok || r.Rounds < 2 {
			return "–"
		}
		return format(s.Min) + " – " + format(s.Max)
	}}
}

// ratio returns a column with a figure as a multiple of that of a base.
func ratio(title, base, name string) column {
	return column{title, func(r Row) string {
		x, ok := r.Ratios[base][name]
		if !ok {
			return "–"
		}
		return number(x)
	}}
}

var (
	rounds = column{"rounds", func(r Row) string { return fmt.Sprint(r.Rounds) }}
	lost   = column{"lost", func(r Row) string {
		if r.Lost == 0 || r.Due == 0 {
			return count(float64(r.Lost))
		}
		return fmt.Sprintf("%s (%s)", count(float64(r.Lost)), share(float64(r.Lost)/float64(r.Due)))
	}}
	wrong   = column{"wrong", func(r Row) string { return count(float64(r.Wrong)) }}
	swapped = column{"reordered", func(r Row) string { return count(float64(r.Reordered)) }}
	written = medianOf("bytes", load.Bytes, number)
	rss     = medianOf("peak RSS", load.PeakRSS, size)
)

// columns are the columns of a table with one cell, by workload.
var columns = map[string][]column{
	"flat": {
		medianOf("deliveries/s", load.Rate, number), spread(load.Rate, number),
		ratio("× tree", "tree", load.Rate), ratio("× tree-msgpack", "tree-msgpack", load.Rate), ratio("× NATS", "nats", load.Rate),
		lost, wrong, swapped, medianOf("CPU s/million", load.CPU, number), ratio("× tree", "tree", load.CPU),
		written, rss, medianOf("goroutines", load.Goroutines, count), rounds,
	},
	"steady": {
		medianOf("p50", load.P50, seconds), medianOf("p99", load.P99, seconds), medianOf("p99.9", load.P999, seconds), medianOf("max", load.Max, seconds),
		ratio("p99 × tree", "tree", load.P99), ratio("p99 × NATS", "nats", load.P99),
		medianOf("last p50", load.LastP50, seconds), medianOf("last p99", load.LastP99, seconds),
		written, medianOf("of a core", load.Share, share), lost, wrong, swapped, rounds,
	},
	"form": {
		medianOf("formed in", load.Form, seconds), spread(load.Form, seconds),
		medianOf("CPU", load.FormCPU, seconds), medianOf("links lost", load.FormDrops, count), rss, rounds,
	},
	"idle": {
		medianOf("of a core", load.Share, share), medianOf("B/s a node", load.IdleBytes, number),
		medianOf("goroutines a node", load.IdleGoroutines, number), medianOf("RSS a node", load.IdleRSS, size),
	},
	"stall": {
		medianOf("p99 before", load.CalmP99, seconds), medianOf("p99 after", load.StallP99, seconds), medianOf("ratio", load.StallRise, number),
		{"out after", func(r Row) string {
			if s, ok := r.Figures[load.StallOut]; ok {
				return seconds(s.Median)
			}
			return "not within the 12 s"
		}},
		medianOf("RSS growth", load.StallRSS, size), medianOf("lost by others", load.StallLost, count), rounds,
	},
}

// Table returns the table of a section.
func (s *Section) Table() Table {
	if s.Grid {
		return s.grid()
	}
	t := Table{Header: []string{"system"}}
	for _, c := range columns[s.Workload] {
		t.Header = append(t.Header, c.title)
	}
	for _, r := range s.Rows {
		if r.Rounds > 0 {
			line := []string{r.Label()}
			for _, c := range columns[s.Workload] {
				line = append(line, c.cell(r))
			}
			t.Rows = append(t.Rows, line)
		}
		t.Notes = append(t.Notes, notes(r)...)
	}
	return t
}

// grid returns a table with a row for each number of nodes and size, and a column for each
// contestant.
func (s *Section) grid() Table {
	type at struct{ n, size int }
	var labels []string
	var places []at
	rows := make(map[at]map[string]Row)
	var t Table
	for _, r := range s.Rows {
		if r.Window > 0 {
			continue // a contestant with a window is only in the tables with one cell
		}
		place := at{r.N, r.Size}
		if rows[place] == nil {
			rows[place] = make(map[string]Row)
			places = append(places, place)
		}
		rows[place][r.Label()] = r
		if !slices.Contains(labels, r.Label()) {
			labels = append(labels, r.Label())
		}
		t.Notes = append(t.Notes, notes(r)...)
	}
	t.Header = append([]string{"nodes", "bytes"}, labels...)
	t.Header = append(t.Header, "smoke × tree", "smoke × NATS", "smoke-typed × tree-msgpack", "smoke lost")
	for _, place := range places {
		line := []string{fmt.Sprint(place.n), fmt.Sprint(place.size)}
		for _, label := range labels {
			line = append(line, medianOf("", load.Rate, number).cell(rows[place][label]))
		}
		smoke, typed := rows[place]["smoke"], rows[place]["smoke-typed"]
		line = append(line,
			ratio("", "tree", load.Rate).cell(smoke), ratio("", "nats", load.Rate).cell(smoke),
			ratio("", "tree-msgpack", load.Rate).cell(typed), lost.cell(smoke))
		t.Rows = append(t.Rows, line)
	}
	return t
}

// disturbed is the number of cores that other programs may use before a note reports it.
// The system's own work for the measurement is included.
const disturbed = 0.3

// notes returns remarks about a row that its columns can't show.
func notes(r Row) (list []string) {
	name := fmt.Sprintf("%s (%d nodes, %d bytes)", r.Label(), r.N, r.Size)
	if r.Missing != "" {
		list = append(list, name+" was NOT measured: "+r.Missing)
	}
	for _, e := range r.Errors {
		list = append(list, name+" FAILED: "+e)
	}
	if r.UnderWay > 0 {
		list = append(list, fmt.Sprintf("%s: %s deliveries were still under way ten seconds after the end", name, count(float64(r.UnderWay))))
	}
	if busy := r.Figures[load.Others].Max; busy >= disturbed {
		list = append(list, fmt.Sprintf("%s: other programs on the machine used up to %s cores during the measurement", name, number(busy)))
	}
	for _, trouble := range slices.Sorted(maps.Keys(r.Troubles)) {
		list = append(list, fmt.Sprintf("%s: %s: %d", name, trouble, r.Troubles[trouble]))
	}
	return list
}

// Text writes the table to a terminal.
func (t Table) Text(w io.Writer) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, strings.Join(t.Header, "\t"))
	for _, line := range t.Rows {
		fmt.Fprintln(out, strings.Join(line, "\t"))
	}
	if err := out.Flush(); err != nil {
		return err
	}
	for _, note := range t.Notes {
		if _, err := fmt.Fprintln(w, "  "+note); err != nil {
			return err
		}
	}
	return nil
}

// Markdown returns the table for a page.
func (t Table) Markdown() string {
	var b strings.Builder
	line := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	line(t.Header)
	rule := make([]string, len(t.Header))
	for i := range rule {
		rule[i] = "---:"
	}
	rule[0] = "---"
	line(rule)
	for _, cells := range t.Rows {
		line(cells)
	}
	for i, note := range t.Notes {
		if i == 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "- %s\n", strings.ReplaceAll(note, "\n", "; "))
	}
	return b.String()
}
