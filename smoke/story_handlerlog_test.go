package smoke_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// Each handler that a running node refuses is in the log, with its event and its place.
func TestEachRefusedHandlerIsLogged(t *testing.T) {
	s := tell(t)
	ann := s.start(smoke.Options{})
	ann.Broadcast().On("one", 1)
	ann.Broadcast().On("two", func(chan int) {})
	ann.Broadcast().On("three", func() int { return 3 })
	ann.Broadcast().On("", func() {})
	ann.Broadcast().OnAny(func(smoke.Event) {}, smoke.Queue(0))
	for range 3 {
		ann.Broadcast().On("again", nil)
	}
	if err := ann.Stop(); err != nil { // flushes the log
		t.Error(err)
	}
	var lines []string
	for _, entry := range ann.log.AllEntries() {
		if entry.Message == "a handler was not registered" {
			err, _ := entry.Data["error"].(error)
			lines = append(lines, err.Error())
		}
	}
	for i, want := range []string{`"one"`, `"two"`, `"three"`, "it is empty", "Queue", `"again"`} {
		if i >= len(lines) || !strings.Contains(lines[i], want) || !strings.Contains(lines[i], "story_handlerlog_test.go:") {
			t.Errorf("line %d of the log is not about %s", i+1, want)
		}
	}
	if len(lines) != 6 {
		t.Errorf("%d lines: %q", len(lines), lines)
	}
}

// An error that a handler returns is logged as such, with the event and its origin, once
// in ten seconds for each name. Every error is counted.
func TestAnErrorThatAHandlerReturnsIsLogged(t *testing.T) {
	annAndBob(t, func(t *testing.T, s *story, ann, bob *actor) {
		cheap := errors.New("too cheap")
		bob.Broadcast().On("order", func(int) error { return cheap })
		bob.Broadcast().On("offer", func(int) error { return cheap })
		bob.Broadcast().On("offer", func(string) error { return nil })
		for n := range 5 {
			for _, name := range []string{"order", "offer"} {
				if err := ann.Broadcast().Emit(name, n); err != nil {
					t.Fatal(err)
				}
			}
		}
		s.eventually("the errors are counted", func() bool { return bob.Stats().Handlers.Errors == 15 })
		if err := bob.Stop(); err != nil { // flushes the log
			t.Error(err)
		}
		times := make(map[string]int)
		for _, entry := range bob.log.AllEntries() {
			if err, ok := entry.Data["error"].(error); ok && entry.Data["origin"] == ann.ID().Short() {
				if entry.Message == "a handler returned an error" && err != cheap {
					t.Errorf("the error of the handler is logged as %T %v", err, err)
				}
				times[entry.Message+": "+entry.Data["event"].(string)]++
			}
		}
		if len(times) != 3 || times["a handler returned an error: order"] != 1 || times["a handler returned an error: offer"] != 1 ||
			times["a handler could not take an event: offer"] != 1 {
			t.Errorf("logged: %v", times)
		}
	})
}

// The error of Shutdown names the handlers that still run, and counts the events that were
// not handled.
func TestTheErrorOfShutdownNamesTheHandlers(t *testing.T) {
	for _, queue := range [][]smoke.HandlerOption{nil, {smoke.Queue(8)}} {
		annAndBob(t, func(t *testing.T, s *story, ann, bob *actor) {
			leave := make(chan struct{})
			inside := make(chan struct{})
			bob.Broadcast().On("slow", func() { close(inside); <-leave }, queue...)
			if err := ann.Broadcast().Emit("slow"); err != nil {
				t.Fatal(err)
			}
			wait(t, "the handler", inside)
			expired, cancel := context.WithCancel(t.Context())
			cancel()
			err := bob.Shutdown(expired)
			close(leave)
			left, ok := errors.AsType[*smoke.UndeliveredError](err)
			if !ok || !slices.Equal(left.Running, []string{`a handler of "slow"`}) || !errors.Is(err, context.Canceled) {
				t.Errorf("shutdown: %v", err)
			}
		})
	}
}

func TestTheErrorOfShutdownCountsInWords(t *testing.T) {
	for _, c := range []struct {
		left smoke.UndeliveredError
		want string
	}{
		{smoke.UndeliveredError{Unsent: 1, Bytes: 1, Events: 1}, "1 event of this node reached no neighbour; 1 byte was not sent; 1 event or hook was not handled"},
		{smoke.UndeliveredError{Unsent: 2, Bytes: 2, Events: 2}, "2 events of this node reached no neighbour; 2 bytes were not sent; 2 events and hooks were not handled"},
	} {
		c.left.Err = smoke.ErrBusy
		if got, want := c.left.Error(), "stop the node: "+c.want+": the node's links are full"; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
