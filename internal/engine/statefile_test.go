package engine

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/callout"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
)

func TestTheStateIsTheSameAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	if s, err := readState(path); err != nil || s.Anchors != nil {
		t.Errorf("before there is one: %v, %v", s, err)
	}
	for _, anchors := range [][]string{{"10.0.0.1:1"}, {"10.0.0.2:1", "[2001:db8::1]:2"}} {
		if err := (state{Anchors: anchors}).write(path); err != nil {
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

// A file of an older version, without the heard events, is still valid.
func TestTheStateKeepsWhatWasHeard(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(path, []byte(`{"anchors":["10.0.0.1:1"]}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := readState(path); err != nil || len(s.Anchors) != 1 || s.Heard != nil {
		t.Errorf("an old file: %v, %v", s, err)
	}
	var heard heardState
	for n := range uint64(mostHeard) {
		id := ident.ID{1, byte(n >> 8), byte(n)}
		heard = append(heard, plumtree.Range{Origin: ident.Origin{ID: id, Epoch: 1<<63 + n}, From: 1, To: 1<<63 - n})
	}
	if err := (state{Heard: heard}).write(path); err != nil {
		t.Fatal(err)
	}
	if s, err := readState(path); err != nil || !slices.Equal(s.Heard, heard) {
		t.Errorf("%d origins, %v, want %d", len(s.Heard), err, len(heard))
	}
	if err := (state{Heard: append(heard, heard[0])}).write(path); err != nil {
		t.Fatal(err)
	}
	if _, err := readState(path); err == nil {
		t.Error("more than a node writes was read")
	}
}

// The file stays within its bound, because the origins that were silent longest are left
// out. A node without neighbours keeps the anchors that it had.
func TestTheStateIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	f := &stateFile{path: path, calls: callout.New(nil, new(callout.Counts)), saved: state{Anchors: []string{"10.0.0.1:1"}}}
	var heard heardState
	for n := range uint64(3 * mostHeard) {
		heard = append(heard, plumtree.Range{Origin: ident.Origin{ID: ident.ID{1}, Epoch: n}, From: 1, To: 2})
	}
	f.save(t.Context(), state{Heard: heard})
	s, err := readState(path)
	if err != nil || !slices.Equal(s.Heard, heard[2*mostHeard:]) || !slices.Equal(s.Anchors, f.saved.Anchors) {
		t.Errorf("%d origins, anchors %v, %v", len(s.Heard), s.Anchors, err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	f.save(t.Context(), state{Heard: heard})
	if _, err := os.Stat(path); err == nil {
		t.Error("written though nothing has changed")
	}
}

// A neighbour claims an address that has a name instead of an IP address. Such an address
// is not written, because the next start would refuse the whole file, and lose the heard
// events.
func TestAPeerDoesNotSpoilTheState(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	f := &stateFile{path: path, calls: callout.New(nil, new(callout.Counts))}
	heard := heardState{{Origin: ident.Origin{ID: ident.ID{1}, Epoch: 1}, From: 1, To: 2}}
	said := []string{"evil.example:1", "10.0.0.1:1"}
	f.save(t.Context(), state{Anchors: said, Heard: heard})
	s, err := readState(path)
	if err != nil || !slices.Equal(s.Anchors, []string{"10.0.0.1:1"}) || !slices.Equal(s.Heard, heard) {
		t.Errorf("anchors %v, heard %v, %v", s.Anchors, s.Heard, err)
	}
	f.save(t.Context(), state{Anchors: []string{"evil.example:1"}, Heard: heard})
	if s, err := readState(path); err != nil || !slices.Equal(s.Anchors, []string{"10.0.0.1:1"}) {
		t.Errorf("anchors %v, %v", s.Anchors, err)
	}
	if said[0] != "evil.example:1" {
		t.Error("the list of the machine was changed")
	}
}

func TestWhatIsNoState(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	for _, text := range []string{"", "{", "[]", `{"anchors":[1]}`, `{"anchors":["nowhere"]}`, `{"anchors":["host:1"]}`, strings.Repeat(" ", mostState+1),
		`{"anchors":[],"heard":"?"}`, `{"heard":"AAAA"}`, `{"heard":"` + strings.Repeat("A", 44) + `"}`} {
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
