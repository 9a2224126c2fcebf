package archtest

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
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
	err  error
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

// TestTheCheatsheetIsComplete: the page says that it has all calls and options. So it names
// each exported function of package smoke, each method of the types that a program calls,
// and each field of Options.
func TestTheCheatsheetIsComplete(t *testing.T) {
	tree := root(t)
	page := readPage(t, tree, "cheatsheet.md")
	called := []string{"Node", "Broadcast", "Peer", "Peerlist", "Event", "Options"}
	files, err := filepath.Glob(filepath.Join(tree, "smoke", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	want := func(name string) {
		if ast.IsExported(name) && !regexp.MustCompile(`\b`+name+`\b`).MatchString(page) {
			t.Errorf("docs/cheatsheet.md has no %s", name)
		}
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Recv == nil {
					want(n.Name.Name)
					return false
				}
				of := n.Recv.List[0].Type
				if star, ok := of.(*ast.StarExpr); ok {
					of = star.X
				}
				if of, ok := of.(*ast.Ident); ok && slices.Contains(called, of.Name) {
					want(n.Name.Name)
				}
				return false
			case *ast.TypeSpec:
				if fields, ok := n.Type.(*ast.StructType); ok && n.Name.Name == "Options" {
					for _, field := range fields.Fields.List {
						for _, name := range field.Names {
							want(name.Name)
						}
					}
				}
			}
			return true
		})
	}
}
