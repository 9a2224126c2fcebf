package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/example_chat/room"
)

// neverFail is for a screen whose output always takes what it gets.
func neverFail(t *testing.T) context.CancelCauseFunc {
	return func(err error) { t.Error(err) }
}

func TestPlainLinesHaveAStableForm(t *testing.T) {
	var out bytes.Buffer
	s := plainScreen(strings.NewReader(""), &out, neverFail(t))
	ann, noon := id(0xaaaa_0001), time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for _, l := range []line{
		self(ann, "ann", "127.0.0.1:8495"),
		says(ann, "ann", "hello: you"),
		came("join", ann, "ann"),
		came("here", ann, "ann"),
		went(ann, "ann"),
		renamed(ann, "ann", "bea"),
		linked(ann, "127.0.0.1:8495", "ann"),
		known(room.Person{ID: ann, Label: "ann", Heard: noon}, noon.Add(3*time.Second)),
		counted(12),
		note("alone", "nobody\tyet"),
	} {
		s.show(l)
	}
	s.setName("ann")
	want := `self	aaaa0001	ann	127.0.0.1:8495
say	aaaa0001	ann	hello: you
join	aaaa0001	ann
here	aaaa0001	ann
leave	aaaa0001	ann
name	aaaa0001	bea	ann
peer	aaaa0001	127.0.0.1:8495	ann
node	aaaa0001	ann	3
count	12
note	alone	nobody yet
`
	if out.String() != want {
		t.Errorf("printed\n%s\nwant\n%s", out.String(), want)
	}
}

// console is a terminal whose other end is the test.
type console struct {
	io.Reader
	io.Writer
}

func TestATerminalShowsWords(t *testing.T) {
	for _, colours := range []bool{false, true} {
		var out bytes.Buffer
		s := terminalScreen(console{strings.NewReader("typed\r"), &out}, colours, neverFail(t))
		s.setName("ann")
		s.show(says(id(1), "bob", "hello"))
		s.show(came("join", id(1), "bob"))
		if text, err := s.readLine(); text != "typed" || err != nil {
			t.Errorf("read %q, %v", text, err)
		}
		shown := out.String()
		for _, want := range []string{": hello", " joined"} {
			if !strings.Contains(shown, want) {
				t.Errorf("%q is not shown in %q", want, shown)
			}
		}
		if hasColour := strings.Contains(shown, "\x1b[3"); hasColour != colours {
			t.Errorf("colours %v, shown %q", colours, shown)
		}
	}
}

func TestNoColourMeansWordsOnly(t *testing.T) {
	s := terminalScreen(console{strings.NewReader(""), io.Discard}, false, neverFail(t))
	if got := s.words(says(id(1), "bob", "hello")); got != "bob: hello" {
		t.Errorf("words %q", got)
	}
	if got := s.words(note("alone", "alone")); got != "* alone" {
		t.Errorf("words %q", got)
	}
}

func TestReadingLines(t *testing.T) {
	var out bytes.Buffer
	s := plainScreen(strings.NewReader("one\n"+strings.Repeat("x", 17*maxText)+"\ntwo"), &out, neverFail(t))
	for _, want := range []string{"one\n", "", "two"} {
		if text, err := s.readLine(); text != want || err != nil {
			t.Fatalf("read %q, %v; want %q", text, err, want)
		}
	}
	if _, err := s.readLine(); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
	if !strings.HasPrefix(out.String(), "note\terror\ttoo long") {
		t.Errorf("of the overlong line was said %q", out.String())
	}
}

// brokenPipe accepts no output.
type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestABrokenOutputEndsTheChat(t *testing.T) {
	ctx, fail := context.WithCancelCause(t.Context())
	s := plainScreen(strings.NewReader(""), brokenPipe{}, fail)
	s.show(note("alone", "alone"))
	if err := reason(ctx); !errors.Is(err, errScreen) || !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("the chat ends because of %v", err)
	}
}

func TestTheLogGoesToTheScreen(t *testing.T) {
	var out bytes.Buffer
	s := plainScreen(strings.NewReader(""), &out, neverFail(t))
	s.logger().Warn("a peer said \x1b[2J")
	if got := out.String(); !strings.HasPrefix(got, "note\tlog\t") || !isSafe(strings.Trim(strings.ReplaceAll(got, "\t", ""), "\n")) {
		t.Errorf("logged %q", got)
	}
	out.Reset()
	s.logger().Info("all is well")
	if out.Len() > 0 {
		t.Errorf("a mere info was shown: %q", out.String())
	}
}
