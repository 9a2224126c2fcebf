package smoketest

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// witness is a test that records how it fails.
type witness struct {
	testing.TB
	failed bool
	texts  []string
	logged []string
}

// fatal ends a failing test of a witness.
type fatal struct{}

func (w *witness) Helper()      {}
func (w *witness) Failed() bool { return w.failed }

func (w *witness) Logf(format string, args ...any) {
	w.logged = append(w.logged, fmt.Sprintf(format, args...))
}

func (w *witness) Errorf(format string, args ...any) {
	w.failed = true
	w.texts = append(w.texts, fmt.Sprintf(format, args...))
}

func (w *witness) Fatalf(format string, args ...any) {
	w.Errorf(format, args...)
	panic(fatal{})
}

// fails runs a test that should fail, and returns its witness.
func fails(t *testing.T, n int, o Options, test func(net *Network)) *witness {
	t.Helper()
	w := &witness{TB: t}
	synctest.Test(t, func(t *testing.T) {
		net := newNetwork(w, n)
		if o.Configure != nil {
			net.configure = func(i int, opts *smoke.Options) { o.Configure(t, i, opts) }
		}
		if o.Setup != nil {
			net.onLife(func(i int, node *smoke.Node) { o.Setup(t, i, node) })
		}
		defer net.end()
		defer func() {
			if v := recover(); v != nil && v != (fatal{}) {
				panic(v)
			}
		}()
		net.begin(n, false)
		test(net)
	})
	return w
}

// wantText checks that there is one failure, whose text contains all parts in this order.
func (w *witness) wantText(t *testing.T, parts ...string) {
	t.Helper()
	text := strings.Join(w.texts, "\n")
	if len(w.texts) != 1 {
		t.Errorf("%d failures: %s", len(w.texts), text)
	}
	at := 0
	for _, part := range parts {
		found := strings.Index(text[at:], part)
		if found < 0 {
			t.Errorf("the failure does not say %q (then): %s", part, text)
			return
		}
		at += found + len(part)
	}
}

func TestSettlePrintsTheLinks(t *testing.T) {
	o := Options{Configure: func(t *testing.T, i int, o *smoke.Options) {
		if i == 3 {
			o.Network = "another"
		}
	}}
	w := fails(t, 3, o, func(net *Network) {
		net.Crash(2)
		net.Add()
		net.Settle()
	})
	w.wantText(t, "not settled after 15m0s: node 3 has no neighbours\n",
		"\tnode 0 sees 1\n\tnode 1 sees 0\n\tnode 2 crashed\n\tnode 3 sees no node")
}

func TestSettleNamesTheParts(t *testing.T) {
	fails(t, 5, Options{}, func(net *Network) {
		net.Partition([]int{1, 4}, []int{2})
		if v := net.look(); !strings.Contains(v.fault, "cut off") || !strings.Contains(v.picture, "which is cut off from it") ||
			!strings.HasSuffix(v.picture, "\tcut into the parts 0 3 | 1 4 | 2") {
			t.Errorf("%s\n%s", v.fault, v.picture)
		}
		net.Settle()
		if v := net.look(); v.fault != "" || !strings.HasPrefix(v.picture, "\tnode 0 sees 3\n\tnode 1 sees 4\n\tnode 2 sees no node\n") {
			t.Errorf("%s\n%s", v.fault, v.picture)
		}
		net.Crash(3)
		if v := net.look(); v.fault != "node 0 has node 3, which crashed, for a neighbour" {
			t.Errorf("%s\n%s", v.fault, v.picture)
		}
	})
}

func TestSettleNeedsAProgramThatRests(t *testing.T) {
	w := fails(t, 2, Options{}, func(net *Network) {
		over := make(chan bool)
		defer close(over)
		// Owned by this test; over ends it, and the bubble waits for it.
		go func() {
			for tick := time.Tick(time.Second); ; {
				select {
				case <-tick:
					_ = net.Node(0).Broadcast().Emit("tick") // fails only at the end
				case <-over:
					return
				}
			}
		}()
		net.Settle()
	})
	w.wantText(t, "not settled after 15m0s: events come all the time, ", "then use Wait", "node 0 sees 1")
}

func TestSettleSeesWhatWaitsForAHandler(t *testing.T) {
	w := fails(t, 2, Options{}, func(net *Network) {
		over := make(chan bool)
		defer close(over)
		net.Node(1).Broadcast().On("chat", func() { <-over })
		for range 3 {
			if err := net.Node(0).Broadcast().Emit("chat"); err != nil {
				t.Error(err)
			}
		}
		net.Settle()
	})
	w.wantText(t, "2 events wait for the handlers of node 1\n", "node 1 sees 0; 2 events wait for its handlers")
}

func TestWaitSaysWhatItWaitedFor(t *testing.T) {
	w := fails(t, 3, Options{}, func(net *Network) {
		start, calls := time.Now(), 0
		net.Wait(time.Hour, "ten turns", func() bool { calls++; return calls == 10 })
		if took := time.Since(start); took != 9*waitStep {
			t.Errorf("it took %v", took)
		}
		net.Wait(time.Minute, "pigs fly", func() bool { return false })
	})
	w.wantText(t, "not within 1m0s: pigs fly\n\tnode 0 sees 1 2\n")
}

