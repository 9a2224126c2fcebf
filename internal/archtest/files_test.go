package archtest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// opens matches a call that reads a file as it is. The beginning of the line distinguishes it
// from a mention in a comment.
var opens = regexp.MustCompile(`(?m)^[^/\n]*\b(os\.(ReadFile|Open|DirFS)|tls\.LoadX509KeyPair|ioutil\.ReadFile)\(`)

// TestFilesAreReadInOnePlace: internal/files reads the files that a configuration names. It waits
// for no pipe, reads no device and has a bound. Packages for tests and the module of the
// benchmarks read files of their own.
func TestFilesAreReadInOnePlace(t *testing.T) {
	read := 0
	err := filepath.WalkDir(root(t), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root(t), path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if d.IsDir() && (name == "bench" || name == "internal/e2e" || strings.HasPrefix(name, ".git")) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		read++
		for _, call := range opens.FindAll(text, -1) {
			t.Errorf("%s: %s…): use internal/files", name, strings.TrimSpace(string(call)))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if read < 200 {
		t.Errorf("%d files were read: does the walk still find them?", read)
	}
	for text, want := range map[string]bool{
		"\ttext, err := os.ReadFile(path)\n": true, "\t// os.ReadFile(path) would wait.\n": false, "\tf, err := os.Open(path)\n": true, "\tos.OpenFile(path, flags, 0)\n": false,
	} {
		if got := opens.MatchString(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
