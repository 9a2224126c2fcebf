package archtest

import (
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// mayStillSkip holds tests that documents name although they can skip on Linux, each with
// the reason. The reason is the hardware, and never a program that is not installed.
var mayStillSkip = map[string]string{
	"trust: TestHowManyKeyUpdatesTLSAccepts":               noAES,
	"trust: TestAPeerThatAsksForKeyUpdatesAndReadsNothing": noAES,
	"trust: TestCloseWriteToAPeerThatReadsSlowly":          noAES,
}

const noAES = "TLS uses another cipher on a processor without AES instructions"

// TestAcceptance reads docs/acceptance.md. Each row names tests, or what is missing. The
// tests exist, in the named package, and do not skip on Linux.
func TestAcceptance(t *testing.T) {
	tree := root(t)
	page := readPage(t, tree, "acceptance.md")
	tests, err := readTests(tree)
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range checkAcceptance(page, tests) {
		t.Error(fault)
	}

	// security.md names tests in its text. They are the same ones.
	security := testsNamed(readPage(t, tree, "security.md"))
	if len(security) == 0 {
		t.Error("docs/security.md names no test")
	}
	rows := testsNamed(page)
	for _, named := range security {
		if fault := checkNamed(named, tests); fault != "" {
			t.Errorf("docs/security.md: %s", fault)
		}
		if !slices.Contains(rows, named) {
			t.Errorf("docs/security.md names %s, and no row of docs/acceptance.md does", named)
		}
	}
}

func TestAcceptanceCanFail(t *testing.T) {
	tests := map[string]map[string]string{
		"smoke": {"TestThere": "", "TestOther": "", "TestLazy": "it calls t.Skip"},
		"wire":  {"TestElsewhere": ""},
	}
	const head = "| promise | held by |\n|---|---|\n"
	for _, c := range []struct{ row, fault string }{
		{"| a | `smoke: TestThere`, `TestOther` |", ""},
		{"| a | `smoke: TestThere`; `wire: TestElsewhere`; not yet: more of it |", ""},
		{"| a | not yet: topics |", ""},
		{"| a | |", "names no test"},
		{"| a | not yet: |", "names no test"},
		{"| a | `smoke: TestGone` |", "no test TestGone"},
		{"| a | `smoke: TestElsewhere` |", "it is in wire"},
		{"| a | `wire: TestElsewhere`, `TestThere` |", "it is in smoke"},
		{"| a | `nowhere: TestThere` |", "no package nowhere"},
		{"| a | `TestThere` |", "names no package"},
		{"| a | `smoke: TestLazy` |", "skips on Linux"},
	} {
		faults := checkAcceptance(head+c.row+"\n", tests)
		switch {
		case c.fault == "" && len(faults) > 0:
			t.Errorf("%s: %q", c.row, faults)
		case c.fault != "" && (len(faults) != 1 || !strings.Contains(faults[0], c.fault)):
			t.Errorf("%s: %q, want %q", c.row, faults, c.fault)
		}
	}
	if faults := checkAcceptance("no table", tests); len(faults) != 1 {
		t.Errorf("a page without rows: %q", faults)
	}
}

func readPage(t *testing.T, tree, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(tree, "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// checkAcceptance returns what is wrong with the rows of a page. tests[package][name] is
// why that test skips on Linux, or "" if it runs.
func checkAcceptance(page string, tests map[string]map[string]string) []string {
	var faults []string
	rows := 0
	for _, line := range strings.Split(page, "\n") {
		if !strings.HasPrefix(line, "| ") || strings.HasSuffix(line, "| held by |") {
			continue
		}
		rows++
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		last := strings.TrimSpace(cells[len(cells)-1])
		named := testsNamed(last)
		missing := regexp.MustCompile(`\bnot yet: \S`).MatchString(last)
		if len(cells) < 2 || len(named) == 0 && !missing {
			faults = append(faults, fmt.Sprintf("docs/acceptance.md names no test, nor what is missing: %s", line))
			continue
		}
		for _, n := range named {
			if fault := checkNamed(n, tests); fault != "" {
				faults = append(faults, fmt.Sprintf("docs/acceptance.md, %q: %s", strings.Join(cells[:len(cells)-1], " "), fault))
			}
		}
	}
	if rows == 0 {
		faults = append(faults, "docs/acceptance.md has no rows")
	}
	return faults
}

// testsNamed returns the tests that a text names as `package: TestName`. Names without a
// package have the package of the name before them.
func testsNamed(text string) []string {
	var named []string
	pkg := ""
	for _, found := range regexp.MustCompile("`(?:([a-z][a-z0-9_]*): )?((?:Test|Fuzz)[A-Z]\\w*)`").FindAllStringSubmatch(text, -1) {
		if found[1] != "" {
			pkg = found[1]
		}
		named = append(named, pkg+": "+found[2])
	}
	return named
}

// checkNamed returns what is wrong with "package: TestName"; "" if nothing is.
func checkNamed(named string, tests map[string]map[string]string) string {
	pkg, name, _ := strings.Cut(named, ": ")
	if pkg == "" {
		return fmt.Sprintf("%s names no package", name)
	}
	if tests[pkg] == nil {
		return fmt.Sprintf("there is no package %s with tests", pkg)
	}
	skips, found := tests[pkg][name]
	if !found {
		for other, its := range tests {
			if _, moved := its[name]; moved {
				return fmt.Sprintf("%s has no test %s: it is in %s", pkg, name, other)
			}
		}
		return fmt.Sprintf("%s has no test %s", pkg, name)
	}
	if skips != "" && mayStillSkip[named] == "" {
		return fmt.Sprintf("%s skips on Linux: %s", named, skips)
	}
	return ""
}

// readTests returns the tests and fuzz targets below a folder that are compiled on Linux,
// by the last element of their package's path. The value says why a test may skip there;
// it is "" if it does not.
func readTests(tree string) (map[string]map[string]string, error) {
	linux := build.Default
	linux.GOOS, linux.GOARCH = "linux", "amd64"
	sources, err := readTree(tree)
	if err != nil {
		return nil, err
	}
	folders := make(map[string][]*ast.FuncDecl)
	for _, s := range sources {
		if !s.isTest {
			continue
		}
		dir, base := filepath.Split(filepath.Join(tree, filepath.FromSlash(s.file)))
		if match, err := linux.MatchFile(dir, base); err != nil {
			return nil, err
		} else if !match {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, base), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, d := range file.Decls {
			if f, isFunc := d.(*ast.FuncDecl); isFunc && f.Body != nil {
				folders[s.pkg] = append(folders[s.pkg], f)
			}
		}
	}
	tests := make(map[string]map[string]string)
	for folder, funcs := range folders {
		pkg := path.Base(folder)
		if tests[pkg] == nil {
			tests[pkg] = make(map[string]string)
		}
		byName := make(map[string]*ast.FuncDecl)
		for _, f := range funcs {
			byName[f.Name.Name] = f
		}
		for _, f := range funcs {
			if f.Recv == nil && regexp.MustCompile(`^(Test|Fuzz)[A-Z]`).MatchString(f.Name.Name) {
				tests[pkg][f.Name.Name] = whySkips(f, byName, make(map[string]bool))
			}
		}
	}
	return tests, nil
}

// whySkips returns why a function of a test may skip on Linux, by itself or by a function
// of its package that it calls; "" if it does not. A condition on the system, or on
// testing.Short, does not count.
func whySkips(f *ast.FuncDecl, byName map[string]*ast.FuncDecl, seen map[string]bool) string {
	if seen[f.Name.Name] {
		return ""
	}
	seen[f.Name.Name] = true
	why := ""
	ast.Inspect(f.Body, func(n ast.Node) bool {
		if why != "" {
			return false
		}
		if cond, isIf := n.(*ast.IfStmt); isIf && isAboutSystem(cond.Cond) {
			return false
		}
		call, isCall := n.(*ast.CallExpr)
		if !isCall {
			return true
		}
		switch fun := call.Fun.(type) {
		case *ast.SelectorExpr:
			if name := fun.Sel.Name; name == "Skip" || name == "Skipf" || name == "SkipNow" {
				why = fmt.Sprintf("%s calls %s", f.Name.Name, name)
			} else if called := byName[name]; called != nil && called.Recv != nil {
				why = whySkips(called, byName, seen)
			}
		case *ast.Ident:
			if called := byName[fun.Name]; called != nil && called.Recv == nil {
				why = whySkips(called, byName, seen)
			}
		}
		return true
	})
	return why
}

// isAboutSystem reports whether a condition asks for the operating system, or for short
// tests.
func isAboutSystem(cond ast.Expr) bool {
	found := false
	ast.Inspect(cond, func(n ast.Node) bool {
		if s, isSelector := n.(*ast.SelectorExpr); isSelector {
			if x, isIdent := s.X.(*ast.Ident); isIdent {
				name := x.Name + "." + s.Sel.Name
				found = found || name == "runtime.GOOS" || name == "testing.Short"
			}
		}
		return true
	})
	return found
}
