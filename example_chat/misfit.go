package main

import (
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

// misfits shows why another node and this one can't link with their settings. The library
// logs such a case with the setting to change in the field "option". misfits is a hook of
// logrus.
type misfits struct {
	view view

	mu    sync.Mutex           // guards shown
	shown map[string]time.Time // when each line was shown; at most manyMisfits
}

const (
	misfitEvery = time.Minute // for the same line, because the library retries again and again
	manyMisfits = 100         // remembered lines; above that no new ones are shown
)

// Levels implements logrus.Hook.
func (m *misfits) Levels() []logrus.Level { return []logrus.Level{logrus.WarnLevel} }

// Fire implements logrus.Hook.
func (m *misfits) Fire(e *logrus.Entry) error {
	if words := misfitWords(e.Data); words != "" && m.isDue(words, time.Now()) {
		m.view.show(note("misfit", words))
	}
	return nil
}

func (m *misfits) isDue(words string, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	last, known := m.shown[words]
	if known && now.Sub(last) < misfitEvery || !known && len(m.shown) >= manyMisfits {
		return false
	}
	if m.shown == nil {
		m.shown = make(map[string]time.Time)
	}
	m.shown[words] = now
	return true
}

// misfitWords returns what to change, or "" if the log entry is about something else.
func misfitWords(f logrus.Fields) string {
	option, ok := f["option"].(string)
	if !ok {
		return ""
	}
	text := func(name string) string { s, _ := f[name].(string); return s }
	who := "the node at " + text("addr")
	if from := text("from"); from != "" {
		if host, _, err := net.SplitHostPort(from); err == nil {
			from = host
		}
		who = "a node at " + from + " wants to link, and"
	}
	switch ours, theirs := text("ours"), text("theirs"); {
	case option == "Network":
		return fmt.Sprintf("%s belongs to another network, %q, and this chat to %q: give both the same -network (SMOKE_NETWORK)", who, theirs, ours)
	case option == "version":
		return fmt.Sprintf("%s speaks version %s of the protocol, and this chat %s: update the older one", who, theirs, ours)
	case ours != theirs:
		return fmt.Sprintf("%s has links that are %s, and this chat's are %s: give both the same secret (SMOKE_SECRET), or neither", who, theirs, ours)
	case option == "Secret":
		return who + " has another secret: give both the same SMOKE_SECRET"
	}
	return fmt.Sprintf("%s does not fit this one (Options.%s): %v", who, option, f["error"])
}
