package scenario

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// small returns a spec of each scenario that takes about a second.
func small(name string) Spec {
	s := Defaults()
	s.Scenario, s.Nodes = name, 60
	switch name {
	case "split":
		s.For, s.Rate = time.Minute, 10
	case "crash":
		s.Fraction, s.Rate = 0.5, 10
	case "churn":
		s.For = 2 * time.Minute
	case "flap":
		s.Rounds = 10
	case "seeds":
		s.For = time.Minute
	case "dial":
		s.Rounds = 500
	case "eclipse":
		s.Nodes, s.For = 100, 90*time.Second
	case "glomers":
		s.Nodes, s.MaxPeers, s.Latency = 25, 24, "100ms"
	}
	return s
}

// mayMiss are the marks that a network of this size can't meet.
var mayMiss = map[string][]string{
	"churn": {"least share in one component"}, // with 60 nodes, a single node without a link misses the mark
}

func TestScenarios(t *testing.T) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			for _, variant := range []struct {
				name string
				with func(s *Spec)
			}{
				{"", func(*Spec) {}},
				{"bytes", func(s *Spec) { s.Wire = true }},
			} {
				s := small(name)
				variant.with(&s)
				r, err := Run(s)
				if err != nil {
					t.Fatal(err)
				}
				if r.Broken != "" {
					t.Errorf("%s: %s", variant.name, r.Broken)
				}
				for _, f := range r.Figures {
					if !f.Good && !slices.Contains(mayMiss[name], f.Name) {
						t.Errorf("%s: %s is %s, the mark is %s: %s", variant.name, f.Name, Format(f.Is, f.Unit), Format(f.Mark, f.Unit), f.Note)
					}
				}
				if len(r.Figures) == 0 || len(r.Samples) == 0 || r.Steps == 0 {
					t.Errorf("%s: nothing was measured: %+v", variant.name, r)
				}
			}
		})
	}
}

// Scenarios in their harder variants, for those that have some.
func TestScenariosInTheRain(t *testing.T) {
	for _, line := range []struct {
		name string
		with func(s *Spec)
	}{
		{"split", func(s *Spec) { s.Parts = 4 }},
		{"split", func(s *Spec) { s.MinPeers, s.MaxPeers = 4, 4 }},
		{"split", func(s *Spec) { s.For, s.Rate = 10*time.Minute, 1 }},
		{"crash", func(s *Spec) { s.Fraction, s.Silent, s.Nodes = 0.9, true, 200 }},
		{"crash", func(s *Spec) { s.Fraction, s.Seedless, s.Nodes = 0.8, true, 200 }},
		{"glomers", func(s *Spec) { s.Parts = 2 }},
		{"glomers", func(s *Spec) { s.Parts, s.Seeds, s.MinPeers, s.MaxPeers = 2, 3, 3, 5 }},
		{"steady", func(s *Spec) { s.Loss = 0.02 }},
		{"seeds", func(s *Spec) { s.Latency = "world" }},
	} {
		s := small(line.name)
		line.with(&s)
		t.Run(fmt.Sprintf("%s %+v", line.name, s), func(t *testing.T) {
			r, err := Run(s)
			if err != nil {
				t.Fatal(err)
			}
			if r.Broken != "" {
				t.Error(r.Broken)
			}
			for _, f := range r.Figures {
				// The speed may depend on delays and losses. Whether events are lost must
				// not.
				if !f.Good && (math.IsInf(float64(f.Is), 0) || strings.Contains(f.Name, "lost")) {
					t.Errorf("%s is %s: %s", f.Name, Format(f.Is, f.Unit), f.Note)
				}
			}
		})
	}
}

// The two challenges of Gossip Glomers, counted cold, with their marks. Seeds 11, 12 and
// 16 missed 3e and seeds 2, 16 and 59 missed 3d before links settled by the spread of a
// pulse.
func TestGlomersMeetsTheMarksOfTheChallenges(t *testing.T) {
	for _, kind := range []string{"3d", "3e"} {
		for _, start := range []string{"linked", "settled"} {
			for _, seed := range []uint64{1, 2, 3, 11, 12, 16, 59} {
				s := Defaults()
				s.Nodes, s.Seed, s.Latency = 25, seed, "100ms"
				if kind == "3d" {
					s.Seeds, s.MaxPeers = 1, 24
				}
				s.Script = fmt.Sprintf("form\nwant %s within 20s\nglomers 100/s 20s %s\n", start, kind)
				r, err := Run(s)
				if err != nil {
					t.Fatal(err)
				}
				if !r.IsGood() {
					t.Errorf("%s from %s, seed %d: %s %+v", kind, start, seed, r.Broken, r.Figures)
				}
			}
		}
	}
}

