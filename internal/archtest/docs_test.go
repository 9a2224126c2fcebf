package archtest

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestThePageOfSecurityNamesTestsThatAreThere: a claim whose test was renamed or taken
// away has none.
func TestThePageOfSecurityNamesTestsThatAreThere(t *testing.T) {
	const root = "../.."
	page, err := os.ReadFile(filepath.Join(root, "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	there := make(map[string]bool)
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	err = filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, found := range declared.FindAllSubmatch(text, -1) {
			there[string(found[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z]\w+`).FindAllString(string(page), -1)
	if len(named) == 0 {
		t.Fatal("it names none")
	}
	for _, name := range named {
		if !there[name] {
			t.Errorf("docs/security.md names %s, and there is no such test", name)
		}
	}
}

// TestThePagesShowCode: what pages show as Go is cut, letter for letter, from code that
// is compiled and tested.
func TestThePagesShowCode(t *testing.T) {
	const root = "../.."
	var sources [][]byte
	err := filepath.WalkDir(filepath.Join(root, "examples"), func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		sources = append(sources, text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)\n```go\n(.*?\n)```\n")
	for _, name := range []string{"first-steps.md", "recipes.md", "metrics.md"} {
		page, err := os.ReadFile(filepath.Join(root, "docs", name))
		if err != nil {
			t.Fatal(err)
		}
		blocks := block.FindAllSubmatch(page, -1)
		if len(blocks) == 0 {
			t.Errorf("docs/%s shows none", name)
		}
		for _, found := range blocks {
			if !slices.ContainsFunc(sources, func(s []byte) bool { return bytes.Contains(s, found[1]) }) {
				t.Errorf("docs/%s shows what is in no file of examples/ any more: copy it again\n%s", name, found[1])
			}
		}
	}
}

// TestTheReadmeShowsAProgram: the first thing that somebody tries is compiled and run,
// and as long as the heading says.
func TestTheReadmeShowsAProgram(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("../../examples/start/main.go")
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(source, []byte("\npackage main\n"))
	if at < 0 {
		t.Fatal("examples/start is no program")
	}
	program := source[at+1:]
	if !bytes.Contains(readme, []byte("\n```go\n"+string(program)+"```\n")) {
		t.Error("README.md does not show examples/start/main.go any more: copy it again")
	}
	if lines := bytes.Count(program, []byte("\n")); lines != 21 || !bytes.Contains(readme, []byte("\n## Twenty-one lines\n")) {
		t.Errorf("it has %d lines: write that in the heading of README.md", lines)
	}
}
