package smoketest

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

// lastLines is how many lines of a node's log are kept. A guess: as much as a person reads
// after a failure.
const lastLines = 40

// logbook keeps the last log lines of a node: warnings and errors, or everything. It may be
// used by many goroutines.
type logbook struct {
	began time.Time
	whole bool

	mu    sync.Mutex // guards everything below
	lines []string
	left  int // number of dropped lines
}

func newLogbook(began time.Time, whole bool) *logbook { return &logbook{began: began, whole: whole} }

// logger returns a logger that writes to the book, with fields in a fixed order.
func (b *logbook) logger() *logrus.Logger {
	l := logrus.New()
	l.SetOutput(b)
	l.SetFormatter(&logrus.TextFormatter{DisableColors: true, DisableTimestamp: true})
	l.SetLevel(logrus.WarnLevel)
	if b.whole {
		l.SetLevel(logrus.DebugLevel)
	}
	return l
}

// Write stores a line with the time since the start of the test. A logrus.Logger calls it
// once for each line.
func (b *logbook) Write(line []byte) (int, error) {
	at := time.Since(b.began).Round(time.Millisecond)
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.lines) == lastLines {
		b.lines = append(b.lines[:0], b.lines[1:]...)
		b.left++
	}
	b.lines = append(b.lines, fmt.Sprintf("%v %s", at, strings.TrimSpace(string(line))))
	return len(line), nil
}

// String returns the lines, one per line, or "".
func (b *logbook) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.lines) == 0 {
		return ""
	}
	text := ":"
	if b.left > 0 {
		text = fmt.Sprintf(", without the first %d lines:", b.left)
	}
	return strings.Join(append([]string{text}, b.lines...), "\n\t")
}

// showLogs prints the logs of the nodes.
func (n *Network) showLogs() {
	some := false
	for _, m := range n.members {
		if text := m.log.String(); text != "" {
			some = true
			n.t.Logf("log of node %d%s", m.number, text)
		}
	}
	switch {
	case n.whole:
	case some:
		n.t.Logf("these are only warnings and errors; `go test -v` shows all that was logged")
	default:
		n.t.Logf("no node logged a warning or an error; `go test -v` shows all that was logged")
	}
}
