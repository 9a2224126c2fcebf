package archtest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// bubble matches a package that runs tests in virtual time, where a sleep takes no real
// time. It may be in another file than the sleep.
var bubble = regexp.MustCompile(`"testing/synctest"|/smoketest"|(?m)^package smoketest`)

// sleep matches a call. The beginning of the line distinguishes it from a mention in a
// comment.
var sleep = regexp.MustCompile(`(?m)^[^/\n]*\btime\.Sleep\(`)

// TestNobodySleepsInRealTime: a test that sleeps in real time waits too long on a fast
// machine, and not long enough on a slow one.
func TestNobodySleepsInRealTime(t *testing.T) {
	virtual := make(map[string]bool)    // by folder
	sleepy := make(map[string][]string) // by folder
	err := filepath.WalkDir(root(t), func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		dir := filepath.Dir(path)
		virtual[dir] = virtual[dir] || bubble.Match(text)
		if sleep.Match(text) {
			sleepy[dir] = append(sleepy[dir], path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for dir, files := range sleepy {
		if !virtual[dir] {
			t.Errorf("%s: sleeps, and nothing there is in virtual time: wait for the event itself", strings.Join(files, ", "))
		}
	}
	if len(sleepy) == 0 {
		t.Error("no file sleeps at all: does the pattern still fit?")
	}
}
