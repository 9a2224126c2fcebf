// Package progress shows how far a long run is, on the last line of a terminal.
package progress

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// Line is a line that is replaced again and again. A Line that is nil, or that is not on
// a terminal, shows nothing. Many goroutines may use it.
type Line struct {
	live bool // on a terminal

	mu    sync.Mutex // guards all below
	out   io.Writer
	text  string    // what the line shows; empty: nothing
	shown time.Time // when it was replaced last
}

const (
	clear    = "\r\x1b[K"
	barWidth = 40
	barGap   = 100 * time.Millisecond // between two bars
)

// On returns a line on w. The line is live if w is a terminal.
func On(w io.Writer) *Line {
	f, ok := w.(*os.File)
	return New(w, ok && term.IsTerminal(int(f.Fd())))
}

// New returns a line on w, as if w was a terminal if live is true.
func New(w io.Writer, live bool) *Line { return &Line{out: w, live: live} }

// IsLive reports whether the line shows anything. If not, its text need not be made.
func (l *Line) IsLive() bool { return l != nil && l.live }

// Show replaces the line.
func (l *Line) Show(format string, args ...any) {
	if !l.IsLive() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.show(fmt.Sprintf(format, args...))
}

// show replaces the line. The caller holds the lock.
func (l *Line) show(text string) {
	l.text, l.shown = text, time.Now()
	fmt.Fprint(l.out, clear+text)
}

// Bar shows a bar that is full at share 1, and a note behind it. A bar that comes less
// than 100 ms after the last text is not shown.
func (l *Line) Bar(share float64, note string) {
	if !l.IsLive() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Since(l.shown) < barGap {
		return
	}
	share = min(share, 1)
	full := int(share * barWidth)
	l.show(fmt.Sprintf("[%s%s] %3.0f %%%s", strings.Repeat("=", full), strings.Repeat(" ", barWidth-full), 100*share, note))
}

// Clear empties the line.
func (l *Line) Clear() {
	if !l.IsLive() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.text != "" {
		l.text = ""
		fmt.Fprint(l.out, clear)
	}
}

// Write implements io.Writer. It takes whole lines, which go above this one.
func (l *Line) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.text == "" {
		return l.out.Write(p)
	}
	if _, err := io.WriteString(l.out, clear); err != nil {
		return 0, err
	}
	n, err := l.out.Write(p)
	io.WriteString(l.out, l.text) // an error shows at the next write
	return n, err
}
