package archtest

import (
	"fmt"
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestPurity(t *testing.T) {
	top := root(t)
	for _, r := range houseTable {
		if !isPure(r) {
			continue
		}
		dir := filepath.Join(top, filepath.FromSlash(r.pkg))
		if _, err := os.Stat(dir); os.IsNotExist(err) && r.planned {
			continue
		}
		t.Run(r.pkg, func(t *testing.T) {
			t.Parallel()
			names, err := filepath.Glob(filepath.Join(dir, "*.go"))
			if err != nil {
				t.Fatal(err)
			}
			names = slices.DeleteFunc(names, func(name string) bool { return strings.HasSuffix(name, "_test.go") })
			stains, err := checkPurity(top, names)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range stains {
				t.Errorf("%s:%d: %s", s.file, s.line, s.what)
			}
		})
	}
}

// stain is a line that breaks a rule of purity.
type stain struct {
	file string // with slashes, below the root
	line int
	what string
}

// checkPurity type-checks the files of one package and returns the impure lines, in
// order.
func checkPurity(top string, names []string) ([]stain, error) {
	c := &purityCheck{top: top, files: token.NewFileSet()}
	var parsed []*ast.File
	for _, name := range names {
		file, err := parser.ParseFile(c.files, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("parse: %w", err)
		}
		parsed = append(parsed, file)
		c.checkSystems(file, name)
		c.checkImports(file)
	}
	exports, err := exportData(top, parsed)
	if err != nil {
		return nil, err
	}
	c.info = &types.Info{
		Types: make(map[ast.Expr]types.TypeAndValue),
		Uses:  make(map[*ast.Ident]types.Object),
		Defs:  make(map[*ast.Ident]types.Object),
	}
	config := types.Config{Importer: importer.ForCompiler(c.files, "gc", exports)}
	if _, err := config.Check("checked", c.files, parsed, c.info); err != nil {
		return nil, fmt.Errorf("check types: %w", err)
	}
	for _, file := range parsed {
		c.checkFile(file)
	}
	slices.SortStableFunc(c.stains, func(a, b stain) int {
		if a.file != b.file {
			return strings.Compare(a.file, b.file)
		}
		return a.line - b.line
	})
	return c.stains, nil
}

// exportData returns the compiler's export data of each package that the files import,
// directly or not.
func exportData(top string, files []*ast.File) (importer.Lookup, error) {
	args := []string{"list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}", "--", "errors"}
	for _, file := range files {
		for _, spec := range file.Imports {
			if p, err := strconv.Unquote(spec.Path.Value); err == nil && p != "unsafe" {
				args = append(args, p)
			}
		}
	}
	list := exec.Command("go", args...)
	list.Dir = top
	list.Stderr = new(strings.Builder)
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w\n%s", err, list.Stderr)
	}
	exports := make(map[string]string)
	for line := range strings.Lines(string(out)) {
		if p, name, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
			exports[p] = name
		}
	}
	return func(p string) (io.ReadCloser, error) {
		if exports[p] == "" {
			return nil, fmt.Errorf("the compiler has nothing about %s", p)
		}
		return os.Open(exports[p])
	}, nil
}

// purityCheck is the check of one package.
type purityCheck struct {
	top    string
	files  *token.FileSet
	info   *types.Info
	stains []stain
}

func (c *purityCheck) stain(at token.Pos, format string, args ...any) {
	file, line := c.place(at)
	c.stains = append(c.stains, stain{file, line, fmt.Sprintf(format, args...)})
}

func (c *purityCheck) place(at token.Pos) (file string, line int) {
	p := c.files.Position(at)
	file, err := filepath.Rel(c.top, p.Filename)
	if err != nil {
		file = p.Filename
	}
	return filepath.ToSlash(file), p.Line
}

// checkSystems wants a file that is the same code on each system.
func (c *purityCheck) checkSystems(file *ast.File, name string) {
	for _, system := range [][2]string{{"linux", "amd64"}, {"windows", "arm64"}} {
		context := build.Default
		context.GOOS, context.GOARCH = system[0], system[1]
		if in, err := context.MatchFile(filepath.Dir(name), filepath.Base(name)); err != nil || !in {
			c.stain(file.Package, "is left out on some systems")
			return
		}
	}
}