func TestMistakesOfATest(t *testing.T) {
	for want, mistake := range map[string]func(net *Network){
		"there is no node 7: there are 3, numbered from 0":           func(net *Network) { net.Crash(7) },
		"there is no node -1":                                        func(net *Network) { net.Node(-1) },
		"there is no node 3":                                         func(net *Network) { net.Partition([]int{0}, []int{3}) },
		"there is no node 4":                                         func(net *Network) { net.Cut(0, 4) },
		"node 1 is in two parts of the partition [[0 1] [1 2]]":      func(net *Network) { net.Partition([]int{0, 1}, []int{1, 2}) },
		"node 2 does not run: it crashed":                            func(net *Network) { net.Crash(2); net.Stop(2) },
		"node 2 does not run: it was stopped":                        func(net *Network) { net.Stop(2); net.Crash(2) },
		"record the events of node 1: ":                              func(net *Network) { recordTheWrongType(net) },
		"start node 3: bad options: MaxPayload is -1: no node sends": func(net *Network) { net.Add() },
	} {
		o := Options{Configure: func(t *testing.T, i int, o *smoke.Options) {
			if i == 3 {
				o.MaxPayload = -1
			}
		}}
		fails(t, 3, o, mistake).wantText(t, want)
	}
	fails(t, 0, Options{}, func(*Network) {}).wantText(t, "a network of 0 nodes: it needs at least one")
}

func recordTheWrongType(net *Network) {
	Record[int](net, "chat")
	net.Stop(2)
	_ = net.Node(0).Broadcast().Emit("chat", "no number") // can't fail
	net.Settle()
}

// The logs of the nodes help to find the cause of a failure.
func TestLogsAreShownOnFailure(t *testing.T) {
	story := func(t *testing.T, verbose, fail, warn bool) []string {
		was := flag.Lookup("test.v").Value.String()
		flag.Set("test.v", strconv.FormatBool(verbose))
		defer flag.Set("test.v", was)
		o := Options{Setup: func(_ *testing.T, i int, node *smoke.Node) {
			node.Broadcast().On("stumble", func() { panic("a stone") })
		}}
		return fails(t, 2, o, func(net *Network) {
			net.Crash(1)
			net.Restart(1)
			net.Settle()
			if warn {
				if err := net.Node(0).Broadcast().Emit("stumble"); err != nil {
					t.Error(err)
				}
				net.Settle()
			}
			if fail {
				net.t.Errorf("no reason")
			}
		}).logged
	}
	if logged := story(t, false, false, true); len(logged) > 0 {
		t.Errorf("without a failure: %q", logged)
	}
	logged := story(t, false, true, false)
	if len(logged) != 1 || !strings.HasPrefix(logged[0], "no node logged a warning or an error; `go test -v` shows ") {
		t.Errorf("without a warning: %q", logged)
	}
	logged = story(t, false, true, true)
	if len(logged) != 2 || strings.Contains(logged[0], "level=info") || !strings.Contains(logged[1], "`go test -v` shows all") ||
		!regexp.MustCompile(`^log of node 1:\n\t\d+\.?\d*s level=error msg="[^"]*panicked`).MatchString(logged[0]) {
		t.Errorf("with a warning: %q", logged)
	}
	logged = story(t, true, true, false)
	if len(logged) != 2 || !strings.HasPrefix(logged[1], "log of node 1:\n\t0s level=info msg=listening ") ||
		strings.Count(logged[1], "msg=listening") != 2 || !strings.Contains(logged[1], "level=debug") {
		t.Errorf("all of it: %q", logged)
	}
}

func TestALogbookKeepsTheLastLines(t *testing.T) {
	b := newLogbook(time.Now(), true)
	if got := b.String(); got != "" {
		t.Errorf("got %q", got)
	}
	for i := range lastLines + 2 {
		b.logger().WithField("n", i).WithField("m", 0).Debug("line")
	}
	lines := strings.Split(b.String(), "\n\t")
	if len(lines) != lastLines+1 || lines[0] != ", without the first 2 lines:" ||
		!strings.HasSuffix(lines[1], "s level=debug msg=line m=0 n=2") {
		t.Errorf("%d lines: %q", len(lines), lines)
	}
}

// A goroutine that the program under test leaks ends the process, with the message that the
// package comment explains. So the test starts another process.
func TestALeakShows(t *testing.T) {
	const child = "SMOKETEST_LEAK"
	if os.Getenv(child) != "" {
		Run(t, 2, func(t *testing.T, net *Network) {
			forgotten := make(chan bool)
			go func() { <-forgotten }() // the leak that this test is about
		})
		return
	}
	command := exec.Command(os.Args[0], "-test.run=^TestALeakShows$")
	command.Env = append(os.Environ(), child+"=1")
	out, err := command.CombinedOutput()
	const words = "panic: deadlock: main bubble goroutine has exited but blocked goroutines remain"
	if err == nil || !strings.Contains(string(out), words) || !strings.Contains(string(out), "TestALeakShows.func") {
		t.Errorf("%v\n%s", err, out)
	}
}
