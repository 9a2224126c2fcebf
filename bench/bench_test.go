package main

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/smokesignal-go/smokesignal/bench/internal/report"
)

// TestMain makes the test binary the child process of a measurement, if it is started as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "child" {
		main()
		return
	}
	os.Exit(m.Run())
}

// run runs the command and returns its output.
func run(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := command()
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(&errs)
	err = cmd.ExecuteContext(t.Context())
	return out.String(), errs.String(), err
}

func TestAMeasurementFromEndToEnd(t *testing.T) {
	out, errs, err := run(t, "flat", "--n", "4", "--only", "tree,smoke", "--rounds", "1", "--warm", "10ms", "--for", "50ms", "--json")
	if err != nil || errs != "" {
		t.Fatal(err, errs)
	}
	var got report.Report
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Sections) != 1 || len(got.Sections[0].Rows) != 2 {
		t.Fatalf("got %s", out)
	}
	for i, name := range []string{"tree", "smoke"} {
		row := got.Sections[0].Rows[i]
		if row.Contestant != name || row.Rounds != 1 || row.Wrong > 0 || row.Reordered > 0 || row.Due == 0 {
			t.Errorf("got %+v", row)
		}
	}
}

func TestATableForPeople(t *testing.T) {
	out, _, err := run(t, "form", "--n", "4", "--only", "tree,nats", "--rounds", "1", "--for", "1ms")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"go run . form --for 1ms --n 4 --only tree,nats --rounds 1", "formed in", "\ntree ", "\nnats "} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

func TestWhatIsCalledWronglyIsRefused(t *testing.T) {
	for _, args := range [][]string{{"flat", "--only", "carrier-pigeon"}, {"flat", "--n", "x"}, {"fly"}, {"flat", "now"}} {
		if _, _, err := run(t, args...); err == nil {
			t.Errorf("%v: no error", args)
		}
	}
}

// TestCommandsMeasureTheSame: the command under a table, if it is run, requests the same
// measurements as the table.
func TestCommandsMeasureTheSame(t *testing.T) {
	ids := map[string]bool{}
	for _, quick := range []bool{false, true} {
		for _, r := range plan(quick) {
			words := strings.Fields(r.command())[3:]
			again := requestOf(r.workload, false)
			again.title = r.title
			flags := pflag.NewFlagSet("", pflag.ContinueOnError)
			again.flags(flags)
			if err := flags.Parse(words[0:]); err != nil {
				t.Errorf("%s: %v", r.command(), err)
			}
			a, err := r.jobs()
			if err != nil {
				t.Fatal(err)
			}
			b, err := again.jobs()
			if err != nil {
				t.Fatal(err)
			}
			if !slices.EqualFunc(a, b, func(x, y job) bool { return x.spec == y.spec }) {
				t.Errorf("%s is another request than that of %s", r.command(), r.id())
			}
			if !quick && ids[r.id()] {
				t.Errorf("two tables are called %s", r.id())
			}
			ids[r.id()] = true
		}
	}
}

// TestThePageHasAPlaceForEverything: the page has a mark for each table of `bench all`.
func TestThePageHasAPlaceForEverything(t *testing.T) {
	page, err := os.ReadFile("../docs/performance.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range plan(false) {
		if !strings.Contains(string(page), "<!-- bench "+r.id()+" -->\n") {
			t.Errorf("no place for %s", r.id())
		}
	}
}

func TestRoundsAlternate(t *testing.T) {
	r := requestOf("flat", false)
	r.rounds, r.slowRounds, r.only = 2, 1, []string{"tree", "smoke", "memberlist"}
	jobs, err := r.jobs()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, j := range jobs {
		got = append(got, j.contestant.Name)
	}
	if want := []string{"tree", "smoke", "memberlist", "smoke", "tree"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestTheBudget(t *testing.T) {
	for quick, limit := range map[bool]time.Duration{false: 10 * time.Minute, true: time.Minute} {
		var sum time.Duration
		for _, r := range plan(quick) {
			jobs, err := r.jobs()
			if err != nil {
				t.Fatal(err)
			}
			longest := time.Duration(0)
			for _, j := range jobs {
				longest = max(longest, planned(j.spec))
				if !r.sideBySide {
					sum += planned(j.spec)
				}
			}
			if r.sideBySide {
				sum += longest
			}
		}
		if sum > limit {
			t.Errorf("quick %v: planned to take %v, more than %v", quick, sum, limit)
		}
		t.Log(quick, sum)
	}
}
