package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// bar shows how far a simulation is, on a terminal only.
type bar struct {
	out   io.Writer // nil: nobody watches
	runs  int
	shown time.Time
}

func newBar(w io.Writer, runs int) *bar {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return &bar{out: f, runs: runs}
	}
	return &bar{}
}

// progress is what the i-th run reports to.
func (b *bar) progress(i int) func(now, of time.Duration) {
	if b.out == nil {
		return nil
	}
	return func(now, of time.Duration) {
		if time.Since(b.shown) < 100*time.Millisecond || of <= 0 {
			return
		}
		b.shown = time.Now()
		const width = 40
		share := min((float64(i)+float64(now)/float64(of))/float64(b.runs), 1)
		full := int(share * width)
		run := ""
		if b.runs > 1 {
			run = fmt.Sprintf("  run %d of %d", i+1, b.runs)
		}
		fmt.Fprintf(b.out, "\r[%s%s] %3.0f %%%s  \x1b[K", strings.Repeat("=", full), strings.Repeat(" ", width-full), 100*share, run)
	}
}

func (b *bar) clear() {
	if b.out != nil && !b.shown.IsZero() {
		fmt.Fprint(b.out, "\r\x1b[K")
	}
}
