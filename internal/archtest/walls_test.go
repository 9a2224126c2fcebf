package archtest

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// source is one file with its imports.
type source struct {
	file    string // with slashes, below the root
	pkg     string // its folder
	isTest  bool
	imports []imported
}

// imported is one import.
type imported struct {
	path string // "./folder" for a package of the module
	line int
}

func TestWalls(t *testing.T) {
	sources, err := readTree(root(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, hole := range checkWalls(sources, houseTable) {
		t.Error(hole)
	}
	for _, r := range houseTable {
		if r.planned && slices.ContainsFunc(sources, func(s source) bool { return s.pkg == r.pkg }) {
			t.Logf("%s is built: its row need not say planned any more", r.pkg)
		}
	}
}

// root returns the folder of go.mod.
func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above this test")
		}
	}
}

// readTree reads the imports of all Go files below dir, for every operating system. It
// skips nested modules and the files that the go command skips.
func readTree(dir string) ([]source, error) {
	var sources []source
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			base := entry.Name()
			if name != dir && (base == "testdata" || base == "vendor" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || isModule(name)) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasPrefix(entry.Name(), "_") || strings.HasPrefix(entry.Name(), ".") {
			return nil
		}
		s, err := readSource(dir, name)
		if err != nil {
			return err
		}
		sources = append(sources, s)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the tree: %w", err)
	}
	return sources, nil
}

func isModule(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

func readSource(dir, name string) (source, error) {
	rel, err := filepath.Rel(dir, name)
	if err != nil {
		return source{}, err
	}
	rel = filepath.ToSlash(rel)
	s := source{file: rel, pkg: path.Dir(rel), isTest: strings.HasSuffix(rel, "_test.go")}
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, name, nil, parser.ImportsOnly)
	if err != nil {
		return source{}, err
	}
	for _, spec := range parsed.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return source{}, err
		}
		if p == module || strings.HasPrefix(p, module+"/") {
			p = "." + strings.TrimPrefix(p, module)
		}
		s.imports = append(s.imports, imported{path: p, line: files.Position(spec.Pos()).Line})
	}
	return s, nil
}

// checkWalls returns where sources break the table, and where the table itself is
// wrong.
func checkWalls(sources []source, table []row) []string {
	holes := checkTable(table)
	rows := make(map[string]row)
	for _, r := range table {
		rows[r.pkg] = r
	}

	built := make(map[string]bool)
	for _, s := range sources {
		r, known := rows[s.pkg]
		if !known {
			if !built[s.pkg] {
				holes = append(holes, fmt.Sprintf("%s: package %s has no row in the table: say what it may import, and why", s.file, s.pkg))
			}
			built[s.pkg] = true
			continue
		}
		built[s.pkg] = true
		for _, i := range s.imports {
			if !mayImport(r, s, i.path) {
				holes = append(holes, fmt.Sprintf("%s:%d: %s may not import %s (its row: %s)", s.file, i.line, s.pkg, strings.TrimPrefix(i.path, "./"), r.why))
			}
		}
	}
	for _, r := range table {
		if !r.planned && !built[r.pkg] {
			holes = append(holes, fmt.Sprintf("the table has a row for %s, and there is no such package", r.pkg))
		}
	}
	return holes
}

// mayImport reports whether a file of a package may import p.
func mayImport(r row, s source, p string) bool {
	inside := strings.HasPrefix(p, "./")
	if !inside {
		if first, _, _ := strings.Cut(p, "/"); !strings.Contains(first, ".") {
			return true // the standard library; the pure floors have their own rule
		}
	}
	p = strings.TrimPrefix(p, "./")
	allows := func(allowed string) bool {
		return p == allowed || !inside && strings.HasPrefix(p, allowed+"/")
	}
	if slices.ContainsFunc(r.may, allows) {
		return true
	}
	return s.isTest && (p == r.pkg || slices.ContainsFunc(r.tests, allows) || slices.ContainsFunc(anyTest, allows))
}

// checkTable returns where the table contradicts itself.
func checkTable(table []row) []string {
	var holes []string
	floors := make(map[string]int)
	for _, r := range table {
		if _, twice := floors[r.pkg]; twice {
			holes = append(holes, fmt.Sprintf("the table has two rows for %s", r.pkg))
		}
		if r.why == "" {
			holes = append(holes, fmt.Sprintf("the row for %s gives no reason", r.pkg))
		}
		floors[r.pkg] = r.floor
	}
	for _, r := range table {
		for _, p := range r.may {
			floor, ours := floors[p]
			switch {
			case !ours && !strings.Contains(p, "."):
				holes = append(holes, fmt.Sprintf("the row for %s allows %s, which has no row", r.pkg, p))
			case !ours:
			case floor > r.floor, floor == r.floor && isPure(r):
				holes = append(holes, fmt.Sprintf("the row for %s, floor %d, allows %s, floor %d", r.pkg, r.floor, p, floor))
			}
		}
	}
	return holes
}

// isPure reports whether a package only computes.
func isPure(r row) bool { return r.floor <= 2 }
