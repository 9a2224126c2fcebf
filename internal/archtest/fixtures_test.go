package archtest

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Each file under testdata/impure breaks a rule, and says in which lines and how: a
// check that cannot fail proves nothing.
func TestPurityCanFail(t *testing.T) {
	names, err := filepath.Glob("testdata/impure/*.go")
	if err != nil || len(names) < 9 {
		t.Fatalf("found %v, %v", names, err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			full, err := filepath.Abs(name)
			if err != nil {
				t.Fatal(err)
			}
			stains, err := checkPurity(root(t), []string{full})
			if err != nil {
				t.Fatal(err)
			}
			compare(t, stains, wanted(t, name))
		})
	}
}

// want is what a line of a fixture says about itself.
type want struct {
	line int
	what string
}

var wantComment = regexp.MustCompile(`// want "([^"]+)"`)

func wanted(t *testing.T, name string) []want {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	var wants []want
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		if found := wantComment.FindStringSubmatch(lines.Text()); found != nil {
			wants = append(wants, want{n, found[1]})
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return wants
}

// compare wants each stain on a line that expects it, and each such line stained.
func compare(t *testing.T, stains []stain, wants []want) {
	t.Helper()
	for _, s := range stains {
		i := slices.IndexFunc(wants, func(w want) bool { return w.line == s.line && strings.Contains(s.what, w.what) })
		if i < 0 {
			t.Errorf("line %d: %s: not expected", s.line, s.what)
			continue
		}
		// A line may break the same rule several times; it is expected once.
		wants[i].what = s.what
	}
	for _, w := range wants {
		if !slices.ContainsFunc(stains, func(s stain) bool { return s.line == w.line && strings.Contains(s.what, w.what) }) {
			t.Errorf("line %d: %s: not found", w.line, w.what)
		}
	}
}

// The file that may import sync may use its locks only.
func TestOneFileMayHoldALock(t *testing.T) {
	top := t.TempDir()
	name := filepath.Join(top, "peerlist", "peerlist.go")
	text := "package peerlist\n\nimport \"sync\"\n\nvar a sync.Mutex\nvar b sync.WaitGroup\n"
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(top, "go.mod"), []byte("module fixture\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	stains, err := checkPurity(top, []string{name})
	if err != nil {
		t.Fatal(err)
	}
	compare(t, stains, []want{{6, "sync.WaitGroup is more than a lock"}})
}

func TestWallsCanFail(t *testing.T) {
	low := row{pkg: "low", floor: 0, why: "under everything"}
	mid := row{pkg: "mid", floor: 1, may: []string{"low", "example.com/lib"}, tests: []string{"example.com/check"}, why: "knows low only"}
	top := row{pkg: "top", floor: 3, may: []string{"mid"}, why: "knows mid only"}
	at := func(file string, imports ...string) source {
		s := source{file: file, pkg: filepath.ToSlash(filepath.Dir(file)), isTest: strings.HasSuffix(file, "_test.go")}
		for i, p := range imports {
			s.imports = append(s.imports, imported{p, i + 3})
		}
		return s
	}
	good := []source{
		at("low/a.go", "fmt", "net/http"),
		at("mid/a.go", "./low", "example.com/lib", "example.com/lib/sub"),
		at("mid/a_test.go", "./mid", "example.com/check", "go.uber.org/goleak"),
		at("top/a.go", "./mid"),
	}
	table := []row{low, mid, top}
	for _, test := range []struct {
		name  string
		files []source
		table []row
		want  string // "" when the walls hold
	}{
		{"all is well", nil, table, ""},
		{"reaching up", []source{at("low/b.go", "./top")}, table, "low/b.go:3: low may not import top (its row: under everything)"},
		{"past the neighbour", []source{at("top/b.go", "fmt", "./low")}, table, "top/b.go:4: top may not import low"},
		{"a library", []source{at("low/b.go", "example.com/lib")}, table, "low may not import example.com/lib"},
		{"a library of a like name", []source{at("mid/b.go", "example.com/library")}, table, "mid may not import example.com/library"},
		{"a folder below one that is allowed", []source{at("mid/b.go", "./low/inner")}, table, "mid may not import low/inner"},
		{"a test's library in the code", []source{at("mid/b.go", "example.com/check")}, table, "mid may not import example.com/check"},
		{"a test reaching up", []source{at("low/b_test.go", "./top")}, table, "low may not import top"},
		{"no row", []source{at("new/a.go"), at("new/b.go")}, table, "package new has no row"},
		{"no package", nil, append(slices.Clone(table), row{pkg: "gone", floor: 3, why: "was here"}), "a row for gone, and there is no such package"},
		{"not built yet", nil, append(slices.Clone(table), row{pkg: "gone", floor: 3, why: "will be here", planned: true}), ""},
		{"two rows", nil, append(slices.Clone(table), low), "two rows for low"},
		{"no reason", nil, []row{low, {pkg: "mid", floor: 1, may: mid.may, tests: mid.tests}, top}, "the row for mid gives no reason"},
		{"a row that reaches up", nil, []row{{pkg: "low", may: []string{"top"}, why: "x"}, mid, top}, "the row for low, floor 0, allows top, floor 3"},
		{"pure neighbours", nil, []row{low, mid, top, {pkg: "beside", floor: 1, may: []string{"mid"}, why: "x", planned: true}}, "beside, floor 1, allows mid, floor 1"},
		{"a row for what has none", nil, []row{low, mid, {pkg: "top", floor: 3, may: []string{"mid", "nowhere"}, why: "x"}}, "allows nowhere, which has no row"},
	} {
		t.Run(test.name, func(t *testing.T) {
			holes := checkWalls(append(slices.Clone(good), test.files...), test.table)
			switch {
			case test.want == "" && len(holes) > 0:
				t.Errorf("got %q, want none", holes)
			case test.want != "" && (len(holes) != 1 || !strings.Contains(holes[0], test.want)):
				t.Errorf("got %q, want one that says %q", holes, test.want)
			}
		})
	}
}

// The files that the tree reader must read, and those that it must skip.
func TestReadTree(t *testing.T) {
	top := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":               "module " + module + "\n",
		"a/a.go":               "package a\n\nimport (\n\t\"fmt\"\n\tx \"" + module + "/b\"\n)\n",
		"a/a_plan9.go":         "package a\n\nimport _ \"example.com/only/there\"\n",
		"a/testdata/x.go":      "package x\n",
		"a/_x.go":              "no go at all",
		"bench/go.mod":         "module bench\n",
		"bench/x.go":           "package bench\n",
		".hidden/x.go":         "package x\n",
		"b/deep/deeper/x.go":   "package deeper\n",
		"b/deep/deeper/x.html": "<p>",
	} {
		name = filepath.Join(top, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	sources, err := readTree(top)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range sources {
		got = append(got, fmt.Sprintf("%s in %s: %v", s.file, s.pkg, s.imports))
	}
	want := []string{
		"a/a.go in a: [{fmt 4} {./b 5}]",
		"a/a_plan9.go in a: [{example.com/only/there 3}]",
		"b/deep/deeper/x.go in b/deep/deeper: []",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}
