package archtest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Programs that may run on this machine while the tests do: the chat at port 8494, the
// first program at 8493, smoke node at 8495 with its page at 8496, and the other
// examples below.
const usualPort = `84(?:8[89]|9\d)`

var (
	// usualAddr matches an address at which one of them may listen. A test that dials
	// it would talk to that program.
	usualAddr = regexp.MustCompile(`(?:127\.\d+\.\d+\.\d+|localhost|\[::1\]):` + usualPort + `\b`)
	// usualListen matches options that listen on such a port. A test with them fails if
	// the port is in use.
	usualListen = regexp.MustCompile(`\bPort: ` + usualPort + `\b|SMOKE_PORT[=", ]+` + usualPort + `\b|-port[ ",=]+` + usualPort + `\b`)
	// usualNode matches a node made with literal options; see hasNetwork.
	usualNode = regexp.MustCompile(`\bCreateNode\((?:smoke\.)?Options\{`)
)

// onlyText lists tests that read and compare such addresses, and open none of them.
var onlyText = map[string]string{
	"internal/archtest/ports_test.go":   "these patterns",
	"discovery/seed_test.go":            "reads addresses",
	"discovery/example_test.go":         "resolves without a network",
	"discovery/dns/dns_test.go":         "a resolver in memory",
	"smoke/options_test.go":             "Validate only",
	"smoke/env_test.go":                 "reads variables; the node that it starts has port 0",
	"internal/engine/sightings_test.go": "nodes on a network in memory",
	"smoke/address_test.go":             "Validate, and nodes on a network in memory",
	"smoke/story_input_test.go":         "options that Start refuses",
	"cmd/smoke/command_test.go":         "reads flags and variables",
	"cmd/smoke/bench_test.go":           "reads flags and variables; its calls are refused",
	"internal/meshview/hosts_test.go":   "the Host of a request, and not where it goes",
	"example_chat/screen_test.go":       "prints a line",
	"examples/lan/lan_test.go":          "makes options of words",
	"deploy/deploy_test.go":             "reads files, and starts nodes at port 0",
}

// nameless lists tests whose nodes must be in the network without a name.
var nameless = map[string]string{
	"internal/archtest/ports_test.go": "these patterns",
	"examples/start/main_test.go":     "the program names no network, and asks the test's own seed",
}

// inMemory matches a file whose nodes are on a network in memory.
var inMemory = regexp.MustCompile(`"[^"\n]*/transport/mem"|/smoketest"|(?m)^package smoketest|network\.Host\(`)

// TestTestsKeepToThemselves checks that tests and other programs on this machine do not
// reach each other. A test must listen on free ports. Its nodes must be in a network of
// their own, because another program may know the address that a node of the test has
// just been given.
func TestTestsKeepToThemselves(t *testing.T) {
	seen := make(map[string]bool)
	files := 0
	err := filepath.WalkDir(root(t), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") && !strings.HasSuffix(path, ".txtar") {
			return err
		}
		name, err := filepath.Rel(root(t), path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		for _, fault := range faultsOf(string(text)) {
			if onlyText[name] != "" && fault.isPort {
				seen[name] = true
				continue
			}
			if nameless[name] != "" && !fault.isPort {
				continue
			}
			t.Errorf("%s: %s", name, fault.text)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 100 {
		t.Errorf("%d files were read: does the walk still find them?", files)
	}
	for name := range onlyText {
		if !seen[name] {
			t.Errorf("%s has none of these ports any more: take it off the list", name)
		}
	}
}

type fault struct {
	text   string
	isPort bool
}

// faultsOf returns the ways in which a test could reach other programs.
func faultsOf(text string) (all []fault) {
	for _, found := range usualAddr.FindAllString(text, -1) {
		all = append(all, fault{found + " may be that of a program that runs here: take a free port", true})
	}
	if !inMemory.MatchString(text) {
		for _, found := range usualListen.FindAllString(text, -1) {
			all = append(all, fault{found + " may be taken by a program that runs here: take port 0", true})
		}
	}
	for _, at := range usualNode.FindAllStringIndex(text, -1) {
		if options := literal(text[at[1]:]); !strings.Contains(options, "Network:") && !strings.Contains(options, "Transport:") {
			all = append(all, fault{"CreateNode(Options{" + options + "}) is in the network of all programs that name none: name one", false})
		}
	}
	return all
}

// literal returns the text up to the closing brace.
func literal(text string) string {
	depth := 1
	for i, c := range text {
		switch c {
		case '{':
			depth++
		case '}':
			depth--
		}
		if depth == 0 {
			return text[:i]
		}
	}
	return text
}

// The check finds each fault that it is meant to find.
func TestFaultsOfATest(t *testing.T) {
	for text, want := range map[string]int{
		`node.AddPeer(ctx, "127.0.0.1:8495")`: 1, `"localhost:8494"`: 1, `"[::1]:8490"`: 1, `"10.0.0.1:8495"`: 0, `"127.0.0.1:8480"`: 0,
		`Options{Port: 8495}`: 1, "SMOKE_PORT=8495 smoke node": 1, `t.Setenv("SMOKE_PORT", "8495")`: 1, "smoke node --port 8495": 1, "smoke node --port 0": 0,
		"\"github.com/x/transport/mem\"\nOptions{Port: 8495}": 0,
		`smoke.CreateNode(smoke.Options{})`:                   1, `CreateNode(Options{Seeds: []string{a}, Network: "x"})`: 0, `CreateNode(Options{Transport: mem})`: 0,
		`CreateNode(Options{Allow: []ID{{1}}}), Options{Network: "x"}`: 1,
	} {
		if got := faultsOf(text); len(got) != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
