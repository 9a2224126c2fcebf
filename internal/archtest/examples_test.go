package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mainTypes has the packages that a user imports, and in each of them the types whose
// methods an example must show. Of each package, an example must show all exported
// functions.
var mainTypes = map[string][]string{
	"dashboard":     nil,
	"discovery":     nil,
	"discovery/dns": nil,
	"metrics":       nil,
	"netsplit":      nil,
	"peerlist":      {"Peerlist"},
	"smoke":         {"Broadcast", "Event", "Node", "Peer"},
	"smoketest":     nil,
	"tracing":       nil,
	"transport":     {"HalfCloser", "Lingerer", "TryWriter"},
	"transport/mem": {"Network"},
	"transport/tcp": {"Transport"},
	"trust":         {"Guard", "Key"},
}

// noExample has the functions that need no example, with the reason. An entry without
// such a function, or whose function has an example, is an error.
var noExample = map[string]string{
	"peerlist.Peerlist.Max": "an example of Node.Peers shows IsFull",
	"peerlist.Peerlist.Min": "an example of Node.Peers shows IsFilled",
	"smoke.Node.Advertised": "like Addr",
	"smoke.Peer.Close":      "Node.RemovePeer under another name",
	"smoke.Peer.RemoteAddr": "an address",
	"smoke.Peer.RemoteHost": "part of an address",
	"smoke.Peer.RemotePort": "part of an address",
	"smoketest.Addr":        "for the seeds in Options.Configure",
	"transport.IsAddrInUse": "like IsRefused",
	"transport.IsReset":     "an example of package mem shows it",
	"transport.IsTemporary": "like IsRefused",
	"trust.Key.GoString":    "called by package fmt",
	"trust.Key.Public":      "the type has its own documentation",
	"trust.Key.Sign":        "the type has its own documentation",
}

// TestMainFunctionsHaveExamples checks that an Example shows each exported function of the
// packages that a user imports, and each method of their main types: it has the name of
// the function, or calls it.
func TestMainFunctionsHaveExamples(t *testing.T) {
	top := root(t)
	excused := maps.Clone(noExample)
	for _, pkg := range slices.Sorted(maps.Keys(mainTypes)) {
		functions, shown, err := readExamples(filepath.Join(top, filepath.FromSlash(pkg)), mainTypes[pkg])
		if err != nil {
			t.Fatal(err)
		}
		if len(functions) == 0 && len(shown) == 0 {
			t.Errorf("package %s has neither functions nor examples", pkg)
		}
		for _, f := range functions {
			name := pkg + "." + f
			_, excuse := excused[name]
			delete(excused, name)
			switch isShown := shown[f[strings.LastIndexByte(f, '.')+1:]]; {
			case isShown && excuse:
				t.Errorf("%s has an example: remove it from noExample", name)
			case !isShown && !excuse:
				t.Errorf("no Example of package %s shows %s: write one, or a reason into noExample", pkg, f)
			}
		}
	}
	for name := range excused {
		t.Errorf("noExample has %s, and there is no such function", name)
	}
}

// TestExamplesAreFound: the check above finds a function without an example.
func TestExamplesAreFound(t *testing.T) {
	functions, shown, err := readExamples(filepath.Join("testdata", "examples"), []string{"T"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(functions), "[Bare Shown T.Called T.Forgotten]"; got != want {
		t.Errorf("functions %s, want %s", got, want)
	}
	for name, want := range map[string]bool{"Bare": false, "Shown": true, "Called": true, "Forgotten": false} {
		if shown[name] != want {
			t.Errorf("%s is shown: %v", name, shown[name])
		}
	}
}

// readExamples returns the exported functions of the package in a folder, with the exported
// methods of types as "Type.Method", sorted; and the names that its examples show.
func readExamples(dir string, types []string) (functions []string, shown map[string]bool, err error) {
	shown = make(map[string]bool)
	files := token.NewFileSet()
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err == nil && len(paths) == 0 {
		err = fmt.Errorf("%s: %w", dir, fs.ErrNotExist)
	}
	for _, path := range paths {
		file, e := parser.ParseFile(files, path, nil, 0)
		if e != nil {
			return nil, nil, e
		}
		isTest := strings.HasSuffix(path, "_test.go")
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			switch {
			case !ok:
			case isTest && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Example"):
				addShown(shown, f)
			case !isTest && f.Name.IsExported():
				if name, ok := publicName(f, types); ok {
					functions = append(functions, name)
				}
			}
		}
	}
	slices.Sort(functions)
	return slices.Compact(functions), shown, err // a function may be there once for each system
}

// publicName returns the name of a function, or of a method of one of the types.
func publicName(f *ast.FuncDecl, types []string) (string, bool) {
	if f.Recv == nil {
		return f.Name.Name, true
	}
	of := f.Recv.List[0].Type
	if pointer, ok := of.(*ast.StarExpr); ok {
		of = pointer.X
	}
	if generic, ok := of.(*ast.IndexExpr); ok {
		of = generic.X
	}
	name, ok := of.(*ast.Ident)
	if !ok || !slices.Contains(types, name.Name) || f.Name.Name == "String" {
		return "", false
	}
	return name.Name + "." + f.Name.Name, true
}

// addShown adds the names that an example shows: the one in its own name, and those of the
// functions that it mentions.
func addShown(shown map[string]bool, f *ast.FuncDecl) {
	for _, part := range strings.Split(strings.TrimPrefix(f.Name.Name, "Example"), "_") {
		shown[part] = true
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			shown[s.Sel.Name] = true
		}
		return true
	})
}
