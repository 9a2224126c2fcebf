package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/smokesignal-go/smokesignal/internal/loadtest"
)

// status is one line that says what a measurement is at, on a terminal only,
// and lets log lines pass above it. It may be used by many goroutines.
type status struct {
	isTerminal bool

	mu    sync.Mutex // guards all below
	out   io.Writer
	text  string // what stands there; empty: nothing
	shown time.Time
}

func newStatus(w io.Writer) *status {
	f, ok := w.(*os.File)
	return &status{out: w, isTerminal: ok && term.IsTerminal(int(f.Fd()))}
}

// say replaces the line.
func (s *status) say(text string) {
	if !s.isTerminal {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text = text
	s.shown = time.Now()
	fmt.Fprintf(s.out, "\r%s\x1b[K", text)
}

// progress shows how far an emitter is.
func (s *status) progress(phase loadtest.Phase, now, of time.Duration) {
	if !s.isTerminal {
		return
	}
	if of <= 0 {
		s.say(string(phase))
		return
	}
	s.mu.Lock()
	isEarly := time.Since(s.shown) < 100*time.Millisecond
	s.mu.Unlock()
	if isEarly {
		return
	}
	const width = 40
	share := min(float64(now)/float64(of), 1)
	s.say(fmt.Sprintf("[%-*.*s] %3.0f %% of %v", width, int(share*width), "========================================", 100*share, of))
}

// clear takes the line away.
func (s *status) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.text != "" {
		s.text = ""
		fmt.Fprint(s.out, "\r\x1b[K")
	}
}

// Write implements io.Writer: whole lines, which go above the status.
func (s *status) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.text == "" {
		return s.out.Write(p)
	}
	if _, err := fmt.Fprint(s.out, "\r\x1b[K"); err != nil {
		return 0, err
	}
	n, err := s.out.Write(p)
	fmt.Fprint(s.out, s.text)
	return n, err
}
