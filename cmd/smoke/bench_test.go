package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/loadtest"
	"github.com/smokesignal-go/smokesignal/internal/progress"
	"github.com/spf13/pflag"
)

// brief is a run that is short enough for a test.
var brief = []string{"--rate", "200", "--for", "100ms", "--warmup", "10ms"}

func TestBenchForAFirstLook(t *testing.T) {
	out, err, code := command(t, append([]string{"bench", "--nodes", "3"}, brief...)...)
	if code != 0 || err != "" {
		t.Fatalf("exit %d: %s%s", code, out, err)
	}
	for _, want := range []string{"3, of which 2 receive", "offered       200/s", "received      100 %", "one way", "each delivery", "p99.9", "in one process"} {
		if !strings.Contains(out, want) {
			t.Errorf("there is no %q in\n%s", want, out)
		}
	}
	if strings.ContainsAny(out, "\x1b\r") {
		t.Error("there is progress, and no terminal")
	}
}

// receiving runs a receiver and returns its lines. quit ends it.
func receiving(t *testing.T, args ...string) (lines chan string, quit func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	cmd := benchCommand()
	cmd.SetArgs(append([]string{"--serve"}, args...))
	cmd.SetOut(w)
	cmd.SetErr(io.Discard)
	ended := make(chan error, 1)
	// Both goroutines belong to the test. The end of ctx ends the command, and that ends
	// the reader. quit waits for them.
	go func() {
		ended <- cmd.ExecuteContext(ctx)
		w.Close()
	}()
	lines = make(chan string, 100) // more lines than the command prints in a test
	go func() {
		defer close(lines)
		for scanner := bufio.NewScanner(r); scanner.Scan(); {
			lines <- scanner.Text()
		}
	}()
	return lines, func() {
		t.Helper()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the receiver: %v", err)
		}
		for range lines {
		}
	}
}

// await reads lines until one matches, and returns the first group of the pattern.
func await(t *testing.T, lines chan string, pattern string) string {
	t.Helper()
	p := regexp.MustCompile(pattern)
	for line := range lines {
		if found := p.FindStringSubmatch(line); found != nil {
			return found[1]
		}
	}
	t.Fatalf("no line is like %q", pattern)
	return ""
}

// One process receives. Another one joins it, emits, and prints the results.
func TestBenchBetweenProcesses(t *testing.T) {
	lines, quit := receiving(t)
	defer quit()
	addr := await(t, lines, `--seeds (\S+)$`)
	out, err, code := command(t, append([]string{"bench", "--seed", addr, "--size", "300", "--json"}, brief...)...)
	var r benchReport
	if e := json.Unmarshal([]byte(out), &r); code != 0 || err != "" || e != nil {
		t.Fatalf("exit %d, %v: %s%s", code, e, out, err)
	}
	if !r.Good || r.Nodes != 2 || r.Size != 300 || r.Kind != loadtest.RoundTrip || r.Latency.Samples == 0 {
		t.Errorf("%s", out)
	}
	if want := "smoke bench --seeds " + addr + " --size 300 --rate 200 --for 100ms --warmup 10ms"; r.Command != want {
		t.Errorf("the command is %q, want %q", r.Command, want)
	}
	if says := await(t, lines, `run of (.*)`); !strings.Contains(says, "of up to 300 B: all ") {
		t.Errorf("the receiver says %q", says)
	}
}

func TestReceiverForPrograms(t *testing.T) {
	var out bytes.Buffer
	l := &lines{w: &out, asJSON: true}
	l.note("for people")
	l.run(loadtest.Run{Events: 10, Size: 128, Report: loadtest.Report{Received: 8, Told: 2}})
	const want = `{"corrupt":0,"duplicates":0,"emitter":"00000000000000000000000000000000","events":10,"lost":2,"outOfOrder":0,"received":8,"size":128,"told":2}` + "\n"
	if out.String() != want {
		t.Errorf("%s", out.String())
	}
}

func TestNobodyToMeasure(t *testing.T) {
	lines, quit := receiving(t, "--network", "theirs")
	defer quit()
	addr := await(t, lines, `network "theirs".*--seeds (\S+)$`)
	out, err, code := command(t, append([]string{"bench", "--seeds", addr}, brief...)...)
	if code != 3 || out != "" || !strings.Contains(err, "tried "+addr) || !strings.Contains(err, "--network NAME") {
		t.Errorf("exit %d: %s%s", code, out, err)
	}
}

func TestBadBench(t *testing.T) {
	for _, bad := range []struct{ line, says string }{
		{"bench --rate -1", "rate"},
		{"bench --rate many", "rate"},
		{"bench --size 10", "48 to 1048576"},
		{"bench --size 2000000", "MaxPayload"},
		{"bench --for 0s", "for"},
		{"bench --nodes 1", "2 to 1000"},
		{"bench --nodes 4 --serve", "nodes"},
		{"bench --nodes 4 --seeds 127.0.0.1:1", "nodes"},
		{"bench --port 8495", "--serve"},
		{"bench --seeds 192.168.2.1:8495", "Address"},
		{"bench --seeds nowhere", "Seeds[0]"},
		{"bench --serve --address 203.0.113.0/32", "203.0.113.0/32"},
		{"bench now", "now"},
	} {
		out, err, code := command(t, strings.Fields(bad.line)...)
		if code != 2 || !strings.Contains(err, bad.says) || out != "" {
			t.Errorf("smoke %s: exit %d, %q %q", bad.line, code, out, err)
		}
	}
	t.Setenv("SMOKE_MAX_PEERS", "typed in haste")
	if _, err, code := command(t, "bench"); code != 2 || !strings.Contains(err, "SMOKE_MAX_PEERS") {
		t.Errorf("exit %d: %s", code, err)
	}
}

func TestBenchReadsTheEnvironment(t *testing.T) {
	t.Setenv("SMOKE_SEEDS", "127.0.0.1:1")
	t.Setenv("SMOKE_NETWORK", "ours")
	t.Setenv("SMOKE_PORT", "8495")
	b := &benchmark{}
	flags := pflag.NewFlagSet("bench", pflag.ContinueOnError)
	b.flags(flags)
	if err := flags.Parse([]string{"--port", "9999", "--seed", "127.0.0.1:2,127.0.0.1:3"}); err != nil {
		t.Fatal(err)
	}
	if err := b.read(flags); err != nil {
		t.Fatal(err)
	}
	if o := b.node; o.Network != "ours" || o.Port != 9999 || len(o.Seeds) != 2 {
		t.Errorf("%+v", o)
	}
}

// The line shows the name of the phase, or its progress.
func TestShowPhase(t *testing.T) {
	var out bytes.Buffer
	showPhase(progress.New(&out, true), loadtest.Calling, 0, 0)
	showPhase(progress.New(&out, true), loadtest.Emitting, time.Second, 2*time.Second)
	const want = "\r\x1b[Kasking who answers" + "\r\x1b[K[====================                    ]  50 % of 2s"
	if out.String() != want {
		t.Errorf("got  %q\nwant %q", out.String(), want)
	}
}
