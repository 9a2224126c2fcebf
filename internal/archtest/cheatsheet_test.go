package archtest

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTheCheatsheetCompiles: the calls of docs/cheatsheet.md are compiled against package
// smoke, each paragraph in a function of its own.
func TestTheCheatsheetCompiles(t *testing.T) {
	tree := root(t)
	_, code, found := strings.Cut(readPage(t, tree, "cheatsheet.md"), "\n```go\n")
	if !found {
		t.Fatal("docs/cheatsheet.md shows no code")
	}
	code, _, _ = strings.Cut(code, "\n```\n")

	program := `package main

import (
	"context"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

type Message struct{ Text string }

var (
	node *smoke.Node
	ctx  context.Context
	msg  Message
	name string
	fn   func()
	a, b int
	id   smoke.ID
	show = func(smoke.Event, Message) {}
)

var _ = time.Now

func main() {}
`
	declared := regexp.MustCompile(`(?m)^(\w+(?:, \w+)*) := ([^\n]*?)(\s+//[^\n]*)?$`)
	for _, paragraph := range strings.Split(code, "\n\n") {
		used := declared.ReplaceAllStringFunc(paragraph, func(line string) string {
			names := strings.Split(declared.FindStringSubmatch(line)[1], ", ")
			for _, n := range names {
				line += "\n_ = " + n
			}
			return line
		})
		program += "\nfunc _() {\n" + used + "\n}\n"
	}

	dir := t.TempDir()
	file := filepath.Join(dir, "main.go")
	if err := os.WriteFile(file, []byte(program), 0o644); err != nil {
		t.Fatal(err)
	}
	// The go command sees the program inside of the module, where it is not.
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{
		filepath.Join(tree, "examples", "cheatsheet", "main.go"): file,
	}})
	if err != nil {
		t.Fatal(err)
	}
	replacements := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(replacements, overlay, 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "build", "-overlay", replacements, "-o", os.DevNull, "./examples/cheatsheet")
	cmd.Dir = tree
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("docs/cheatsheet.md does not compile: %v\n%s", err, out)
	}
}
