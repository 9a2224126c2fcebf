package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/sirupsen/logrus"
	"golang.org/x/term"
)

// screen shows the chat and reads the input. It is a terminal in raw mode, with lines above
// the prompt, or plain lines for a program. Its methods may be called from any goroutine,
// but readLine only from one at a time.
type screen struct {
	interactive bool
	colours     bool
	restore     func() // restores the terminal

	terminal *term.Terminal // if interactive
	input    *bufio.Reader  // if not
	fail     context.CancelCauseFunc

	mu  sync.Mutex // guards out: one line at a time
	out io.Writer
}

var errScreen = errors.New("the output can't be written")

// openScreen uses a terminal if input and output are one, and plain lines otherwise. If the
// output fails, it calls fail.
func openScreen(in, out *os.File, fail context.CancelCauseFunc) (*screen, error) {
	if !term.IsTerminal(int(in.Fd())) || !term.IsTerminal(int(out.Fd())) || os.Getenv("TERM") == "dumb" {
		return plainScreen(in, out, fail), nil
	}
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return nil, fmt.Errorf("prepare the terminal: %w", err)
	}
	prepareConsole(out)
	s := terminalScreen(struct {
		io.Reader
		io.Writer
	}{in, out}, os.Getenv("NO_COLOR") == "", fail)
	resize := func() {
		if width, height, err := term.GetSize(int(out.Fd())); err == nil {
			s.terminal.SetSize(width, height) // show will meet the same error
		}
	}
	resize()
	unwatch := watchSize(resize)
	s.restore = func() {
		unwatch()
		term.Restore(int(in.Fd()), before) // at the end; an error can't be reported
		fmt.Fprintln(out)                  // the shell's prompt starts on a new line
	}
	return s, nil
}

func terminalScreen(rw io.ReadWriter, colours bool, fail context.CancelCauseFunc) *screen {
	terminal := term.NewTerminal(rw, "> ")
	return &screen{interactive: true, colours: colours, terminal: terminal, out: terminal, fail: fail, restore: func() {}}
}

func plainScreen(in io.Reader, out io.Writer, fail context.CancelCauseFunc) *screen {
	return &screen{input: bufio.NewReaderSize(in, 16*maxText), out: out, fail: fail, restore: func() {}}
}

func (s *screen) close() { s.restore() }

// show prints one line. If the output has failed, the chat still needs time to leave, so
// show does not block.
func (s *screen) show(l line) {
	text := l.String()
	if s.interactive {
		text = s.words(l)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := io.WriteString(s.out, text+"\n"); err != nil {
		s.fail(fmt.Errorf("%w: %w", errScreen, err))
	}
}

const (
	reset  = "\x1b[0m"
	grey   = "\x1b[2m"
	yellow = "\x1b[33m"
	bold   = "\x1b[1m"
)

// words returns the line as text for a person, in colour if the screen has colours.
func (s *screen) words(l line) string {
	mark := ""
	if l.style != plain {
		mark = "* "
	}
	if !s.colours {
		return mark + l.who + l.words
	}
	look := map[style]string{plain: "", dim: grey, loud: yellow}[l.style]
	text := look + mark
	if l.who != "" {
		// Six colours that are readable on dark and light. The id determines the colour, so
		// a person keeps it under any name and on any screen.
		text += fmt.Sprintf("\x1b[%dm%s%s%s", 31+l.whoID[0]%6, l.who, reset, look)
	}
	return text + l.words + reset
}

// setName shows the user's own name before the input.
func (s *screen) setName(name string) {
	if !s.interactive {
		return
	}
	prompt := name + "> "
	if s.colours {
		prompt = bold + name + reset + "> "
	}
	s.terminal.SetPrompt(prompt)
}

// readLine reads one line of input. An overlong line is reported and skipped.
func (s *screen) readLine() (string, error) {
	if s.interactive {
		return s.terminal.ReadLine()
	}
	text, err := s.input.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = s.input.ReadSlice('\n')
		}
		s.show(note("error", fmt.Sprintf("too long: a line of more than %d bytes was left out", 16*maxText)))
		return "", dropEOF(err)
	}
	if errors.Is(err, io.EOF) && len(text) > 0 {
		return string(text), nil // the last line has no end; the next read returns EOF again
	}
	return string(text), err
}

func dropEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// logger prints the library's log on the same screen without disturbing the prompt. A
// person gets seeds and netsplits as lines of the chat, and only those warnings that name
// an option or a variable to change. A program gets all.
func (s *screen) logger() *logrus.Logger {
	logger := logrus.New()
	logger.SetLevel(logrus.WarnLevel)
	logger.SetFormatter(&logFormat{s.interactive, logrus.TextFormatter{DisableColors: true, DisableTimestamp: true}})
	logger.SetOutput(logWriter{s})
	logger.AddHook(&misfits{view: s})
	return logger
}

// logFormat omits the lines that misfits shows and, for a person, all other warnings.
type logFormat struct {
	interactive bool
	text        logrus.TextFormatter
}

// Format implements logrus.Formatter.
func (f *logFormat) Format(e *logrus.Entry) ([]byte, error) {
	_, isMisfit := e.Data["option"]
	_, isVariable := e.Data["variable"] // an environment variable, perhaps misspelt
	if isMisfit || f.interactive && !isVariable && e.Level > logrus.ErrorLevel {
		return nil, nil
	}
	return f.text.Format(e)
}

type logWriter struct{ *screen }

func (w logWriter) Write(text []byte) (int, error) {
	if len(text) > 0 {
		w.show(note("log", strings.TrimSpace(string(text))))
	}
	return len(text), nil
}
