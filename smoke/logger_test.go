package smoke

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"github.com/smokesignal-go/smokesignal/internal/overlay"
)

// listening makes a logger and what it has written, one line each.
func listening(t *testing.T, level logrus.Level) (*logger, func() string) {
	t.Helper()
	out, hook := logtest.NewNullLogger()
	out.SetLevel(level)
	l, err := newLogger(out)
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
		for range 100 { // a minute and a half, once a second
			l.warn("link lost", nil)
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
		l.warn("a", fields{"n": 1})
		l.error("a", nil)
		l.warn("b", nil)
		l.about("peer").warn("a", nil)
		l.about("peer").warn("a", nil)
		l.with(fields{"node": "x"}).warn("a", nil)
		l.with(fields{"node": "x"}).info("c", fields{"n": 2})
		l.debug("d", nil)
		l.debug("d", nil)
		want := "warning a map[n:1]\nerror a map[]\nwarning b map[]\nwarning a map[]\ninfo c map[n:2 node:x]\ndebug d map[]\ndebug d map[]"
		if got := written(); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	})
}

func TestMessagesBelowTheLevelAreNoRepetitions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, written := listening(t, logrus.WarnLevel)
		l.info("a", nil)
		l.sink.out.(*logrus.Logger).SetLevel(logrus.InfoLevel)
		l.info("a", nil)
		if got := written(); got != "info a map[]" {
			t.Errorf("got %q", got)
		}
	})
}

func TestManyMessagesTakeBoundedMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, written := listening(t, logrus.WarnLevel)
		for n := range 3 * manyKeys {
			l.about(fmt.Sprint(n)).warn("a", nil)
		}
		if n := len(l.repeats.seen); n > manyKeys+1 {
			t.Errorf("%d messages remembered", n)
		}
		if n := strings.Count(written(), "\n") + 1; n != manyKeys+1 {
			t.Errorf("%d written", n)
		}
		time.Sleep(repeatAfter)
		l.about("new").warn("a", nil)
		if n := len(l.repeats.seen); n != 1 {
			t.Errorf("%d messages remembered", n)
		}
	})
}

// A peer that causes one message about very many addresses hides no other message.
func TestManyMessagesHideNoOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, written := listening(t, logrus.WarnLevel)
		for n := range 3 * manyKeys {
			l.about(fmt.Sprint(n)).warn("a", nil)
		}
		written()
		l.about("peer").warn("b", nil)
		l.warn("c", nil)
		if got := written(); got != "warning b map[]\nwarning c map[]" {
			t.Errorf("written: %q", got)
		}
	})
}

// Strangers from very many addresses, and false addresses of members, do not fill the log.
func TestLinesAboutStrangersAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, written := listening(t, logrus.WarnLevel)
		d := &driver{node: CreateNode(Options{Network: "lines about strangers"}), log: l, ctx: t.Context(), misfits: newMismatches()}
		for n := range 60 { // a second each
			for m := range 100 {
				host := fmt.Sprintf("2001:db8:%x::%x", n, m)
				d.refuseConn(comesFrom{addr: host}, ErrNotSmokesignal)
				d.complain(overlay.Dial{Addr: "[" + host + "]:1"}, &DialError{Err: ErrNotSmokesignal})
			}
			time.Sleep(time.Second)
		}
		lines := strings.Split(written(), "\n")
		if most := 2 * (mismatchAtOnce + int(time.Minute/mismatchEvery)); len(lines) < 2*mismatchAtOnce || len(lines) > most {
			t.Errorf("%d lines in a minute, at most %d", len(lines), most)
		}
		d.refuseConn(comesFrom{addr: "10.0.0.1"}, &valueError{ErrOtherNetwork, "a", "b", ""})
		if got := written(); !strings.Contains(got, sayNetwork) {
			t.Errorf("a node of another network is not logged: %q", got)
		}
	})
}

// comesFrom is a connection of which only the other end is known.
type comesFrom struct {
	net.Conn
	addr string
}

func (c comesFrom) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(c.addr), Port: 1} }

func TestLoggingFromManyGoroutines(t *testing.T) {
	l, written := listening(t, logrus.WarnLevel)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				l.with(fields{"a": 1}).about("b").warn("c", fields{"d": 2})
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
	l, err := newLogger(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		t.Fatal(err)
	}
	l.info("too low", nil)
	l.with(fields{"node": "x"}).warn("seed is silent", nil)
	l.sink.flush(t.Context())
	if got := out.String(); !strings.Contains(got, `level=WARN msg="seed is silent" node=x`) || strings.Contains(got, "too low") {
		t.Errorf("got %q", got)
	}
}

// ownLogger is a logrus.FieldLogger that is none of logrus's types.
type ownLogger struct{ logrus.FieldLogger }

func TestTheOtherLoggers(t *testing.T) {
	out := logrus.New()
	out.SetOutput(io.Discard)
	for _, logger := range []any{nil, out, out.WithField("a", 1), ownLogger{out}} {
		l, err := newLogger(logger)
		if err != nil {
			t.Errorf("%T: %v", logger, err)
			continue
		}
		l.debug("not written", nil)
		l.sink.flush(t.Context())
	}
	l, err := newLogger(nil)
	if err != nil || l.sink.out.(*logrus.Logger).Out != os.Stderr || l.enabled(logrus.InfoLevel) || !l.enabled(logrus.WarnLevel) {
		t.Errorf("the default: %+v, %v", l, err)
	}
	for _, logger := range []any{os.Stderr, (*slog.Logger)(nil)} {
		if _, err := newLogger(logger); err == nil {
			t.Errorf("%T was taken", logger)
		}
	}
}
