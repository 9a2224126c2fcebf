package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/smokesignal-go/smokesignal/internal/e2e/cluster"
	"github.com/smokesignal-go/smokesignal/internal/e2e/netlab"
	"github.com/smokesignal-go/smokesignal/internal/scenario"
)

// asMain makes the test binary the program: "" is the normal program, "panic" adds a
// scenario that panics.
const asMain = "REAL_TEST_MAIN"

func TestMain(m *testing.M) {
	if mode, set := os.LookupEnv(asMain); set && !cluster.IsNode() {
		if mode == "panic" {
			scenarios = []scene{{name: "panic", play: func(r *run) {
				r.settle = 0
				r.form(10 * time.Second)
				panic("in the middle of it")
			}}}
		}
		main()
	}
	if cluster.IsNode() {
		os.Exit(cluster.BeNode())
	}
	goleak.VerifyTestMain(m)
}

func need(t *testing.T) {
	t.Helper()
	if err := netlab.Available(); err != nil {
		t.Skipf("NOT TESTED: no network of namespaces on this machine: %v", err)
	}
}

// small returns a size for tests: seconds instead of minutes.
func small() config {
	c := full()
	c.nodes, c.newcomers = 10, 2
	c.least, c.most, c.full = 2, 4, 3
	c.settle, c.apart, c.away, c.linger = time.Second, 3*time.Second, 3*time.Second, time.Second
	c.rounds, c.beat = 1, time.Second
	c.stallLeast, c.stallMost = time.Second, 2*time.Second
	return c
}

// TestEachScenarioSmall runs all scenarios at once, with few nodes. It checks only results
// that do not depend on the load of the machine: the awaited conditions hold, and nothing
// is lost or broken.
func TestEachScenarioSmall(t *testing.T) {
	need(t)
	type outcome struct {
		result
		text string
		err  error
	}
	outcomes := make([]chan outcome, len(scenarios))
	for i, s := range scenarios {
		c := small()
		if s.name == "nat" {
			c.least = 1 // finding more neighbours takes a minute, in the simulator too
		}
		outcomes[i] = make(chan outcome, 1)
		// Owner: the test. It ends with the scenario, and the test waits for the result.
		// More of them run at once than t.Parallel permits, because they mostly wait.
		go func() {
			var out bytes.Buffer
			got, err := play(t.Context(), c, s, &screen{out: &out})
			outcomes[i] <- outcome{got, out.String(), err}
		}()
	}
	for i, s := range scenarios {
		got := <-outcomes[i]
		t.Run(s.name, func(t *testing.T) {
			t.Log(got.text)
			if got.err != nil {
				t.Fatal(got.err)
			}
			for _, f := range got.Figures {
				if !f.Good && (f.Unit != "s" || f.Is == scenario.Never) {
					t.Errorf("%s: %v, want %s: %s", f.Name, scenario.Format(f.Is, f.Unit), f.MarkText(), f.Note)
				}
			}
			checkMarks(t, s, got.result)
		})
	}
}

// wants maps a figure to the condition in the simulator's scripts.
var wants = map[string]string{
	"one component": "whole", "dropped by both ends": "dropped", "newcomers joined": "joined", "full degree": "joined",
	"all delivered": "delivered", "settled": "settled",
	"messages lost": "lossless", "false netsplits": "no-netsplit", "programs that did not get it once": "told-once",
	"links lost between healthy nodes": "kept", "links ended, a node": "downs",
}

// checkMarks compares the marks with those of the simulator.
func checkMarks(t *testing.T, s scene, got result) {
	t.Helper()
	script, err := scenario.Script(spec(t, s.simulated))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range got.Figures {
		want := wants[f.Name]
		if want == "" {
			continue
		}
		found := false
		for line := range strings.Lines(script) {
			words := strings.Fields(line)
			if len(words) < 2 || words[0] != "want" || words[1] != want {
				continue
			}
			found = true
			if len(words) < 4 || words[2] != "within" {
				break
			}
			d, err := time.ParseDuration(words[3])
			if err != nil {
				t.Fatal(err)
			}
			if d.Seconds() != float64(f.Mark) {
				t.Errorf("%s: the mark is %v, that of the simulator %v", f.Name, f.MarkText(), d)
			}
			break
		}
		// The simulator's oneway does not observe healthy links.
		if !found && !(s.name == "oneway" && want == "kept") {
			t.Errorf("%s: the simulator does not want %q in\n%s", f.Name, want, script)
		}
	}
}

