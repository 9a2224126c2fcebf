package smoke

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestTheStateIsTheSameAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	if s, err := readState(path); err != nil || s.Anchors != nil {
		t.Errorf("before there is one: %v, %v", s, err)
	}
	for _, anchors := range [][]string{{"10.0.0.1:1"}, {"10.0.0.2:1", "[2001:db8::1]:2"}} {
		if err := (state{anchors}).write(path); err != nil {
			t.Fatal(err)
		}
		if s, err := readState(path); err != nil || !slices.Equal(s.Anchors, anchors) {
			t.Errorf("%v, %v, want %v", s, err, anchors)
		}
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("in the folder: %v, %v", left, err)
	}
}

func TestWhatIsNoState(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	for _, text := range []string{"", "{", "[]", `{"anchors":[1]}`, `{"anchors":["nowhere"]}`, `{"anchors":["host:1"]}`, strings.Repeat(" ", 5000)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err := readState(path); err == nil || len(s.Anchors) > 0 || !strings.Contains(err.Error(), path) {
			t.Errorf("%.20q: %v, %v", text, s, err)
		}
	}
	if err := (state{}).write(filepath.Join(path, "below")); err == nil {
		t.Error("written below a file")
	}
}
