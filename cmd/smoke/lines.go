package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf16"
)

// lines is the output of a command, one item per line. It may be used by many goroutines.
type lines struct {
	asJSON bool

	mu sync.Mutex // guards w
	w  io.Writer
}

// facts are the fields of a JSON object.
type facts map[string]any

// tell prints an event: as text for people, or by name and facts for programs.
func (l *lines) tell(what, words string, f facts) {
	if !l.asJSON {
		l.note(words)
		return
	}
	whole := facts{"time": time.Now().Format(time.RFC3339Nano), "what": what}
	for name, value := range f { // order does not matter: JSON sorts
		whole[name] = value
	}
	l.object(whole)
}

// note prints a remark for people.
func (l *lines) note(text string) {
	if !l.asJSON {
		l.print(time.Now().Format(time.TimeOnly) + " " + text)
	}
}

// object prints a JSON object.
func (l *lines) object(v any) {
	l.print(string(marshal(v)))
}

// marshal returns v as JSON, or the error as JSON.
func marshal(v any) []byte {
	line, err := json.Marshal(v)
	if err != nil {
		line, _ = json.Marshal(facts{"error": err.Error()}) // v may hold a NaN, for example; encoding a text never fails
	}
	return line
}

// print writes one line. A write error can't be reported anywhere.
func (l *lines) print(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintln(l.w, visible(text))
}

// visible makes one line of text without characters that a terminal would interpret.
// Unprintable characters are escaped as in JSON and Go, so JSON keeps its meaning. Peers
// have written much of the output.
func visible(text string) string {
	text = strings.ToValidUTF8(text, "\ufffd")
	if !strings.ContainsFunc(text, isHidden) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if !isHidden(r) {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String()
}

// printable is visible for text with several lines.
func printable(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = visible(lines[i])
	}
	return strings.Join(lines, "\n")
}

// isHidden reports whether a rune is invisible or misleading. Joiners are not hidden,
// because scripts and emoji need them.
func isHidden(r rune) bool {
	const nonJoiner, joiner = '\u200c', '\u200d'
	return !unicode.IsPrint(r) && r != nonJoiner && r != joiner
}
