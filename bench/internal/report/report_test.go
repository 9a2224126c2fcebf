package report

import (
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/smokesignal-go/smokesignal/bench/internal/check"
	"github.com/smokesignal-go/smokesignal/bench/internal/load"
)

var update = flag.Bool("update", false, "rewrite testdata")

// one returns a result with a rate.
func one(name string, round int, rate float64) *load.Result {
	return &load.Result{
		Spec:    load.Spec{Contestant: name, Workload: "flat", N: 3, Size: 128, Round: round},
		Figures: map[string]float64{load.Rate: rate, load.CPU: 1e6 / rate, load.Bytes: 1.031, load.PeakRSS: 29.4e6, load.Goroutines: 302},
		Counts:  check.Counts{Sent: 1000, Delivered: 2000},
	}
}

// known returns results with every kind of content.
func known() *Section {
	lossy := one("smoke", 2, 5e6)
	lossy.Lost, lossy.Counts.Delivered, lossy.Counts.Doubled, lossy.Counts.Reordered = 20, 1980, 3, 4
	lossy.Troubles = map[string]uint64{"warnings and errors": 7}
	stuck := one("nats", 2, 1.5e6)
	stuck.UnderWay = 1_234_567
	stuck.Figures[load.Others] = 0.75
	windowed := one("nats", 2, 1e6)
	windowed.Spec.Window = 1024
	s := &Section{ID: "flat", Workload: "flat", Title: "Flat out", Command: "go run . flat", Results: []*load.Result{
		one("tree", 1, 10e6), one("smoke", 1, 4e6), one("nats", 1, 1e6),
		one("tree", 2, 20e6), lossy, stuck, windowed,
		{Spec: load.Spec{Contestant: "redis", Workload: "flat", N: 3, Size: 128, Round: 1}, Missing: "there is no redis-server"},
		{Spec: load.Spec{Contestant: "memberlist", Workload: "flat", N: 3, Size: 128, Round: 1}, Error: "form: it broke"},
	}}
	s.Rows = Summarize(s.Results)
	return s
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is\n%s\nwant\n%s", name, got, want)
	}
}

func TestAKnownTable(t *testing.T) {
	var text strings.Builder
	if err := known().Table().Text(&text); err != nil {
		t.Fatal(err)
	}
	golden(t, "flat.txt", text.String())
	golden(t, "flat.md", known().Table().Markdown())
}

func TestAKnownGrid(t *testing.T) {
	s := known()
	for _, r := range s.Results[:3] {
		larger := *r
		larger.Spec.Size = 1024
		s.Results = append(s.Results, &larger)
	}
	s.Rows, s.Grid = Summarize(s.Results), true
	golden(t, "grid.md", s.Table().Markdown())
}

// TestRatiosAreOfOneRound: 4 by 10 and 5 by 20 million have the median ratio 0.325, while the
// medians 4.5 and 15 have the ratio 0.3.
func TestRatiosAreOfOneRound(t *testing.T) {
	rows := known().Rows
	if got := rows[1].Ratios["tree"][load.Rate]; got != 0.325 {
		t.Errorf("got %v", got)
	}
	if rows[0].Ratios["tree"] != nil {
		t.Error("a contestant is held against itself")
	}
}

func TestEveryWorkloadHasATable(t *testing.T) {
	for workload, list := range columns {
		s := known()
		s.Workload = workload
		table := s.Table()
		for _, row := range table.Rows {
			if len(row) != len(list)+1 || len(row) != len(table.Header) {
				t.Errorf("%s: %d cells below %d titles", workload, len(row), len(table.Header))
			}
		}
	}
}

func TestNumbers(t *testing.T) {
	for want, got := range map[string]string{
		"0": number(0), "0.125": number(0.125), "1.00": number(0.9996), "99.9": number(99.9), "100": number(99.96), "1.00 M": number(0.9999e6),
		"10.0 k": number(9999), "12.3 M": number(12.34e6), "123 M": number(123.4e6), "0.352 ms": seconds(0.000352), "1.00 s": seconds(0.9999),
		"35.5 kB": size(35500), "1.91 GB": size(1.91e9), "0.014 %": share(0.00014), "12 B": size(12),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestThePageKeepsItsText(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "page.md")
	page := "# Title\n\n<!-- bench flat -->\nold\n<!-- end -->\n\nText.\n\n<!-- bench idle -->\nkept\n<!-- end -->\n"
	if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
		t.Fatal(err)
	}
	r := Report{Machine: "a machine", Sections: []*Section{known()}}
	for range 2 { // the second round must change nothing
		if err := r.WritePage(path); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "page.md", string(got))
	picture, err := os.ReadFile(filepath.Join(dir, "img", "flat.svg"))
	if err != nil || !strings.Contains(string(picture), "smoke") {
		t.Errorf("plot: %v", err)
	}
}

func TestAPageWithoutMarksIsRefused(t *testing.T) {
	for _, page := range []string{"", "<!-- bench flat -->\n", "<!-- bench flat -->\n<!-- bench idle -->\n<!-- end -->\n"} {
		path := filepath.Join(t.TempDir(), "page.md")
		if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := (Report{Sections: []*Section{known()}}).WritePage(path); err == nil {
			t.Errorf("%q: no error", page)
		}
	}
}

func TestPlotsAreDrawings(t *testing.T) {
	grid, steady := known(), known()
	grid.Grid = true
	steady.Workload = "steady"
	for _, r := range steady.Results {
		if r.Figures != nil {
			r.Figures[load.P50], r.Figures[load.P99], r.Figures[load.P999], r.Figures[load.Max] = 0.001, 0.002, 0.003, 0.02
		}
	}
	steady.Rows = Summarize(steady.Results)
	for _, s := range []*Section{known(), grid, steady} {
		for dec := xml.NewDecoder(strings.NewReader(string(s.plot()))); ; {
			_, err := dec.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}