// spec reads the arguments of smoke sim that occur here.
func spec(t *testing.T, args string) scenario.Spec {
	t.Helper()
	s := scenario.Defaults()
	s.Nodes = 60
	words := strings.Fields(args)
	for len(words) > 0 {
		if words[0] == "--silent" {
			s.Silent, words = true, words[1:]
			continue
		}
		name, value := words[0], words[1]
		words = words[2:]
		number, _ := strconv.Atoi(value)
		switch name {
		case "--scenario":
			s.Scenario = value
		case "--for":
			s.For, _ = time.ParseDuration(value)
		case "--rate":
			s.Rate = float64(number)
		case "--parts":
			s.Parts = number
		case "--rounds":
			s.Rounds = number
		case "--min-peers":
			s.MinPeers = number
		case "--max-peers":
			s.MaxPeers = number
		default:
			t.Fatalf("%s: what is this?", name)
		}
	}
	return s
}

// ours starts the program, and returns once its nodes have settled or it has
// panicked.
func ours(t *testing.T, mode string) (cmd *exec.Cmd, children []int) {
	t.Helper()
	cmd = exec.Command(os.Args[0], "-nodes", "8", "-apart", "1m", "split")
	if mode == "panic" {
		cmd.Args = append(cmd.Args[:3], "panic")
	}
	cmd.Env = append(os.Environ(), asMain+"="+mode)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "settled") {
			break
		}
	}
	if mode != "panic" { // after a panic the children may have ended already
		children = childrenOf(t, cmd.Process.Pid)
		if len(children) < 8 {
			t.Fatalf("there are %d processes", len(children))
		}
	}
	return cmd, children
}

func childrenOf(t *testing.T, pid int) (children []int) {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // a thread that has ended
		}
		for _, field := range strings.Fields(string(text)) {
			child, err := strconv.Atoi(field)
			if err != nil {
				t.Fatal(err)
			}
			children = append(children, child)
		}
	}
	return children
}

func namespacesOf(t *testing.T, pid int) (names []string) {
	t.Helper()
	text, err := exec.Command("ip", "netns", "list").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, fmt.Sprintf("smokelab.%d.", pid)) {
			names = append(names, strings.TrimSpace(line))
		}
	}
	return names
}

func TestNothingIsLeftAfterCtrlCOrPanic(t *testing.T) {
	need(t)
	for mode, code := range map[string]int{"": 1, "panic": 2} {
		t.Run("mode "+mode, func(t *testing.T) {
			t.Parallel()
			cmd, children := ours(t, mode)
			if mode == "" {
				if len(namespacesOf(t, cmd.Process.Pid)) == 0 {
					t.Error("there are no namespaces, and none will be missed")
				}
				if err := cmd.Process.Signal(os.Interrupt); err != nil {
					t.Fatal(err)
				}
			}
			var exit *exec.ExitError
			if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != code {
				t.Errorf("ended as %v, want code %d", err, code)
			}
			if left := namespacesOf(t, cmd.Process.Pid); len(left) > 0 {
				t.Errorf("left the namespaces %v", left)
			}
			for _, pid := range children {
				if process, err := os.FindProcess(pid); err == nil && process.Signal(syscall.Signal(0)) == nil {
					t.Errorf("left process %d", pid)
				}
			}
		})
	}
}

