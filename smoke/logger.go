package smoke

import (
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	slogbridge "github.com/sirupsen/logrus/hooks/slog"
)

// fields say what a message is about.
type fields = logrus.Fields

// logger is what everything in this package logs through. A message is a fixed
// text; what varies is in its fields. One that repeats itself is written at most
// once in repeatAfter, and then with the number of those left out as the field
// "repeated". Debug and trace messages are all written.
//
// A logger may be used by many goroutines, with any lock held: to log is to queue a
// record, and the program's code is called by the sink. It never ends the process.
type logger struct {
	sink    *logSink
	base    fields // of all its messages
	key     string // sets apart what would else be a repetition
	repeats *repeats
}

// newLogger makes a logger of Options.Logger.
func newLogger(out any) (*logger, error) {
	if why := loggerFault(out); why != "" {
		return nil, fmt.Errorf("use a %T as the logger: %s", out, why)
	}
	s := &logSink{}
	switch out := out.(type) {
	case nil:
		s.out = stderrLogger(logrus.WarnLevel)
	case *slog.Logger:
		s.out = slogLogger(out)
	case logrus.FieldLogger:
		s.out = out
	}
	return &logger{sink: s, repeats: &repeats{now: time.Now}}, nil
}

// loggerFault says why out can't be Options.Logger.
func loggerFault(out any) string {
	switch out := out.(type) {
	case nil:
		return ""
	case *slog.Logger:
		if out != nil {
			return ""
		}
	case *logrus.Logger:
		if out != nil {
			return ""
		}
	case *logrus.Entry:
		if out != nil && out.Logger != nil {
			return ""
		}
	case logrus.FieldLogger:
		return ""
	default:
		return "nothing is known to log through it"
	}
	return "it is a nil pointer"
}

// stderrLogger makes a logger that writes to stderr from a level upwards.
func stderrLogger(level logrus.Level) *logrus.Logger {
	l := logrus.New()
	l.SetOutput(os.Stderr)
	l.SetLevel(level)
	return l
}

// slogLogger makes a logrus logger whose messages all go to a slog logger,
// which decides about levels.
func slogLogger(to *slog.Logger) *logrus.Logger {
	l := logrus.New()
	l.SetOutput(io.Discard)
	l.SetFormatter(noFormat{})
	l.SetLevel(logrus.TraceLevel)
	l.AddHook(slogbridge.NewHook(to, nil))
	return l
}

// noFormat saves the formatting of what is written nowhere.
type noFormat struct{}

// Format implements logrus.Formatter.
func (noFormat) Format(*logrus.Entry) ([]byte, error) { return nil, nil }

// with returns a logger whose messages all have these fields.
func (l *logger) with(f fields) *logger {
	return &logger{sink: l.sink, base: join(l.base, f), key: l.key, repeats: l.repeats}
}

// about returns a logger whose messages are repetitions only of those about the
// same key, for example a peer.
func (l *logger) about(key string) *logger {
	return &logger{sink: l.sink, base: l.base, key: key, repeats: l.repeats}
}

// join returns a new map with the fields of both; those of the second win.
func join(a, b fields) fields {
	both := make(fields, len(a)+len(b)+1)
	maps.Copy(both, a)
	maps.Copy(both, b)
	return both
}

func (l *logger) error(message string, f fields) { l.log(logrus.ErrorLevel, message, f) }
func (l *logger) warn(message string, f fields)  { l.log(logrus.WarnLevel, message, f) }
func (l *logger) info(message string, f fields)  { l.log(logrus.InfoLevel, message, f) }
func (l *logger) debug(message string, f fields) { l.log(logrus.DebugLevel, message, f) }

// log queues a message, unless it is below the level or repeats itself.
func (l *logger) log(level logrus.Level, message string, f fields) {
	if !l.enabled(level) {
		return
	}
	all := join(l.base, f)
	if level < logrus.DebugLevel {
		left, ok := l.repeats.allow(repeatKey{level, message, l.key})
		if !ok {
			return
		}
		if left > 0 {
			all["repeated"] = left
		}
	}
	l.sink.put(record{at: l.repeats.now(), level: level, message: message, fields: all})
}

// enabled reports whether a message of that level is written anywhere. It calls
// no code of the program.
func (l *logger) enabled(level logrus.Level) bool {
	switch out := l.sink.out.(type) {
	case *logrus.Logger:
		return out.IsLevelEnabled(level)
	case *logrus.Entry:
		return out.Logger.IsLevelEnabled(level)
	}
	return true
}

const (
	repeatAfter = 10 * time.Second // a guess: readable, and an operator still sees that it goes on
	manyKeys    = 1024             // a guess: about 100 kB; further keys of a message count as one
)

type repeatKey struct {
	level        logrus.Level
	message, key string
}

// repeats knows which messages were written lately.
type repeats struct {
	now func() time.Time

	mu   sync.Mutex // guards seen
	seen map[repeatKey]*repetition
}

// repetition is one message that was written.
type repetition struct {
	written time.Time
	left    int // out since then
}

// allow reports whether a message may be written now, and how many like it have
// been left out since the last one.
func (r *repeats) allow(key repeatKey) (left int, ok bool) {
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.seen[key]; !known {
		r.forget(now)
		if len(r.seen) >= manyKeys {
			key.key = "" // there are as many as messages, which are fixed texts
		}
	}
	if r.seen == nil {
		r.seen = make(map[repeatKey]*repetition)
	}
	last, known := r.seen[key]
	if !known {
		r.seen[key] = &repetition{written: now}
		return 0, true
	}
	if now.Sub(last.written) < repeatAfter {
		last.left++
		return 0, false
	}
	left = last.left
	*last = repetition{written: now}
	return left, true
}

// forget makes room when there are many messages: those go that may be written
// again anyway.
func (r *repeats) forget(now time.Time) {
	if len(r.seen) < manyKeys {
		return
	}
	for key, last := range r.seen {
		if now.Sub(last.written) >= repeatAfter {
			delete(r.seen, key)
		}
	}
}
