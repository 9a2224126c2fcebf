package sim_test

import (
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/smokesignal-go/smokesignal/internal/overlay"
)

// schedules draws random schedules. Smaller draws make simpler schedules, so a failure that
// rapid has shrunk is easy to read.
var schedules = rapid.Custom(func(t *rapid.T) schedule {
	s := schedule{
		nodes: rapid.IntRange(3, 30).Draw(t, "nodes"),
		seeds: rapid.IntRange(1, 3).Draw(t, "seeds"),
		delay: rapid.SampledFrom([]time.Duration{time.Millisecond, 40 * time.Millisecond}).Draw(t, "delay"),
		loss:  rapid.SampledFrom([]float64{0, 0, 0, 0.02}).Draw(t, "loss"),
		wire:  rapid.Bool().Draw(t, "wire"),
		history: rapid.SampledFrom([]time.Duration{
			5 * time.Minute, 5 * time.Minute, 10 * time.Second, // the default most often
		}).Draw(t, "history"),
		seed: uint64(rapid.IntRange(0, 9999).Draw(t, "seed")),
	}
	bounds := rapid.SampledFrom([][2]int{{3, 5}, {2, 3}, {3, 4}, {4, 4}, {5, 8}}).Draw(t, "bounds")
	s.min, s.max = bounds[0], bounds[1]
	s.steps = rapid.SliceOfN(steps, 0, 40).Draw(t, "steps")
	joins := 0
	for i := range s.steps { // at most 40 nodes
		if s.steps[i].verb == "join" {
			if joins++; joins > 10 {
				s.steps[i] = step{verb: "run", time: time.Second}
			}
		}
	}
	return s.tidy()
})

var steps = rapid.Custom(func(t *rapid.T) step {
	st := step{verb: rapid.SampledFrom([]string{
		"run", "emit", "run", "emit", "run", "emit", // the simplest steps first, and most often
		"join", "heal", "cut", "crash", "silence", "leave", "restart", "return", "oneway", "stall",
	}).Draw(t, "verb")}
	number := rapid.IntRange(0, 39)
	switch st.verb {
	case "run":
		st.time = drawTime(t, 60*time.Second)
	case "cut":
		st.node = rapid.IntRange(2, 4).Draw(t, "parts")
	case "stall":
		st.node, st.time = number.Draw(t, "node"), drawTime(t, 15*time.Second)
	case "emit":
		st.node, st.more = number.Draw(t, "node"), rapid.IntRange(1, 5).Draw(t, "events")
	case "oneway":
		st.node, st.more = number.Draw(t, "from"), number.Draw(t, "to")
	case "join", "heal":
	default:
		st.node = number.Draw(t, "node")
	}
	return st
})

// drawTime draws short times, such as the middle of a handshake, as often as long ones.
func drawTime(t *rapid.T, most time.Duration) time.Duration {
	if rapid.Bool().Draw(t, "short") {
		return time.Duration(rapid.IntRange(1, 1000).Draw(t, "ms")) * time.Millisecond
	}
	return time.Duration(rapid.IntRange(1, int(most/time.Second)).Draw(t, "s")) * time.Second
}

// TestAnyScheduleEndsWell applies faults in any order. Afterwards the network must be whole, all
// nodes must reach each other, and no promise may have been broken. A failing schedule is
// shrunk and printed; save it in testdata/schedules, where TestSchedulesThatOnceFailed
// finds it.
//
// The flag -rapid.checks=N tries N schedules instead of 200.
func TestAnyScheduleEndsWell(t *testing.T) {
	checks(t, 200)
	rapid.Check(t, func(t *rapid.T) {
		s := schedules.Draw(t, "schedule")
		if err := s.run(nil, nil); err != nil {
			t.Fatalf("%v\n%v", err, s)
		}
	})
}

// checks sets the number of draws of a test, unless the flag is set.
func checks(t *testing.T, n int) {
	const name = "rapid.checks"
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == name })
	if given {
		return
	}
	f := flag.Lookup(name)
	before := f.Value.String()
	// Value.Set, unlike flag.Set, does not mark the flag as set.
	if err := f.Value.Set(strconv.Itoa(n)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Value.Set(before); err != nil {
			t.Error(err)
		}
	})
}

// If a repair mechanism is off, one of the schedules must fail. (Ranks are for a network
// without seeds, and rotation shapes the overlay. Both have tests of their own.)
func TestSchedulesNoticeWhatIsTurnedOff(t *testing.T) {
	for _, repair := range []struct {
		name string
		off  func(cfg *overlay.Config)
	}{
		{"announcements", func(cfg *overlay.Config) { cfg.Tree.LazyDelay = -1 }},
		{"sync", func(cfg *overlay.Config) { cfg.Tree.NoSync = true }},
		{"waiting", func(cfg *overlay.Config) { cfg.Tree.NoWait = true }},
		// Rotation would join the parts after some time.
		{"probes", func(cfg *overlay.Config) { cfg.Watch.Interval, cfg.Membership.RotateInterval = -1, -1 }},
		{"insistence", func(cfg *overlay.Config) { cfg.Membership.NoInsistence = true }},
	} {
		t.Run(repair.name, func(t *testing.T) {
			for seed := range 3000 {
				if err := schedules.Example(seed).run(repair.off, nil); err != nil {
					t.Logf("schedule %d: %v", seed, err)
					return
				}
			}
			t.Error("3000 schedules ended well")
		})
	}
}

var traced = flag.Bool("trace", false, "print what the nodes do in TestSchedulesThatOnceFailed")

// Each of these schedules once found a fault, which its first line describes.
func TestSchedulesThatOnceFailed(t *testing.T) {
	files, err := filepath.Glob("testdata/schedules/*")
	if err != nil || len(files) == 0 {
		t.Fatalf("no schedules: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".schedule"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s, err := parseSchedule(string(text))
			if err != nil {
				t.Fatal(err)
			}
			var trace func(string)
			if *traced {
				trace = func(line string) { t.Log(line) }
			}
			if err := s.run(nil, trace); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// A printed schedule parses to the same schedule.
func TestScheduleReadsWhatItWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := schedules.Draw(t, "schedule")
		again, err := parseSchedule(s.String())
		if err != nil {
			t.Fatal(err)
		}
		if again.String() != s.String() {
			t.Fatalf("wrote\n%v\nread\n%v", s, again)
		}
	})
}