func TestWhereItCanNotMeasureItSaysSo(t *testing.T) {
	t.Setenv("PATH", "") // no ip, no nft
	var stdout, stderr bytes.Buffer
	if code := realMain(context.Background(), []string{"-json"}, &stdout, &stderr); code != 0 {
		t.Errorf("code %d", code)
	}
	if text := stderr.String(); !strings.HasPrefix(text, "!! NOTHING WAS MEASURED: ") || strings.Count(text, "\n") != 1 || !strings.Contains(text, "nftables") {
		t.Errorf("said %q", text)
	}
	var r report
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil || r.Skipped == "" || len(r.Results) > 0 {
		t.Errorf("printed %s: %v", stdout.String(), err)
	}
	stdout.Reset()
	stderr.Reset()
	if code := realMain(context.Background(), []string{"-check"}, &stdout, &stderr); code != 0 || stdout.Len() > 0 ||
		!strings.HasPrefix(stderr.String(), "!! NOT TESTED: ") || strings.Count(stderr.String(), "\n") != 1 {
		t.Errorf("-check: code %d, %q, %q", code, stdout.String(), stderr.String())
	}
}

func TestBadInputIsNamed(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"crush"}, `"crush", only split, split4,`},
		{[]string{"-nodes", "7"}, "-nodes: 7 is not allowed, only 8 to"},
		{[]string{"-rate", "0", "-rounds", "0"}, "-rounds: 0 is not allowed"},
		{[]string{"-apart", "1h"}, "-apart: 1h0m0s is not allowed"},
		{[]string{"-stall-least", "10s", "-stall-most", "9s"}, "-stall-most: 9s is less"},
		{[]string{"-what"}, "-what"},
	} {
		var stdout, stderr bytes.Buffer
		if code := realMain(context.Background(), c.args, &stdout, &stderr); code != 2 || !strings.Contains(stderr.String(), c.want) || stdout.Len() > 0 {
			t.Errorf("%v: code %d, said %q", c.args, code, stderr.String())
		}
	}
}

func TestHelpNamesEveryScenario(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := realMain(context.Background(), []string{"-h"}, &stdout, &stderr); code != 0 {
		t.Errorf("code %d", code)
	}
	for _, name := range sceneNames() {
		if !strings.Contains(stderr.String(), "  "+name+" ") {
			t.Errorf("no %s in\n%s", name, stderr.String())
		}
	}
}

func TestTheTable(t *testing.T) {
	var out bytes.Buffer
	s := &screen{out: &out}
	bad := result{Name: "crash", Does: "half of them die", Seconds: 30.4, Figures: []figure{
		{Name: "one component", Is: 1.5, Unit: "s", Mark: 2, Good: true},
		{Name: "messages said", Is: 437, Mark: scenario.None, Good: true},
		{Name: "messages lost", Is: 3, Mark: 0, Note: "node 7"},
		{Name: "settled again", Is: scenario.Never, Unit: "s", Mark: 60},
		{Name: "packets dropped by the cut", Is: 12, Mark: 1, More: true, Good: true},
	}}
	r := report{Results: []result{bad}}
	s.title(full())
	s.begin(bad)
	for _, f := range bad.Figures {
		s.figure(f)
	}
	s.close(bad)
	s.end(r, 31*time.Second)
	s.end(report{Results: []result{{Figures: []figure{bad.Figures[0]}}}}, time.Minute)
	want := `60 nodes, 3 of them seeds, each a process in a network namespace of its own;
a router between them, with nft rules that drop; 20 messages a second

crash    half of them die
  one component                          1.50 s   ≤ 2.00 s   good
  messages said                             437
  messages lost                               3   ≤ 0        MISSED: node 7
  settled again                           never   ≤ 60.00 s  MISSED
  packets dropped by the cut                 12   ≥ 1        good
  (the whole of it)                        30 s

1 scenarios in 31s: 2 marks MISSED, in [crash]

1 scenarios in 1m0s: all is well
`
	if out.String() != want {
		t.Errorf("shown\n%s\nwant\n%s", out.String(), want)
	}
	if r.missed() != 2 {
		t.Errorf("%d missed", r.missed())
	}
}

func TestNamesAreThoseOfTheSimulator(t *testing.T) {
	for _, s := range scenarios {
		name := spec(t, s.simulated).Scenario
		if !slices.Contains(scenario.Names(), name) {
			t.Errorf("%s: the simulator has no %q", s.name, name)
		}
	}
}
