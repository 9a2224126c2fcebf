package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/bench/internal/load"
)

// TestAComparisonFromEndToEnd compares this program with itself. It does not check speed:
// with so few pairs any verdict is possible, but each figure must get one.
func TestAComparisonFromEndToEnd(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := comparison{pairs: 2, most: 2, quiet: 1000, n: 3, span: 100 * time.Millisecond, floor: 0.95}
	var out, errs bytes.Buffer
	if err := c.run(t.Context(), self, self, &out, &errs); err != nil && !errors.Is(err, errSlower) {
		t.Fatal(err)
	}
	for _, want := range []string{"deliveries/s, flat out", "p99, 100 msg/s", "allocations a delivery, flat", "deliveries lost"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
	if n := strings.Count(errs.String(), "pair "); n != 4 {
		t.Errorf("%d pairs were measured, want 4:\n%s", n, &errs)
	}
}

// results returns pairs in which the new version has this speed relative to the old one.
func results(n int, speed, allocs float64, lost uint64) map[string][]*[2]*load.Result {
	counted := make(map[string][]*[2]*load.Result)
	for _, workload := range []string{"flat", "steady"} {
		for range n {
			counted[workload] = append(counted[workload], &[2]*load.Result{
				{Figures: map[string]float64{load.Rate: 1e6, load.CPU: 1, load.P99: 1e-3, load.Allocs: 1}},
				{Figures: map[string]float64{load.Rate: 1e6 * speed, load.CPU: 1 / speed, load.P99: 1e-3 / speed, load.Allocs: allocs}, Lost: lost},
			})
		}
	}
	return counted
}

func TestWhatPassesAComparison(t *testing.T) {
	c := comparison{pairs: 15, floor: 0.95}
	for _, test := range []struct {
		what    string
		counted map[string][]*[2]*load.Result
		fails   bool
	}{
		{"as fast", results(15, 1, 1, 0), false},
		{"a tenth slower", results(15, 0.9, 1, 0), true},
		{"one allocation more", results(15, 1, 2, 0), true},
		{"too few pairs", results(14, 1, 1, 0), true},
		{"a lost delivery", results(15, 1, 1, 1), true},
		{"nothing measured", nil, true},
	} {
		var out bytes.Buffer
		if err := c.print(test.counted, &out); (err != nil) != test.fails {
			t.Errorf("%s: %v\n%s", test.what, err, &out)
		}
	}
}

func TestAPairOnABusyMachineDoesNotCount(t *testing.T) {
	c := comparison{quiet: 0.1}
	calm, busy := &load.Result{Figures: map[string]float64{load.Others: 0.05}}, &load.Result{Figures: map[string]float64{load.Others: 0.2}}
	if why := c.doubt(&[2]*load.Result{calm, calm}); why != "" {
		t.Error(why)
	}
	if why := c.doubt(&[2]*load.Result{calm, busy}); why == "" {
		t.Error("it counts")
	}
}

func TestACommitIsExtracted(t *testing.T) {
	if _, err := outputOf(t.Context(), ".", "git", "rev-parse", "HEAD"); err != nil {
		t.Skip("this is no git checkout, so there is no commit to extract; it runs in each clone:", err)
	}
	dir := filepath.Join(t.TempDir(), "tree")
	if err := extract(t.Context(), ".", "HEAD", dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "bench", "go.mod")); err != nil {
		t.Error(err)
	}
	if err := extract(t.Context(), ".", "no-such-commit", filepath.Join(t.TempDir(), "tree")); err == nil {
		t.Error("a commit that does not exist was extracted")
	}
}
