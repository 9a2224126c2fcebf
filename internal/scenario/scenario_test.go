package scenario

import (
	"errors"
	"testing"
	"time"
)

// Every scenario runs on a small network. Nothing that a node promises may be
// broken in it; whether it is as fast as it should be is not asked here, where
// the networks are too small to tell.
func TestNoScenarioBreaksAPromise(t *testing.T) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec := Defaults()
			spec.Scenario, spec.Nodes, spec.Wire = name, 40, true
			if name == "churn" {
				spec.For = time.Minute
			}
			result, err := Run(spec)
			if err != nil {
				t.Fatal(err)
			}
			if result.Broken != "" {
				t.Errorf("seed %d: %s", spec.Seed, result.Broken)
			}
			if len(result.Figures) == 0 || result.Steps == 0 {
				t.Error("nothing was measured")
			}
		})
	}
}

func TestOneSeedGivesOneRun(t *testing.T) {
	spec := Defaults()
	spec.Scenario, spec.Nodes, spec.Fraction = "crash", 60, 0.5
	first, err := Run(spec)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Run(spec)
	if err != nil {
		t.Fatal(err)
	}
	spec.Seed++
	other, err := Run(spec)
	if err != nil {
		t.Fatal(err)
	}
	if first.Hash != again.Hash || first.Hash == other.Hash {
		t.Errorf("hashes %s and %s of one seed, %s of another", first.Hash, again.Hash, other.Hash)
	}
}

func TestBadInputNamesTheField(t *testing.T) {
	for field, spoil := range map[string]func(*Spec){ // order does not matter: each is a case of its own
		"scenario": func(s *Spec) { s.Scenario = "flood" },
		"fraction": func(s *Spec) { s.Fraction = 1.5 },
		"seeds":    func(s *Spec) { s.Seeds = 200 },
		"latency":  func(s *Spec) { s.Latency = "soon" },
	} {
		spec := Defaults()
		spec.Scenario = "crash"
		spoil(&spec)
		_, err := Run(spec)
		var input *InputError
		if !errors.As(err, &input) || input.Field != field || input.Allowed == "" {
			t.Errorf("%s: %v", field, err)
		}
	}
}
