package report

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// WritePage writes each table into the page, between the marks of its section, and the
// plots into the directory img next to it. The rest of the page is unchanged. A mark looks
// like "<!-- bench flat -->", and "<!-- end -->" ends it.
func (r Report) WritePage(path string) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	dir := filepath.Join(filepath.Dir(path), "img")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	text, failed := string(old), error(nil)
	put := func(id, body string) {
		next, err := between(text, id, body)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", path, err))
			return
		}
		text = next
	}
	for _, s := range r.Sections {
		body := s.Table().Markdown() + "\n`" + s.Command + "`, on " + r.Machine + "\n"
		if plot := s.plot(); plot != nil {
			name := s.ID + ".svg"
			if err := os.WriteFile(filepath.Join(dir, name), plot, 0o644); err != nil {
				return err
			}
			body += fmt.Sprintf("\n![%s](img/%s)\n\nPlotted by the same command.\n", s.Title, name)
		}
		put(s.ID, body)
	}
	return errors.Join(failed, os.WriteFile(path, []byte(text), 0o644))
}

// between puts body between the marks of a section.
func between(page, id, body string) (string, error) {
	begin, end := "<!-- bench "+id+" -->\n", "<!-- end -->"
	head, rest, ok := strings.Cut(page, begin)
	if !ok {
		return "", fmt.Errorf("there is no mark %q", strings.TrimSpace(begin))
	}
	_, tail, ok := strings.Cut(rest, end)
	if !ok || strings.Contains(rest[:len(rest)-len(tail)-len(end)], "<!-- bench ") {
		return "", fmt.Errorf("the mark %q has no end", strings.TrimSpace(begin))
	}
	return head + begin + "\n" + body + "\n" + end + tail, nil
}
