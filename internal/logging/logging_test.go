package logging

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"
)

// listening returns a logger, and a function that returns the lines that it has written.
func listening(t *testing.T, level logrus.Level) (*Logger, func() string) {
	t.Helper()
	out, hook := logtest.NewNullLogger()
	out.SetLevel(level)
	l, err := New(out)
	if err != nil {
		t.Fatal(err)
	}
	return l, func() string {
		l.sink.flush(t.Context())
		var lines []string
		for _, e := range hook.AllEntries() {
			lines = append(lines, fmt.Sprint(e.Level, " ", e.Message, " ", e.Data))
		}
		hook.Reset()
		return strings.Join(lines, "\n")
	}
}

func TestALogMessageIsRepeatedEveryTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, written := listening(t, logrus.DebugLevel)
		for range 100 { // more than a minute and a half, with a message each second
			l.Warn("link lost", nil)
			time.Sleep(time.Second)
		}
		lines := strings.Split(written(), "\n")
		if len(lines) != 10 || lines[0] != "warning link lost map[]" || lines[9] != "warning link lost map[repeated:9]" {
			t.Errorf("%d lines: %q", len(lines), lines)
		}
	})
}

func TestOtherMessagesAreNoRepetitions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, written := listening(t, logrus.DebugLevel)
		l.Warn("a", Fields{"n": 1})
		l.Error("a", nil)
		l.Warn("b", nil)
		l.About("peer").Warn("a", nil)
		l.About("peer").Warn("a", nil)
		l.With(Fields{"node": "x"}).Warn("a", nil)
		l.With(Fields{"node": "x"}).Info("c", Fields{"n": 2})
		l.Debug("d", nil)
		l.Debug("d", nil)
		want := "warning a map[n:1]\nerror a map[]\nwarning b map[]\nwarning a map[]\ninfo c map[n:2 node:x]\ndebug d map[]\ndebug d map[]"
		if got := written(); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	})
}

func TestMessagesBelowTheLevelAreNoRepetitions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, written := listening(t, logrus.WarnLevel)
		l.Info("a", nil)
		l.sink.out.(*logrus.Logger).SetLevel(logrus.InfoLevel)
		l.Info("a", nil)
		if got := written(); got != "info a map[]" {
			t.Errorf("got %q", got)
		}
	})
}

func TestManyMessagesTakeBoundedMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, written := listening(t, logrus.WarnLevel)
		for n := range 3 * manyKeys {
			l.About(fmt.Sprint(n)).Warn("a", nil)
		}
		if n := len(l.repeats.seen); n > manyKeys+1 {
			t.Errorf("%d messages remembered", n)
		}
		if n := strings.Count(written(), "\n") + 1; n != manyKeys+1 {
			t.Errorf("%d written", n)
		}
		time.Sleep(repeatAfter)
		l.About("new").Warn("a", nil)
		if n := len(l.repeats.seen); n != 1 {
			t.Errorf("%d messages remembered", n)
		}
	})
}

// Messages about very many addresses, caused by one peer, hide no other message.
func TestManyMessagesHideNoOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, written := listening(t, logrus.WarnLevel)
		for n := range 3 * manyKeys {
			l.About(fmt.Sprint(n)).Warn("a", nil)
		}
		written()
		l.About("peer").Warn("b", nil)
		l.Warn("c", nil)
		if got := written(); got != "warning b map[]\nwarning c map[]" {
			t.Errorf("written: %q", got)
		}
	})
}

func TestLoggingFromManyGoroutines(t *testing.T) {
	l, written := listening(t, logrus.WarnLevel)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				l.With(Fields{"a": 1}).About("b").Warn("c", Fields{"d": 2})
			}
		})
	}
	all.Wait()
	if got := written(); got != "warning c map[a:1 d:2]" {
		t.Errorf("got %q", got)
	}
}

func TestASlogLoggerGetsTheMessages(t *testing.T) {
	var out bytes.Buffer
	l, err := New(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		t.Fatal(err)
	}
	l.Info("too low", nil)
	l.With(Fields{"node": "x"}).Warn("seed is silent", nil)
	l.sink.flush(t.Context())
	if got := out.String(); !strings.Contains(got, `level=WARN msg="seed is silent" node=x`) || strings.Contains(got, "too low") {
		t.Errorf("got %q", got)
	}
}

// ownLogger is a logrus.FieldLogger of a type that is not in logrus.
type ownLogger struct{ logrus.FieldLogger }

func TestTheOtherLoggers(t *testing.T) {
	out := logrus.New()
	out.SetOutput(io.Discard)
	for _, logger := range []any{nil, out, out.WithField("a", 1), ownLogger{out}} {
		l, err := New(logger)
		if err != nil {
			t.Errorf("%T: %v", logger, err)
			continue
		}
		l.Debug("not written", nil)
		l.sink.flush(t.Context())
	}
	l, err := New(nil)
	if err != nil || l.sink.out.(*logrus.Logger).Out != os.Stderr || l.enabled(logrus.InfoLevel) || !l.enabled(logrus.WarnLevel) {
		t.Errorf("the default: %+v, %v", l, err)
	}
	for _, logger := range []any{os.Stderr, (*slog.Logger)(nil)} {
		if _, err := New(logger); err == nil {
			t.Errorf("%T was taken", logger)
		}
	}
}