// The limits can be missed: with 3 to 5 neighbours, a network of 25 nodes can't meet all
// limits of 3d.
func TestGlomersMissesWhatItMisses(t *testing.T) {
	s := Defaults()
	s.Nodes, s.Latency = 25, "100ms"
	s.Script = "form\nwant linked\nglomers 100/s 5s 3d\n"
	r, err := Run(s)
	if err != nil {
		t.Fatal(err)
	}
	missed := 0
	for _, f := range r.Figures {
		if !f.Good && strings.HasPrefix(f.Name, "stable latency") {
			missed++
		}
	}
	if missed != 2 {
		t.Errorf("%d latencies miss the marks of 3d: %+v", missed, r.Figures)
	}
}

// Two runs with the same seed are equal, with any number of processors.
func TestOneSeedOneTrace(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	s := small("churn")
	s.Loss, s.Latency, s.For = 0.01, "world", 30*time.Second
	run := func() string {
		r, err := Run(s)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(r.Hash, r.Steps, r.Figures)
	}
	first := run()
	for _, processors := range []int{1, 2, 2} {
		runtime.GOMAXPROCS(processors)
		if again := run(); again != first {
			t.Fatalf("on %d processors\n%s\nand before\n%s", processors, again, first)
		}
	}
	s.Seed++
	if run() == first {
		t.Error("another seed gave the same run")
	}
}

func TestScriptOfOnesOwn(t *testing.T) {
	s := Defaults()
	s.File = "my.script"
	s.Script = `
set nodes=30 seeds=2 latency=5ms   # a small one
form
want settled within 5s
repeat 3
	cut 3 seeds
	run 1s
	heal
	run 1s
end
talk 20/s from 5
run 2s
quiet
want delivered within 5s
want coverage 1
`
	r, err := Run(s)
	if err != nil {
		t.Fatal(err)
	}
	if !r.IsGood() || len(r.Figures) != 3 || r.Virtual < 8 {
		t.Errorf("%+v", r)
	}
}

func TestBadScripts(t *testing.T) {
	for _, line := range []struct{ script, field, allowed string }{
		{"fly", "line 1", "crash"},
		{"form\n\ncut", "line 3", "cut K"},
		{"cut 1", "line 1", "cut K"},
		{"crash 1.5", "line 1", "SHARE"},
		{"crash 0.5 loudly", "line 1", "silent"},
		{"crash NaN", "line 1", "SHARE"},
		{"run fast", "line 1", "DURATION"},
		{"run -1s", "line 1", "DURATION"},
		{"talk 10", "line 1", "RATE/s"},
		{"talk 0/s", "line 1", "RATE/s"},
		{"stall 0.1 9s-3s", "line 1", "FROM-TO"},
		{"want peace", "line 1", "whole"},
		{"want whole within", "line 1", "within"},
		{"want last", "line 1", "within"},
		{"want main 2", "line 1", "main"},
		{"repeat 3\nform", "line 1", "end"},
		{"form\nend", "line 2", "repeat"},
		{"set colour=red", "setting", "nodes"},
		{"set nodes=many", "nodes", "number"},
		{"set nodes=5 seeds=9", "seeds", "nodes, 5"},
		{"set latency=soon", "latency", "world"},
	} {
		s := Defaults()
		s.Script = line.script
		_, err := Run(s)
		var input *InputError
		if !errors.As(err, &input) || !strings.Contains(err.Error(), line.field) || !strings.Contains(err.Error(), line.allowed) {
			t.Errorf("%q: %v", line.script, err)
		}
	}
}

