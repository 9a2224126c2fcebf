package archtest

import (
	"fmt"
	"go/ast"
	"go/build"
	"go/doc"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
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
	"discovery":     {"Resolver", "Seed", "Static"},
	"discovery/dns": {"Resolver"},
	"ident":         {"ID"},
	"metrics":       nil,
	"netsplit":      nil,
	"peerlist":      {"Peerlist"},
	"smoke":         {"Broadcast", "Event", "Node", "Options", "Peer", "Peerlist"},
	"smoketest":     {"Network", "Recorder"},
	"tracing":       {"Propagator"},
	"transport":     {"HalfCloser", "Lingerer", "Transport", "TryWriter"},
	"transport/mem": {"Network"},
	"transport/tcp": {"Transport"},
	"trust":         {"DevAuthority", "Guard", "Key"},
}

// TestMainFunctionsHaveExamples checks that an Example shows each exported function of the
// packages that a user imports, and each method of their main types; and that the output
// of each Example is checked.
func TestMainFunctionsHaveExamples(t *testing.T) {
	top := root(t)
	for _, pkg := range slices.Sorted(maps.Keys(mainTypes)) {
		found, err := readExamples(top, pkg, mainTypes[pkg])
		if err != nil {
			t.Error(err)
			continue
		}
		for _, f := range found.functions {
			if !found.shown[f] {
				t.Errorf("no Example of package %s shows %s", pkg, f)
			}
		}
		for _, e := range found.examples {
			if !e.isChecked {
				t.Errorf("Example%s of package %s has no comment Output", e.name, pkg)
			}
		}
	}
}

// TestExamplesAreFound: the check above finds a function without an example, even if an
// example shows another type's method of the same name.
func TestExamplesAreFound(t *testing.T) {
	found, err := readExamples(root(t), "internal/archtest/testdata/examples", []string{"T", "Generic", "Doer"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{
		"Bare": false, "Shown": true,
		"T.Called": true, "T.Elsewhere": false, "T.Forgotten": false,
		"Generic.Called": true, "Generic.Forgotten": false,
		"Doer.Do": true, "Doer.Undo": false,
	}
	if names := slices.Sorted(maps.Keys(want)); !slices.Equal(found.functions, names) {
		t.Errorf("functions %q\nwant %q", found.functions, names)
	}
	for name, isShown := range want {
		if found.shown[name] != isShown {
			t.Errorf("%s is shown: %v", name, found.shown[name])
		}
	}
	if got := fmt.Sprint(found.examples); got != "[{Doer false} {Generic true} {Shown true} {T_Called true}]" {
		t.Errorf("examples %s", got)
	}
}

// exampleSet has the functions of one package, and what its examples show.
type exampleSet struct {
	functions []string        // exported; methods of the types as "Type.Method"; sorted
	shown     map[string]bool // those that an example shows
	examples  []example       // by name
}

type example struct {
	name      string // without "Example"
	isChecked bool   // it has an output
}

// readExamples type-checks the package in a folder and its tests in the package of the same
// name with the suffix "_test". Examples are there.
//
// An example shows each function that it uses. An example of a type, such as ExampleNode or
// ExampleNode_Peers, shows each method of this type that it uses: they are next to each
// other in the documentation.
func readExamples(top, pkg string, typeNames []string) (*exampleSet, error) {
	dir := filepath.Join(top, filepath.FromSlash(pkg))
	paths, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		return nil, err
	}
	files := token.NewFileSet()
	var tests []*ast.File
	for _, path := range paths {
		if in, err := build.Default.MatchFile(dir, filepath.Base(path)); err != nil || !in {
			continue
		}
		file, err := parser.ParseFile(files, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		if strings.HasSuffix(file.Name.Name, "_test") {
			tests = append(tests, file)
		}
	}
	exports, err := exportData(top, tests)
	if err != nil {
		return nil, err
	}
	compiled := importer.ForCompiler(files, "gc", exports)
	target, err := compiled.Import(module + "/" + pkg)
	if err != nil {
		return nil, fmt.Errorf("no test of the users' view of %s: %w", pkg, err)
	}
	info := &types.Info{Uses: make(map[*ast.Ident]types.Object)}
	// Names that tests inside the package declare for these tests are unknown here. Examples
	// do not use them.
	config := types.Config{Importer: compiled, Error: func(error) {}}
	_, _ = config.Check(pkg+"_test", files, tests, info)

	found := &exampleSet{shown: make(map[string]bool)}
	functions, err := found.addFunctions(target.Scope(), typeNames)
	if err != nil {
		return nil, fmt.Errorf("package %s: %w", pkg, err)
	}
	for _, e := range doc.Examples(tests...) {
		found.examples = append(found.examples, example{e.Name, e.Output != "" || e.EmptyOutput})
		of, _, _ := strings.Cut(e.Name, "_")
		ast.Inspect(e.Code, func(n ast.Node) bool {
			id, isIdent := n.(*ast.Ident)
			if !isIdent {
				return true
			}
			name, known := functions[origin(info.Uses[id])]
			if receiver, _, isMethod := strings.Cut(name, "."); known && (!isMethod || receiver == of) {
				found.shown[name] = true
			}
			return true
		})
	}
	return found, nil
}

// addFunctions adds the exported functions of a package and the exported methods of some of
// its types. It returns their names.
func (s *exampleSet) addFunctions(scope *types.Scope, typeNames []string) (map[types.Object]string, error) {
	functions := make(map[types.Object]string)
	add := func(f *types.Func, name string) {
		if f.Exported() && !slices.Contains(calledByOthers, f.Name()) {
			functions[f] = name
			s.functions = append(s.functions, name)
		}
	}
	for _, name := range scope.Names() {
		if f, isFunc := scope.Lookup(name).(*types.Func); isFunc {
			add(f, name)
		}
	}
	for _, name := range typeNames {
		declared, isType := scope.Lookup(name).(*types.TypeName)
		if !isType {
			return nil, fmt.Errorf("no type %s", name)
		}
		named := declared.Type().(*types.Named)
		for m := range named.Methods() {
			add(m, name+"."+m.Name())
		}
		if i, isInterface := named.Underlying().(*types.Interface); isInterface {
			for m := range i.Methods() {
				add(m, name+"."+m.Name())
			}
		}
	}
	slices.Sort(s.functions)
	return functions, nil
}

// calledByOthers has methods that programs do not call themselves.
var calledByOthers = []string{
	"String", "GoString", // called by package fmt
	"MarshalText", "UnmarshalText", "MarshalBinary", "UnmarshalBinary", // called by encoders
}

// origin returns the declaration of a function that may be an instance of a generic one.
func origin(o types.Object) types.Object {
	if f, isFunc := o.(*types.Func); isFunc {
		return f.Origin()
	}
	return o
}