func (c *purityCheck) checkImports(file *ast.File) {
	name, _ := c.place(file.Package)
	for _, spec := range file.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			c.stain(spec.Pos(), "imports nothing readable")
			continue
		}
		if first, _, _ := strings.Cut(p, "/"); strings.Contains(first, ".") {
			continue // not the standard library: TestWalls checks it
		}
		if !slices.Contains(pureStd, p) && !slices.Contains(pureExceptions[name], p) {
			c.stain(spec.Pos(), "imports %s", p)
		}
	}
}

func (c *purityCheck) checkFile(file *ast.File) {
	excused := c.orderComments(file)
	c.checkVars(file)
	ast.PreorderStack(file, nil, func(n ast.Node, above []ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			c.stain(n.Pos(), "starts a goroutine")
		case *ast.SelectStmt:
			c.stain(n.Pos(), "selects among channels")
		case *ast.SendStmt:
			c.stain(n.Arrow, "sends on a channel")
		case *ast.ChanType:
			c.stain(n.Pos(), "has a channel")
		case *ast.UnaryExpr:
			if n.Op == token.ARROW {
				c.stain(n.Pos(), "receives from a channel")
			}
		case *ast.RangeStmt:
			c.checkRange(n, excused)
		case *ast.Ident:
			c.checkUse(n, above, excused)
		}
		return true
	})
}

// orderComments returns the lines with a comment that says why the order of a map does
// not matter, and the lines below those.
func (c *purityCheck) orderComments(file *ast.File) map[int]bool {
	lines := make(map[int]bool)
	for _, group := range file.Comments {
		for _, comment := range group.List {
			_, why, ok := strings.Cut(comment.Text, orderComment)
			if ok && strings.TrimSpace(why) != "" {
				_, line := c.place(comment.Pos())
				lines[line], lines[line+1] = true, true
			}
		}
	}
	return lines
}

// checkVars wants no random source at package level: it would be shared by all
// the machines of a simulation.
func (c *purityCheck) checkVars(file *ast.File) {
	for _, decl := range file.Decls {
		general, ok := decl.(*ast.GenDecl)
		if !ok || general.Tok != token.VAR {
			continue
		}
		for _, spec := range general.Specs {
			for _, name := range spec.(*ast.ValueSpec).Names {
				if v := c.info.Defs[name]; v != nil && strings.Contains(types.TypeString(v.Type(), nil), "math/rand") {
					c.stain(name.Pos(), "keeps a random source for the whole process")
				}
			}
		}
	}
}

func (c *purityCheck) checkRange(n *ast.RangeStmt, excused map[int]bool) {
	over := c.info.TypeOf(n.X)
	if over == nil {
		return
	}
	switch over.Underlying().(type) {
	case *types.Chan:
		c.stain(n.Pos(), "receives from a channel")
	case *types.Map:
		if _, line := c.place(n.Pos()); !excused[line] {
			c.stain(n.Pos(), "goes through a map in its random order (sort the keys, or say // %s <why>)", orderComment)
		}
	}
}

// checkUse checks the use of a name that belongs to another package, or is built in.
func (c *purityCheck) checkUse(id *ast.Ident, above []ast.Node, excused map[int]bool) {
	used := c.info.Uses[id]
	if b, ok := used.(*types.Builtin); ok && (b.Name() == "print" || b.Name() == "println") {
		c.stain(id.Pos(), "%s does I/O", b.Name())
	}
	if used == nil || used.Pkg() == nil || used.Parent() != used.Pkg().Scope() {
		return // built in, a method or a field: only names at package level count
	}
	p, name := used.Pkg().Path(), used.Name()
	if p == "maps" && slices.Contains(unordered, name) {
		if _, line := c.place(id.Pos()); !excused[line] && !c.isSorted(above) {
			c.stain(id.Pos(), "maps.%s goes through a map in its random order (sort it at once, or say // %s <why>)", name, orderComment)
		}
	}
	why, bad := impure[p][name]
	if !bad && !slices.Contains(notImpure[p], name) {
		why, bad = impure[p]["*"]
	}
	if bad {
		c.stain(id.Pos(), "%s.%s %s", used.Pkg().Name(), name, why)
	}
}

// isSorted reports whether the call that contains a name is the argument of
// slices.Sorted or a similar function. above ends with the selector of the name.
func (c *purityCheck) isSorted(above []ast.Node) bool {
	if len(above) < 3 {
		return false
	}
	outer, ok := above[len(above)-3].(*ast.CallExpr)
	if !ok {
		return false
	}
	f, ok := outer.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	used := c.info.Uses[f.Sel]
	return used != nil && used.Pkg() != nil && used.Pkg().Path() == "slices" && strings.HasPrefix(used.Name(), "Sorted")
}
