package archtest

import (
	"bytes"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestThePagesShowCode checks that Go code on the pages is copied, letter for letter,
// from code that is compiled and tested.
func TestThePagesShowCode(t *testing.T) {
	tree := root(t)
	var sources []string
	err := filepath.WalkDir(filepath.Join(tree, "examples"), func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		sources = append(sources, string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)\n```go\n(.*?\n)```\n")
	for _, name := range []string{"first-steps.md", "recipes.md", "metrics.md"} {
		blocks := block.FindAllStringSubmatch(readPage(t, tree, name), -1)
		if len(blocks) == 0 {
			t.Errorf("docs/%s shows none", name)
		}
		for _, found := range blocks {
			if !slices.ContainsFunc(sources, func(s string) bool { return strings.Contains(s, found[1]) }) {
				t.Errorf("docs/%s shows what is in no file of examples/ any more: copy it again\n%s", name, found[1])
			}
		}
	}
}

// TestTheReadmeShowsAProgram: the ten lines of the README are the body of main in
// examples/start, which is compiled and run by a test.
func TestTheReadmeShowsAProgram(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("../../examples/start/main.go")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?s)\nfunc main\(\) \{\n(.*?)\n\}\n`).FindSubmatch(source)
	if found == nil {
		t.Fatal("examples/start is no program")
	}
	body := strings.ReplaceAll("\n"+string(found[1]), "\n\t", "\n")
	if !strings.Contains(string(readme), "\n```go"+body+"\n```\n") {
		t.Error("README.md does not show main of examples/start/main.go: copy it again")
	}
	if lines := strings.Count(body, "\n"); lines != 10 || !strings.Contains(string(readme), "ten lines") {
		t.Errorf("main has %d lines: README.md says ten", lines)
	}
	if lines := bytes.Count(readme, []byte("\n")); lines > 130 {
		t.Errorf("README.md has %d lines, more than 130", lines)
	}
}

// TestLinksOfThePagesLeadSomewhere checks that a link to a file of the repository names
// an existing file, and that its fragment is a heading of that file.
func TestLinksOfThePagesLeadSomewhere(t *testing.T) {
	tree := root(t)
	pages, err := filepath.Glob(filepath.Join(tree, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob(filepath.Join(tree, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for _, page := range append(pages, more...) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range link.FindAllSubmatch(text, -1) {
			target, fragment, _ := strings.Cut(string(found[1]), "#")
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			file := page
			if target != "" {
				file = filepath.Join(filepath.Dir(page), filepath.FromSlash(target))
			}
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s links to %s, which does not exist", filepath.Base(page), target)
				continue
			}
			if fragment != "" && strings.HasSuffix(file, ".md") && !headings(t, file)[fragment] {
				t.Errorf("%s links to %s#%s, and there is no such heading", filepath.Base(page), target, fragment)
			}
		}
	}
}

// headings returns the fragments by which the headings of a page are linked.
func headings(t *testing.T, page string) map[string]bool {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	fragments := make(map[string]bool)
	for _, found := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(string(text), -1) {
		kept := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(found[1]), "")
		fragments[strings.ReplaceAll(kept, " ", "-")] = true
	}
	return fragments
}

// TestTheDesignNamesEveryPackage checks that the table of docs/design.md has each
// package, by its path or its last element. Examples and this package are exempt.
func TestTheDesignNamesEveryPackage(t *testing.T) {
	page := readPage(t, root(t), "design.md")
	if lines := strings.Count(page, "\n"); lines >= 200 {
		t.Errorf("docs/design.md has %d lines; details belong to a page of their own", lines)
	}
	_, table, _ := strings.Cut(page, "\n| floor | package |")
	table, _, _ = strings.Cut(table, "\n\n")
	for _, r := range houseTable {
		if strings.HasPrefix(r.pkg, "examples/") || r.pkg == "deploy" || r.pkg == "internal/archtest" {
			continue
		}
		if !strings.Contains(table, "`"+r.pkg+"`") && !strings.Contains(table, "`"+path.Base(r.pkg)+"`") {
			t.Errorf("the table of docs/design.md has no %s", r.pkg)
		}
	}
}
