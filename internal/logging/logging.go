// Package logging passes the log of a node on to the program's logger, which is a logrus
// or a slog logger. It limits repeated messages. It calls the program's logger on a
// goroutine of its own, so that logging never waits.
package logging

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"time"

	"github.com/sirupsen/logrus"
	slogbridge "github.com/sirupsen/logrus/hooks/slog"

	"github.com/smokesignal-go/smokesignal/internal/redact"
)

// Fields are the variable parts of a message.
type Fields = logrus.Fields

// Logger is the log of a node. The text of a message is fixed, and what varies is in its
// fields. A repeated message is written at most once in repeatAfter. Its field "repeated"
// then has the number of messages that were left out. Repeated debug and trace messages are
// all written.
//
// Any goroutine may use a Logger, even while it holds a lock: a log call only queues a
// record, and the sink calls the program's code. A Logger never ends the process.
type Logger struct {
	sink    *sink
	base    Fields // added to each message
	key     string // messages of different keys are not repetitions of each other
	repeats *repeats
	convert func(error) error // see Converting; may be nil
}

// New returns a Logger that writes to out, the value of Options.Logger.
func New(out any) (*Logger, error) {
	if why := Fault(out); why != "" {
		return nil, fmt.Errorf("use a %T as the logger: %s", out, why)
	}
	s := &sink{}
	switch out := out.(type) {
	case nil:
		s.out = Stderr(logrus.WarnLevel)
	case *slog.Logger:
		s.out = slogLogger(out)
	case logrus.FieldLogger:
		s.out = out
	}
	return &Logger{sink: s, repeats: &repeats{now: time.Now}}, nil
}

// Fault returns why out can't be Options.Logger, or "" if it can.
func Fault(out any) string {
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
		return "it is not a kind of logger that is supported"
	}
	return "it is a nil pointer"
}

// Stderr returns a logger that writes messages of the given level and above to stderr.
func Stderr(level logrus.Level) *logrus.Logger {
	l := logrus.New()
	l.SetOutput(os.Stderr)
	l.SetLevel(level)
	return l
}

// slogLogger returns a logrus logger that passes every message on to a slog logger, which
// decides about levels.
func slogLogger(to *slog.Logger) *logrus.Logger {
	l := logrus.New()
	l.SetOutput(io.Discard)
	l.SetFormatter(noFormat{})
	l.SetLevel(logrus.TraceLevel)
	l.AddHook(slogbridge.NewHook(to, nil))
	return l
}

// noFormat skips the formatting of messages whose text is not used.
type noFormat struct{}

// Format implements logrus.Formatter.
func (noFormat) Format(*logrus.Entry) ([]byte, error) { return nil, nil }

// With returns a logger that adds these fields to each message.
func (l *Logger) With(f Fields) *Logger {
	other := *l
	other.base = join(l.base, f)
	return &other
}

// About returns a logger for messages about key, for example a peer. Its messages are
// repetitions only of messages about the same key.
func (l *Logger) About(key string) *Logger {
	other := *l
	other.key = key
	return &other
}

// Converting returns a logger that converts the field "error" of each message, if it is an
// error.
func (l *Logger) Converting(convert func(error) error) *Logger {
	other := *l
	other.convert = convert
	return &other
}

// join returns a new map with the fields of both. If both have a field, b's value is used.
func join(a, b Fields) Fields {
	both := make(Fields, len(a)+len(b)+1)
	maps.Copy(both, a)
	maps.Copy(both, b)
	return both
}

// Error logs an error.
func (l *Logger) Error(message string, f Fields) { l.log(logrus.ErrorLevel, message, f) }

// Warn logs a warning.
func (l *Logger) Warn(message string, f Fields) { l.log(logrus.WarnLevel, message, f) }

// Info logs a message at level info.
func (l *Logger) Info(message string, f Fields) { l.log(logrus.InfoLevel, message, f) }

// Debug logs a message at level debug.
func (l *Logger) Debug(message string, f Fields) { l.log(logrus.DebugLevel, message, f) }

// log queues a message, unless its level is disabled or it is a repetition.
func (l *Logger) log(level logrus.Level, message string, f Fields) {
	if !l.enabled(level) {
		return
	}
	all := join(l.base, f)
	if err, ok := all["error"].(error); ok && l.convert != nil {
		all["error"] = l.convert(err)
	}
	for name, value := range all {
		all[name] = hideSecrets(value)
	}
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

// hideSecrets returns the value of a field without the parts that may be secret. A program
// may have put a secret into an option or an address by mistake.
func hideSecrets(value any) any {
	switch value := value.(type) {
	case string:
		return redact.TextWithIDs(value)
	case []string:
		list := make([]string, len(value))
		for i, text := range value {
			list[i] = redact.TextWithIDs(text)
		}
		return list
	case error:
		if text := redact.TextWithIDs(value.Error()); text != value.Error() {
			return errors.New(text)
		}
	}
	return value
}

// Flush waits until all records are written. It returns false if ctx ends first. It does
// not wait if the program's logger calls it.
func (l *Logger) Flush(ctx context.Context) bool { return l.sink.flush(ctx) }

// FlushBriefly is Flush for callers that have no context, or one that has ended: it waits
// for 100 ms at most.
func (l *Logger) FlushBriefly() bool { return l.sink.flushBriefly() }

// Counts returns how many records were dropped, and how many calls of the program's logger
// panicked.
func (l *Logger) Counts() (lost, panics uint64) { return l.sink.counts() }

// enabled reports whether messages of a level are written. It calls no code of the
// program.
func (l *Logger) enabled(level logrus.Level) bool {
	switch out := l.sink.out.(type) {
	case *logrus.Logger:
		return out.IsLevelEnabled(level)
	case *logrus.Entry:
		return out.Logger.IsLevelEnabled(level)
	}
	return true
}
