//go:build unix

package files

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Read returns at once with an error for everything that is no regular file, and never reads more
// than it may.
func TestOnlyRegularFilesAreRead(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(at("file"), []byte("text"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(at("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"link": "file", "zero": "/dev/zero", "behind": "pipe"} {
		if err := os.Symlink(target, at(name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name string
		most int64
		want error
	}{
		{"file", 4, nil}, {"link", 4, nil}, {"file", 3, ErrTooLarge}, {"pipe", 4, ErrNotRegular}, {"behind", 4, ErrNotRegular},
		{"zero", 4, ErrNotRegular}, {".", 4, ErrNotRegular}, {"none", 4, fs.ErrNotExist},
	} {
		text, mode, err := ReadMode(at(c.name), c.most)
		if !errors.Is(err, c.want) || c.want == nil && string(text) != "text" {
			t.Errorf("%s with %d bytes: %q, %v, want %v", c.name, c.most, text, err, c.want)
		}
		if _, ok := errors.AsType[*fs.PathError](err); err != nil && !ok {
			t.Errorf("%s: %T", c.name, err)
		}
		if c.want == nil && IsPrivate(mode) {
			t.Errorf("%s: mode %v is private", c.name, mode)
		}
	}
	if !IsPrivate(0o600) || IsPublic(0o440) || !IsPublic(0o444) {
		t.Error("0600 is not private, 0440 is public, or 0444 is not")
	}
}

func TestAShareIsBounded(t *testing.T) {
	limit, ok := descriptors()
	if !ok || limit == 0 {
		t.Fatalf("the process may open %d files: %v", limit, ok)
	}
	if n := Share(1<<62, 4); uint64(n) != limit/4 {
		t.Errorf("a quarter of %d descriptors: %d", limit, n)
	}
	if n := Share(2, 4); n != 2 {
		t.Errorf("more than asked for: %d", n)
	}
}
