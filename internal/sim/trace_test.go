package sim_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/overlay"
	"github.com/smokesignal-go/smokesignal/internal/sim"
)

var update = flag.Bool("update", false, "write the traces under testdata anew")

// script is a world that records the actions of its nodes as text.
type script struct {
	*world
	lines []string
}

func newScript(t *testing.T, seed uint64, cfg overlay.Config) *script {
	s := &script{}
	s.world = newWorld(t, sim.Config{Seed: seed, Overlay: cfg, Trace: func(line string) {
		// Frames that every link carries all the time are not part of the story.
		for _, noise := range []string{" PING", " PONG", " SHUFFLE", " BEACON"} {
			if strings.Contains(line, noise) {
				return
			}
		}
		s.lines = append(s.lines, line)
	}})
	return s
}

func (s *script) say(format string, args ...any) {
	s.lines = append(s.lines, "# "+fmt.Sprintf(format, args...))
}

// want compares the record with the file of that name.
func (s *script) want(name string) {
	s.t.Helper()
	path := filepath.Join("testdata", name+".trace")
	got := strings.Join(s.lines, "\n") + "\n"
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			s.t.Fatal(err)
		}
		return
	}
	file, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	was, is := strings.Split(string(file), "\n"), strings.Split(got, "\n")
	for i := range max(len(was), len(is)) {
		a, b := "(end)", "(end)"
		if i < len(was) {
			a = was[i]
		}
		if i < len(is) {
			b = is[i]
		}
		if a != b {
			s.t.Fatalf("%s, line %d:\n was %s\n now %s\n(if the change is meant: go test ./internal/sim -run Trace -update)", path, i+1, a, b)
		}
	}
}

func TestTraceOfAJoin(t *testing.T) {
	s := newScript(t, 1, overlay.Config{})
	seed := sim.Addr(0)
	s.say("n0 is the seed. It starts alone.")
	s.join(seed)
	s.Run(time.Second)
	s.say("n1 joins.")
	s.join(seed)
	s.Run(time.Second)
	s.say("n2 joins: n0 takes it, tells it of n1, and tells n1 of it.")
	s.join(seed)
	s.Run(time.Second)
	s.say("n3 joins.")
	s.join(seed)
	s.Run(time.Second)
	s.wantSettled(0)
	s.want("join")
}

func TestTraceOfASimultaneousDial(t *testing.T) {
	s := newScript(t, 1, overlay.Config{})
	a, b := s.join(), s.join()
	lower := a
	if b.ID.Less(a.ID) {
		lower = b
	}
	s.say("n%d has the lower id. The programs of both nodes add the other one at the same moment.", lower.Index)
	a.Do(func(m *overlay.Machine, now time.Time, out overlay.Out) { m.Add(now, b.Addr, 1, out) })
	b.Do(func(m *overlay.Machine, now time.Time, out overlay.Out) { m.Add(now, a.Addr, 1, out) })
	s.Run(time.Second)
	if err, ok := a.Answers[1]; !ok || err != nil {
		t.Errorf("n0 was told %v, %v", err, ok)
	}
	if err, ok := b.Answers[1]; !ok || err != nil {
		t.Errorf("n1 was told %v, %v", err, ok)
	}
	s.wantSettled(0)
	s.want("simultaneous-dial")
}

func TestTraceOfAGraft(t *testing.T) {
	s := newScript(t, 2, overlay.Config{})
	for range 3 {
		s.join(sim.Addr(0))
	}
	s.wantSettled(10 * time.Second)
	s.Run(5 * time.Second)
	s.lines = nil
	s.say("Three nodes, each a neighbour of both others. n0 emits; the copy that n1 and n2 send each other is a duplicate.")
	s.emit(s.Nodes[0])
	s.Run(time.Second)
	s.say("From now on nothing passes between n0 and n2. n0 emits; n1 announces what n2 misses.")
	s.CutPair(s.Nodes[0], s.Nodes[2])
	s.emit(s.Nodes[0])
	s.Run(time.Second)
	s.say("What was held up between n0 and n2 arrives late, and is one duplicate more.")
	s.Heal()
	s.Run(time.Second)
	s.want("graft")
}

func TestTraceOfASplitThatHeals(t *testing.T) {
	s := newScript(t, 1, bounds(2, 3))
	for range 6 {
		s.join(sim.Addr(0), sim.Addr(1))
	}
	s.wantSettled(10 * time.Second)
	s.Run(20 * time.Second)
	s.lines = nil
	s.say("Six nodes; n0 and n1 are the seeds. The network is cut: even numbers here, odd ones there.")
	s.halves()
	s.Run(15 * time.Second)
	s.say("n2 and n3 emit: each half hears its own.")
	s.emit(s.Nodes[2])
	s.emit(s.Nodes[3])
	s.Run(5 * time.Second)
	s.say("The cut heals.")
	s.Heal()
	s.wantWhole(10 * time.Second)
	s.Run(6 * time.Second)
	s.wantFoundAndHealedOnce()
	if s.told != 1 {
		t.Error("nobody was told of the netsplit")
	}
	s.want("split-and-heal")
}

// Two runs with the same seed are equal to the last frame. A run with another seed differs.
func TestOneSeedOneRun(t *testing.T) {
	run := func(seed uint64) (uint64, string) {
		lines := 0
		last := ""
		w := newWorld(t, sim.Config{Seed: seed, Trace: func(line string) { lines++; last = line }})
		w.form(60, 3)
		w.talk(3*time.Second, 20*time.Millisecond)
		w.halves()
		w.talk(12*time.Second, 50*time.Millisecond)
		w.crash(0.3, true)
		w.Heal()
		w.talk(5*time.Second, 50*time.Millisecond)
		return w.Hash(), fmt.Sprintf("%d lines, %d steps, the last one %q", lines, w.Steps, last)
	}
	hash, story := run(1)
	for range 3 {
		if again, anew := run(1); again != hash || anew != story {
			t.Fatalf("seed 1 gave %x, %s\nand then %x, %s", hash, story, again, anew)
		}
	}
	if other, _ := run(2); other == hash {
		t.Error("seeds 1 and 2 gave the same run")
	}
}
