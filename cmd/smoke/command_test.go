package main

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/smokesignal-go/smokesignal/internal/meshview"
	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/trust"
)

// every returns all commands, except those that cobra adds.
func every(c *cobra.Command) (all []*cobra.Command) {
	for _, sub := range c.Commands() {
		if !slices.Contains([]string{"help", "completion"}, sub.Name()) {
			all = append(append(all, sub), every(sub)...)
		}
	}
	return all
}

// Each command has an example, a place on the manual page, and a place in the list of the
// package comment.
func TestEveryCommandIsExplained(t *testing.T) {
	page, err := os.ReadFile("../../docs/command.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	root := newRoot()
	for _, c := range every(root) {
		if !strings.Contains(c.Example, c.CommandPath()) {
			t.Errorf("%s has no example of itself", c.CommandPath())
		}
		if c.Parent() != root {
			continue
		}
		if !strings.Contains(string(page), "\n## smoke "+c.Name()+"\n") {
			t.Errorf("docs/command.md has no chapter %q", "## smoke "+c.Name())
		}
		if !regexp.MustCompile(`(?m)^//\s+smoke ` + c.Name() + `\s`).Match(source) {
			t.Errorf("the list in main.go leaves %s out", c.Name())
		}
	}
}

// The manual page names only flags that exist: in each chapter those of its command, and of
// others that the chapter shows.
func TestFlagsOfThePage(t *testing.T) {
	page, err := os.ReadFile("../../docs/command.md")
	if err != nil {
		t.Fatal(err)
	}
	root := newRoot()
	for _, chapter := range strings.Split(string(page), "\n## smoke ")[1:] {
		chapter, _, _ = strings.Cut(chapter, "\n## ") // without the chapters of other programs
		name, text, _ := strings.Cut(chapter, "\n")
		there := map[string]bool{"--help": true}
		for _, shown := range append(regexp.MustCompile(`smoke ([a-z]+)`).FindAllStringSubmatch(text, -1), []string{"", name}) {
			c, _, err := root.Find(shown[1:])
			if err != nil {
				t.Errorf("the chapter on smoke %s: %v", name, err)
				continue
			}
			for _, c := range append(every(c), c) {
				c.Flags().VisitAll(func(f *pflag.Flag) { there["--"+f.Name] = true })
			}
		}
		for _, flag := range regexp.MustCompile(`--[a-z][a-z-]*`).FindAllString(text, -1) {
			if !there[flag] {
				t.Errorf("the chapter on smoke %s names %s", name, flag)
			}
		}
	}
}

func TestFlagsComeBeforeTheEnvironment(t *testing.T) {
	dir := t.TempDir()
	key := filepath.Join(dir, "node.key")
	kept, err := trust.LoadOrCreateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	secret := trust.NewSecret()
	write(t, filepath.Join(dir, "secret"), secret+"\n")
	for name, value := range map[string]string{
		"SMOKE_SEEDS": "127.0.0.1:1", "SMOKE_PORT": "8495", "SMOKE_LISTEN": "127.0.0.2:8495", "SMOKE_ADVERTISE": "127.0.0.3",
		"SMOKE_NETWORK": "ours", "SMOKE_KEY_FILE": key, "SMOKE_STATE_FILE": "state", "SMOKE_MAX_PEERS": "9",
	} {
		t.Setenv(name, value)
	}
	read := func(j *joining, args ...string) smoke.Options {
		t.Helper()
		f := pflag.NewFlagSet("test", pflag.ContinueOnError)
		j.flags(f)
		if err := f.Parse(args); err != nil {
			t.Fatal(err)
		}
		o, err := j.valid(f)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	o := read(&joining{}, "--seed", "127.0.0.1:2", "--seed", "127.0.0.1:3", "--address", "127.0.0.0/8", "--secret-file", filepath.Join(dir, "secret"), "--log-level", "debug")
	if !slices.Equal(o.Seeds, []string{"127.0.0.1:2", "127.0.0.1:3"}) || o.Address != "127.0.0.1" || o.Secret != secret || o.Logger == nil {
		t.Errorf("by flags: %+v", o)
	}
	if o.Port != 8495 || o.Network != "ours" || o.Key.ID() != kept.ID() || o.StateFile != "state" || o.MaxPeers != 9 || o.Advertise != "127.0.0.3" {
		t.Errorf("by the environment: %+v", o)
	}
	// A guest does not use the settings of the node that runs on this machine.
	o = read(&joining{isGuest: true})
	if o.Port != 0 || o.Listen != "127.0.0.2" || o.Advertise != smoke.NoAddress || o.StateFile != "" || o.Key == nil || o.Key.ID() == kept.ID() || o.Network != "ours" {
		t.Errorf("a guest: %+v", o)
	}
	if o = read(&joining{isGuest: true}, "--port", "9999", "--key", key); o.Port != 9999 || o.Key.ID() != kept.ID() {
		t.Errorf("a guest with flags: %+v", o)
	}
}

// The table shows versions only if they differ, as during an upgrade.
func TestVersionsStandInTheTableIfTheyDiffer(t *testing.T) {
	m := &mesh{}
	for i, version := range []string{"v1.2.0", "v1.2.0", ""} {
		m.Nodes = append(m.Nodes, meshview.NodeView{NodeInfo: smoke.NodeInfo{ID: smoke.ID{byte(i)}, Version: version, Degree: 2, MinPeers: 3}})
	}
	for _, story := range []struct {
		nodes int
		want  string
	}{
		{2, `PART$`},
		{3, `PART +VERSION\n(?s:.*) 2 \(3–∞\) .* v1\.2\.0\n.* v1\.2\.0\n.* \?\n$`},
	} {
		var out bytes.Buffer
		if err := printNodes(&out, &mesh{Picture: meshview.Picture{Nodes: m.Nodes[:story.nodes]}}, nil); err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(`(?m)` + story.want).MatchString(out.String()) {
			t.Errorf("of %d nodes:\n%s", story.nodes, out.String())
		}
	}
}

// A flag overrides a variable, even if the variable is invalid.
func TestAFlagMakesGoodForAVariable(t *testing.T) {
	for name, value := range map[string]string{"SMOKE_ADDRESS": "203.0.113.0/30", "SMOKE_STATE_FILE": "state", "SMOKE_KEY_FILE": "nowhere", "SMOKE_PORT": "http", "SMOKE_SEED": "x"} {
		t.Setenv(name, value)
	}
	key := filepath.Join(t.TempDir(), "node.key")
	if _, err := trust.LoadOrCreateKey(key); err != nil {
		t.Fatal(err)
	}
	j := &joining{}
	f := pflag.NewFlagSet("test", pflag.ContinueOnError)
	j.flags(f)
	if err := f.Parse([]string{"--address", "127.0.0.0/8", "--key", key, "--seeds", "127.0.0.1:1"}); err != nil {
		t.Fatal(err)
	}
	o, err := j.read(f)
	var left *smoke.OptionsError
	if !errors.As(err, &left) || len(left.Problems) != 1 || left.Problems[0].Field != "SMOKE_PORT" || len(o.Warnings()) != 1 || o.Warnings()[0].Field != "SMOKE_SEED" || o.Address != "127.0.0.1" {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestVersionOfABuild(t *testing.T) {
	info := &debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}, Settings: []debug.BuildSetting{
		{Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.time", Value: "2026-07-01T12:00:00Z"}, {Key: "vcs.modified", Value: "true"},
	}}
	v := readVersion(info, true)
	v.Go, v.System = "go1.26", "linux/amd64"
	if want := "smoke v1.2.3 (0123456789ab of 2026-07-01T12:00:00Z, with changes), protocol 1.0, go1.26 linux/amd64"; v.String() != want {
		t.Errorf("%s", v)
	}
	if v := readVersion(nil, false); v.Version != "unknown" || v.Revision != "" {
		t.Errorf("without a word of the linker: %+v", v)
	}
}

func TestWhatIsPrintedIsSeen(t *testing.T) {
	for text, want := range map[string]string{
		"plain, größer, 👩‍🚀":    "plain, größer, 👩‍🚀",
		"two\nlines\x1b[2J":     `two\u000alines\u001b[2J`,
		"turned \u202e round":   `turned \u202e round`,
		"far out \U000e0001":    `far out \udb40\udc01`,
		`{"json":"` + "\u0085}": `{"json":"\u0085}`,
		"\x9b2J":                "\ufffd2J",
	} {
		if got := visible(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
	var out bytes.Buffer
	l := &lines{w: &out, asJSON: true}
	l.object(facts{"text": "a\u2028b"})
	var back map[string]string
	if err := json.Unmarshal(out.Bytes(), &back); err != nil || back["text"] != "a\u2028b" {
		t.Errorf("%q: %v", out.String(), err)
	}
	out.Reset()
	l.object(math.NaN())
	if !strings.Contains(out.String(), "NaN") {
		t.Errorf("%q", out.String())
	}
}

// The dates of an authority's certificates count, unlike the dates of certificates that
// nodes make.
func TestDatesOfCertificates(t *testing.T) {
	dir := t.TempDir()
	if _, err := writeDevCertificates(dir, 1, []string{"127.0.0.1"}); err != nil {
		t.Fatal(err)
	}
	config, err := trust.LoadTLS(filepath.Join(dir, "ca.pem"), filepath.Join(dir, "node-1.pem"), filepath.Join(dir, "node-1.key"))
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(config.Certificates[0].Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, story := range []struct {
		now  time.Time
		want result
		says string
	}{
		{leaf.NotBefore.Add(time.Hour), good, "days"},
		{leaf.NotBefore.Add(-time.Hour), bad, "set the clock"},
		{leaf.NotAfter.Add(-time.Hour), odd, "renew"},
		{leaf.NotAfter.Add(time.Hour), bad, "renew it, or set the clock"},
	} {
		var out bytes.Buffer
		d := &doctor{counts: make(map[result]int), out: &lines{w: &out}, options: smoke.Options{TLS: config}}
		d.checkCertificate(story.now)
		if d.counts[story.want] != 1 || !strings.Contains(out.String(), story.says) {
			t.Errorf("at %v: %s", story.now, out.String())
		}
	}
}
