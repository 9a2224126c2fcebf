package logging

import (
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/sirupsen/logrus"
)

// diary is a program's logger that calls a function for each line.
type diary struct {
	lines []string
	write func(line string)
}

// Levels implements logrus.Hook.
func (d *diary) Levels() []logrus.Level { return logrus.AllLevels }

// Fire implements logrus.Hook.
func (d *diary) Fire(e *logrus.Entry) error {
	line := e.Message
	if n, ok := e.Data["records"]; ok {
		line = fmt.Sprint("dropped ", n)
	}
	d.lines = append(d.lines, line)
	if d.write != nil {
		d.write(line)
	}
	return nil
}

func (d *diary) logger(t *testing.T) *Logger {
	t.Helper()
	out := logrus.New()
	out.SetOutput(nowhere{})
	out.SetLevel(logrus.DebugLevel)
	out.AddHook(d)
	l, err := New(out)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

type nowhere struct{}

func (nowhere) Write(b []byte) (int, error) { return len(b), nil }

// The logger hangs. Records wait in order, those beyond the bound are dropped, and a
// record says how many.
func TestALoggerThatHangsHoldsUpNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leave := make(chan struct{})
		d := &diary{write: func(line string) {
			if line == "0" {
				<-leave
			}
		}}
		l := d.logger(t)
		l.Debug("0", nil)
		synctest.Wait()
		for n := range mostRecords + 7 {
			l.Debug(fmt.Sprint(n+1), nil)
		}
		if l.sink.flushBriefly() {
			t.Error("a logger that hangs was waited for to its end")
		}
		close(leave)
		l.sink.flush(t.Context())
		var want []string
		for n := range mostRecords + 1 {
			want = append(want, fmt.Sprint(n))
		}
		if want = append(want, "dropped 7"); !slices.Equal(d.lines, want) {
			t.Errorf("%d lines, the last %q", len(d.lines), d.lines[len(d.lines)-1])
		}
		if lost, _ := l.sink.counts(); lost != 7 {
			t.Errorf("%d records dropped", lost)
		}
	})
}

// The logger panics, or ends its goroutine. That is counted, and the next record is
// written.
func TestALoggerThatPanicsIsCounted(t *testing.T) {
	for what, end := range map[string]func(){"panics": func() { panic("on purpose") }, "ends": runtime.Goexit} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &diary{write: func(line string) {
					if line == "b" {
						end()
					}
				}}
				l := d.logger(t)
				for _, line := range []string{"a", "b", "c"} {
					l.Debug(line, nil)
				}
				l.sink.flush(t.Context())
				if _, panics := l.sink.counts(); panics != 1 || !slices.Equal(d.lines, []string{"a", "b", "c"}) {
					t.Errorf("%d panics, %q", panics, d.lines)
				}
			})
		})
	}
}

// The program's logger logs to the node's own logger while it writes. That chain ends.
func TestALoggerThatLogsInALoopComesToAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l atomic.Pointer[Logger]
		d := &diary{write: func(string) {
			l.Load().Debug("again", nil)
			l.Load().sink.flush(t.Context()) // must not wait, since it would wait for itself
		}}
		l.Store(d.logger(t))
		l.Load().Debug("once", nil)
		l.Load().sink.flush(t.Context())
		if n := len(d.lines); n != 1+mostNested {
			t.Errorf("%d lines: %q", n, d.lines)
		}
	})
}
