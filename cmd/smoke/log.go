package main

import (
	"fmt"
	"io"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/smokesignal-go/smokesignal/internal/handshake"
	"github.com/smokesignal-go/smokesignal/smoke"
)

// logLines formats the log of nodes like the other output of a command:
// a line with a time for people, or an object of JSON for programs.
type logLines struct {
	asJSON bool
	misfit bool // log only those warnings that are about incompatible nodes; the command reports the rest
}

// plain is for people. It has no colour, not even on a terminal.
var plain = &logrus.TextFormatter{DisableColors: true}

// Format implements logrus.Formatter.
func (l logLines) Format(e *logrus.Entry) ([]byte, error) {
	words, isMisfit := misfitWords(e.Data)
	switch {
	case l.misfit && e.Level == logrus.WarnLevel && !isMisfit:
		return nil, nil
	case l.asJSON:
		return logObject(e)
	case isMisfit:
		return []byte(e.Time.Format(time.TimeOnly) + " " + visible(words) + "\n"), nil
	}
	return plain.Format(e)
}

// logObject is an entry as an object like those of results: time, what (the level),
// message, and its fields.
func logObject(e *logrus.Entry) ([]byte, error) {
	whole := facts{"time": e.Time.Format(time.RFC3339Nano), "what": e.Level.String(), "message": e.Message}
	for name, value := range e.Data { // order does not matter: JSON sorts
		if _, taken := whole[name]; taken {
			name += "_"
		}
		switch v := value.(type) {
		case error:
			value = v.Error()
		case fmt.Stringer:
			value = v.String()
		}
		whole[name] = value
	}
	return []byte(visible(string(marshal(whole))) + "\n"), nil
}

// misfitWords returns, for a log entry about two incompatible nodes, which flags to change.
// It returns false if the entry is about something else.
func misfitWords(f logrus.Fields) (string, bool) {
	option, ok := f["option"].(string)
	if !ok {
		return "", false
	}
	text := func(name string) string { s, _ := f[name].(string); return s }
	who := "the node at " + text("addr")
	if from := text("from"); from != "" {
		who = "a node at " + handshake.HostOf(from) + " dialled this one, and"
	}
	switch ours, theirs := text("ours"), text("theirs"); {
	case option == "Network":
		return fmt.Sprintf("%s belongs to another network, %q, and this node to %q: name it alike on both, --network or SMOKE_NETWORK", who, theirs, ours), true
	case option == "version":
		return fmt.Sprintf("%s speaks version %s of the protocol, and this node %s: update the older one", who, theirs, ours), true
	case ours != theirs:
		return fmt.Sprintf("%s has links that are %s, and those of this node are %s: give both a secret (--secret-file or SMOKE_SECRET) or a key (--key), or neither", who, theirs, ours), true
	case option == "Secret" && text("id") != "":
		return fmt.Sprintf("%s does not let this node in: give both the same secret (--secret-file or SMOKE_SECRET); or the list of that node lacks the id of this one, %s", who, text("id")), true
	case option == "Secret":
		return fmt.Sprintf("%s does not have the secret of this node: give both the same one, --secret-file or SMOKE_SECRET", who), true
	case option == "TLS":
		return fmt.Sprintf("%s has a certificate that does not fit that of this node (%v): --tls", who, f["error"]), true
	}
	return fmt.Sprintf("%s is not let in by this node (Options.%s): %v", who, option, f["error"]), true
}

// logTo makes a node log to w, at the given level and above, if its options set no logger.
// With asJSON, the node logs JSON objects, whichever logger it has.
func logTo(o *smoke.Options, w io.Writer, level logrus.Level, asJSON bool) {
	logAs(o, w, level, logLines{asJSON: asJSON})
}

func logAs(o *smoke.Options, w io.Writer, level logrus.Level, form logLines) {
	if l, ok := o.Logger.(*logrus.Logger); ok {
		form.misfit = false // the environment or a flag sets a level
		l.SetFormatter(form)
	}
	if o.Logger != nil {
		return
	}
	l := logrus.New()
	l.SetOutput(w)
	l.SetLevel(level)
	l.SetFormatter(form)
	o.Logger = l
	if level < logrus.WarnLevel || form.misfit { // otherwise the node logs the warnings itself
		for _, odd := range o.Warnings() {
			l.Level = logrus.WarnLevel
			l.SetFormatter(logLines{asJSON: form.asJSON})
			l.WithFields(logrus.Fields{"variable": odd.Field}).Warn(odd.Why + "; " + odd.Fix)
		}
		l.SetLevel(level)
		l.SetFormatter(form)
	}
}
