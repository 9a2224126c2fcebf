package progress

import (
	"bytes"
	"fmt"
	"os"
	"testing"
	"time"
)

// On shows nothing in a file, and Write reaches it.
func TestAFileHasNoProgress(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	l := On(file)
	l.Show("busy")
	l.Bar(0.5, "")
	fmt.Fprintln(l, "a line")
	l.Clear()
	if text, err := os.ReadFile(file.Name()); string(text) != "a line\n" || err != nil || l.IsLive() {
		t.Errorf("%q, %v", text, err)
	}
}

func TestNoLineShowsNothing(t *testing.T) {
	var l *Line
	l.Show("busy")
	l.Bar(0.5, "")
	l.Clear()
	if l.IsLive() {
		t.Error("it is live")
	}
}

func TestLinesGoAboveTheProgress(t *testing.T) {
	var out bytes.Buffer
	l := New(&out, true)
	want := func(what, text string) {
		t.Helper()
		if got := out.String(); got != text {
			t.Errorf("%s: %q, want %q", what, got, text)
		}
		out.Reset()
	}
	fmt.Fprintln(l, "before")
	want("a line before", "before\n")
	l.Show("%d nodes", 3)
	want("the text", "\r\x1b[K3 nodes")
	l.Bar(0.5, "")
	want("a bar that comes too soon", "")
	fmt.Fprintln(l, "a warning")
	want("a line above", "\r\x1b[Ka warning\n3 nodes")
	l.shown = time.Time{}
	l.Bar(0.5, " of 2s")
	want("a bar", "\r\x1b[K[====================                    ]  50 % of 2s")
	l.shown = time.Time{}
	l.Bar(1.5, "")
	want("a full bar", "\r\x1b[K[========================================] 100 %")
	l.Clear()
	want("the end", "\r\x1b[K")
	l.Clear()
	want("nothing to clear", "")
}