func TestBadSpecs(t *testing.T) {
	for _, bad := range []struct {
		field string
		with  func(s *Spec)
	}{
		{"scenario", func(s *Spec) { s.Scenario = "doom" }},
		{"scenario", func(s *Spec) { s.Scenario = "" }},
		{"nodes", func(s *Spec) { s.Nodes = 0 }},
		{"nodes", func(s *Spec) { s.Nodes = 1 << 30 }},
		{"seeds", func(s *Spec) { s.Seeds = 101 }},
		{"seeds", func(s *Spec) { s.Seeds = -1 }},
		{"fraction", func(s *Spec) { s.Fraction = 1.01 }},
		{"fraction", func(s *Spec) { s.Fraction = math.NaN() }},
		{"loss", func(s *Spec) { s.Loss = 0.9 }},
		{"parts", func(s *Spec) { s.Parts = 1 }},
		{"for", func(s *Spec) { s.For = -time.Second }},
		{"rate", func(s *Spec) { s.Rate = math.Inf(1) }},
		{"senders", func(s *Spec) { s.Senders = 1000 }},
		{"payload", func(s *Spec) { s.Payload = 1 }},
		{"rounds", func(s *Spec) { s.Rounds = -1 }},
		{"min-peers", func(s *Spec) { s.MinPeers = 0 }},
		{"max-peers", func(s *Spec) { s.MaxPeers = 2 }},
		{"latency", func(s *Spec) { s.Latency = "3ms-1ms" }},
		{"latency", func(s *Spec) { s.Latency = "0s" }},
	} {
		s := small("form")
		s.Nodes = 100
		bad.with(&s)
		_, err := Run(s)
		var input *InputError
		if !errors.As(err, &input) || input.Field != bad.field || input.Allowed == "" {
			t.Errorf("%s: %v", bad.field, err)
		}
	}
}

// The script of each named scenario parses.
func TestNamedScenariosAreScripts(t *testing.T) {
	for _, name := range Names() {
		text, err := Script(small(name))
		if err != nil {
			t.Fatal(err)
		}
		s := small(name)
		s.Scenario, s.Script = "", text
		if _, err := s.parse(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
}

func TestSummary(t *testing.T) {
	var results []*Result
	for _, x := range []Number{3, 1, Never, 2} {
		r := &Result{}
		r.add(Figure{Name: "time", Is: x, Unit: "s", Mark: 2, Good: x <= 2})
		r.add(Figure{Name: "share", Is: x, More: true, Good: true})
		r.add(Figure{Name: "time", Is: 1, Good: true})
		results = append(results, r)
	}
	list := Summarize(results)
	if len(list) != 3 || list[2].Name != "time (2)" {
		t.Fatalf("%+v", list)
	}
	if s := list[0]; s.Median != 2.5 || s.Is != Never || s.Good || s.Runs != 4 {
		t.Errorf("times: %+v", s)
	}
	if s := list[1]; s.Is != 1 || !s.Good {
		t.Errorf("shares: %+v", s)
	}
}

// An attacker has most of the nodes. Without the limits the honest nodes lose each other.
// (The address books have room for all nodes here, so their limits have no effect;
// TestFewGroupsGetLittleOfTheBook checks these.)
func TestWithoutLimitsSybilsTakeOver(t *testing.T) {
	run := func(change func(s *Spec)) (wrong []Figure) {
		s := small("eclipse")
		change(&s)
		r, err := Run(s)
		if err != nil || r.Broken != "" {
			t.Fatal(err, r.Broken)
		}
		for _, f := range r.Figures {
			// In so small a network the events that are lost in the first
			// moments depend on which nodes had no link then, and for how long.
			if !f.Good && f.Name != "events lost" {
				wrong = append(wrong, f)
			}
		}
		return wrong
	}
	for _, variant := range []struct {
		name string
		with func(s *Spec)
	}{
		{"16 groups", func(*Spec) {}},
		{"one group", func(s *Spec) { s.Groups = 1 }},
		{"they pass everything on", func(s *Spec) { s.Relays = true }},
		{"they say that their programs asked for the links", func(s *Spec) { s.Keeps = true }},
	} {
		for _, f := range run(variant.with) {
			t.Errorf("%s: %s is %s, the mark is %s: %s", variant.name, f.Name, Format(f.Is, f.Unit), Format(f.Mark, f.Unit), f.Note)
		}
	}
	isAlone := func(f Figure) bool { return strings.HasPrefix(f.Name, "no honest link") }
	if !slices.ContainsFunc(run(func(s *Spec) { s.NoLimits = true }), isAlone) {
		t.Error("without limits nobody was left alone with Sybils")
	}
}
