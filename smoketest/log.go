package smoketest

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// lastLines is how many lines of a node's log are kept: a guess at what a person
// reads of one that failed.
const lastLines = 40

// logbook keeps the last lines that a node has logged. It may be used by many
// goroutines.
type logbook struct {
	began time.Time

	mu    sync.Mutex // guards all below
	lines []string
	left  int // lines that had to go
}

func newLogbook(began time.Time) *logbook { return &logbook{began: began} }

// logger writes into the book, with the time since the beginning of the test.
func (b *logbook) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey && a.Value.Kind() == slog.KindTime {
				a.Value = slog.StringValue(a.Value.Time().Sub(b.began).Round(time.Millisecond).String())
			}
			return a
		},
	}))
}

// Write takes a line. A slog.Handler calls it once for each.
func (b *logbook) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.lines) == lastLines {
		b.lines = append(b.lines[:0], b.lines[1:]...)
		b.left++
	}
	b.lines = append(b.lines, strings.TrimSpace(string(line)))
	return len(line), nil
}

// String gives the lines, each below the one before.
func (b *logbook) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	text := ":"
	if b.left > 0 {
		text = fmt.Sprintf(", without the first %d lines:", b.left)
	}
	if len(b.lines) == 0 {
		text = ": nothing"
	}
	return strings.Join(append([]string{text}, b.lines...), "\n\t")
}
