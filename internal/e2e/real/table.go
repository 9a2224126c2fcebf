package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/e2e/cluster"
	"github.com/smokesignal-go/smokesignal/internal/progress"
	"github.com/smokesignal-go/smokesignal/internal/scenario"
)

// figure is one measurement, in the simulator's form.
type figure = scenario.Figure

// result holds the figures of one scenario.
type result struct {
	Name      string   `json:"name"`
	Does      string   `json:"injected"`
	Simulated string   `json:"simulated"` // the command of its counterpart
	Seconds   float64  `json:"seconds"`
	Figures   []figure `json:"figures"`
}

// report holds all results.
type report struct {
	Skipped string   `json:"skipped,omitempty"` // why nothing was measured
	Nodes   int      `json:"nodes"`
	Results []result `json:"scenarios"`
}

func (r report) missed() (n int) {
	for _, s := range r.Results {
		for _, f := range s.Figures {
			if !f.Good {
				n++
			}
		}
	}
	return n
}

// screen shows figures to a person as they arrive. The zero screen shows nothing.
type screen struct {
	out  io.Writer
	line *progress.Line // below the table; nil: none
}

func (s *screen) printf(format string, args ...any) {
	if s.out != nil {
		fmt.Fprintf(s.out, format, args...) // an error can't be reported elsewhere
	}
}

func (s *screen) title(c config) {
	s.printf("%d nodes, %d of them seeds, each a process in a network namespace of its own;\n", c.nodes, c.seeds)
	s.printf("a router between them, with nft rules that drop; %d messages a second\n", c.rate)
}

func (s *screen) begin(r result) { s.printf("\n%-8s %s\n", r.Name, r.Does) }

// progress overwrites the last line with the current state.
func (s *screen) progress(c *cluster.Cast, begin time.Time) func(time.Duration) {
	if !s.line.IsLive() {
		return nil
	}
	return func(time.Duration) {
		alive := c.Alive()
		fewest, most := cluster.Degrees(alive)
		s.line.Show("  … %.0f s: %d nodes, %d parts, %d–%d links, %d deliveries to come", time.Since(begin).Seconds(),
			len(alive), cluster.Parts(alive), fewest, most, c.Ledger.Missing())
	}
}

func (s *screen) figure(f figure) {
	s.line.Clear()
	verdict, note := "good", ""
	switch {
	case !f.Good:
		verdict = "MISSED"
		if f.Note != "" {
			note = ": " + f.Note
		}
	case f.Mark != f.Mark: // there is no mark
		verdict = ""
	}
	row := fmt.Sprintf("  %-34s %10s   %-10s %s%s", f.Name, scenario.Format(f.Is, f.Unit), f.MarkText(), verdict, note)
	s.printf("%s\n", strings.TrimRight(row, " "))
}

func (s *screen) close(r result) {
	s.line.Clear()
	s.printf("  %-34s %10s\n", "(the whole of it)", fmt.Sprintf("%.0f s", r.Seconds))
}

func (s *screen) end(r report, took time.Duration) {
	var bad []string
	for _, res := range r.Results {
		if slices.ContainsFunc(res.Figures, func(f figure) bool { return !f.Good }) {
			bad = append(bad, res.Name)
		}
	}
	s.printf("\n%d scenarios in %v: ", len(r.Results), took.Round(time.Second))
	if len(bad) == 0 {
		s.printf("all is well\n")
		return
	}
	s.printf("%d marks MISSED, in %v\n", r.missed(), bad)
}
