package smoke_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// pair starts two nodes that are neighbours. The function registers the handlers of bob.
// Ann is to emit.
func (s *story) pair(listen func(bob *actor)) (ann, bob *actor) {
	s.Helper()
	ann = s.start(smoke.Options{})
	bob = s.create(smoke.Options{Seeds: []string{ann.Addr()}})
	listen(bob)
	if err := bob.Start(); err != nil {
		s.Fatal(err)
	}
	ann.peer(bob)
	return ann, bob
}

// emit emits events and waits until bob has handled them: a last event shows that.
func (a *actor) emit(bob *actor, events ...[]any) {
	a.story.Helper()
	done := make(chan struct{})
	defer bob.Broadcast().On("the end", func() { close(done) })()
	for _, e := range append(events, []any{"the end"}) {
		if err := a.Broadcast().Emit(e[0].(string), e[1:]...); err != nil {
			a.story.Errorf("emit %v: %v", e, err)
		}
	}
	wait(a.story.T, "the last event", done)
}

// If a number does not fit the type of the handler's parameter, at any depth, the handler
// is not called. Version 1.0 truncated it: 300 became 44.
func TestANumberThatDoesNotFitReachesNoHandler(t *testing.T) {
	type wide struct{ Seats, Delta int }
	type narrow struct {
		Seats int8
		Delta uint16
	}
	s := tell(t)
	bound := make(chan error, 1)
	ann, bob := s.pair(func(bob *actor) {
		b := bob.Broadcast()
		b.On("argument", func(n int8) { t.Error("argument", n) })
		smoke.On(b, "typed", func(_ smoke.Event, n uint8) { t.Error("typed", n) })
		smoke.On(b, "struct", func(_ smoke.Event, v narrow) { t.Error("struct", v) })
		b.On("reflected struct", func(v *narrow) { t.Error("reflected struct", v) })
		b.On("slice", func(v []int8) { t.Error("slice", v) })
		b.On("map", func(v map[string]uint8) { t.Error("map", v) })
		b.On("key", func(v map[int8]string) { t.Error("key", v) })
		b.On("pointer", func(v *int8) { t.Error("pointer", *v) })
		b.On("rest", func(v ...int8) { t.Error("rest", v) })
		b.On("float", func(v []float32) { t.Error("float", v) })
		b.On("embedded", func(v struct{ narrow }) { t.Error("embedded", v) })
		b.On("bind", func(e smoke.Event) {
			var v narrow
			bound <- e.Bind(&v)
		})
	})
	ann.emit(bob,
		[]any{"argument", 300}, []any{"typed", -1}, []any{"struct", wide{300, 1}}, []any{"struct", wide{1, -1}},
		[]any{"reflected struct", wide{300, 1}}, []any{"slice", []int{1, 300}}, []any{"map", map[string]int{"n": 300}},
		[]any{"key", map[int]string{300: "n"}}, []any{"pointer", 300}, []any{"rest", 1, 2, 300}, []any{"float", []float64{1e300}},
		[]any{"embedded", wide{300, 1}}, []any{"bind", wide{1, 70000}},
	)
	var misfit *smoke.ArgumentError
	if err := wait(t, "the result of Bind", bound); !errors.As(err, &misfit) || !strings.Contains(err.Error(), "Delta: 70000 does not fit into uint16") {
		t.Error(err)
	}
	if got := bob.Stats().Handlers.Errors; got != 12 {
		t.Errorf("%d events were refused, want 12", got)
	}
}

// An error arrives as its text, as an error or a string, alone or inside other values.
// Version 1.0 sent an empty map.
func TestAnErrorArrives(t *testing.T) {
	s := tell(t)
	got := make(chan string, 10)
	ann, bob := s.pair(func(bob *actor) {
		b := bob.Broadcast()
		b.On("failed", func(err error) { got <- fmt.Sprintf("error %v", err) })
		b.On("failed", func(text string) { got <- "text " + text })
		smoke.On(b, "failed", func(_ smoke.Event, err error) { got <- fmt.Sprintf("typed %v", err) })
		b.On("report", func(v map[string]any) { got <- fmt.Sprint("report ", v["err"]) })
	})
	ann.emit(bob, []any{"failed", fmt.Errorf("job 7: %w", context.Canceled)}, []any{"failed", nil}, []any{"report", map[string]any{"err": errors.New("disk full")}})
	for _, want := range []string{
		"error job 7: context canceled", "text job 7: context canceled", "typed job 7: context canceled",
		"error <nil>", "text ", "typed <nil>", "report disk full",
	} {
		if heard := wait(t, want, got); heard != want {
			t.Errorf("heard %q, want %q", heard, want)
		}
	}
}

// A handler of Once waits for an event that fits. If it then returns an error or panics,
// it does not wait for another event.
func TestOnceWaitsForAnEventThatFits(t *testing.T) {
	s := tell(t)
	var got []string
	note := func(format string, args ...any) { got = append(got, fmt.Sprintf(format, args...)) }
	ann, bob := s.pair(func(bob *actor) {
		b := bob.Broadcast()
		b.Once("n", func(n int8) { note("reflected %d", n) })
		b.Once("n", func(text string) { note("text %s", text) })
		smoke.Once(b, "n", func(_ smoke.Event, n uint8) { note("typed %d", n) })
		b.Once("n", func(e smoke.Event) error {
			note("raw %d", e.Seq)
			return e.Bind(new(chan int))
		})
		b.Once("n", func(n int) { note("panics %d", n); panic("no") })
		b.Once("n", func(a, b int) { note("two %d", a+b) })
	})
	seq := ann.Stats().Emitted
	ann.emit(bob, []any{"n", 300}, []any{"n", -5}, []any{"n", "x"}, []any{"n", 7}, []any{"n", 8, 9}, []any{"n", 10, 11})
	want := []string{fmt.Sprintf("raw %d", seq+1), "panics 300", "reflected -5", "text x", "typed 7", "two 17"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// If a new version of a program sends more arguments to an older one, the handlers are
// called without the surplus. It is counted, and logged once for each name.
func TestSurplusArgumentsAreCountedAndLoggedOnce(t *testing.T) {
	s := tell(t)
	calls := 0
	ann, bob := s.pair(func(bob *actor) {
		b := bob.Broadcast()
		b.On("a", func(string) { calls++ })
		b.On("b", func(smoke.Event, int, string) { calls++ })
		smoke.On(b, "c", func(smoke.Event, int) { calls++ })
		for _, name := range []string{"a", "b", "c"} { // these accept any number of arguments
			b.On(name, func() { calls++ })
			b.On(name, func(smoke.Event) { calls++ })
			b.On(name, func(...any) { calls++ })
		}
	})
	var events [][]any
	for range 3 {
		events = append(events, []any{"a", "x", 1}, []any{"b", 1, "x", 2, 3}, []any{"c", 1, 2}, []any{"a", "x"}, []any{"b", 1, "x"}, []any{"c", 1})
	}
	ann.emit(bob, events...)
	if got := bob.Stats().Handlers; calls != 4*len(events) || got.Surplus != 9 || got.Errors != 0 {
		t.Errorf("%d calls, %+v", calls, got)
	}
	if err := bob.Stop(); err != nil { // flushes the log
		t.Error(err)
	}
	logged := map[string]int{}
	for _, entry := range bob.log.AllEntries() {
		if strings.Contains(entry.Message, "more arguments than its handler takes") {
			logged[fmt.Sprint(entry.Data["event"], " ", entry.Data["takes"], " ", entry.Data["left out"])]++
		}
	}
	if len(logged) != 3 || logged["a 1 argument 1"] != 1 || logged["b 2 arguments 2"] != 1 || logged["c 1 argument 1"] != 1 {
		t.Errorf("logged %v", logged)
	}
}

// The context of a handler ends when the node stops. Events that are emitted with it get
// the headers of the handled event.
func TestTheContextOfAHandlerEndsWithTheNode(t *testing.T) {
	s := tell(t)
	ended := make(chan string, 10)
	echo := make(chan string, 10)
	ann, bob := s.pair(func(bob *actor) {
		b := bob.Broadcast()
		b.On("lang", func(ctx context.Context, e smoke.Event, text string) error {
			return bob.Broadcast().EmitContext(ctx, "echo", text+" "+e.Header("lang"))
		})
		b.On("plain", func(ctx context.Context) error { return bob.Broadcast().EmitContext(ctx, "echo", "plain") })
		bob.Peers().OnAdd(func(p *smoke.Peer) {
			p.On("wait", func(ctx context.Context, n int) {
				ended <- "begun"
				<-ctx.Done()
				ended <- fmt.Sprint("peer ", n)
			})
		})
		b.On("wait", func(ctx context.Context, all ...string) {
			ended <- "begun"
			<-ctx.Done()
			ended <- fmt.Sprint("broadcast ", all, " ", ctx.Err())
		})
	})
	ann.Broadcast().On("echo", func(e smoke.Event, text string) { echo <- text + " " + e.Header("lang") })
	ctx := smoke.ContextWithHeader(t.Context(), "lang", "de")
	for _, err := range []error{
		ann.Broadcast().EmitContext(ctx, "lang", "hm"), ann.Broadcast().Emit("plain"),
		ann.peer(bob).Emit("wait", 7), ann.Broadcast().Emit("wait", "a", "b"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"hm de de", "plain "} {
		if got := wait(t, want, echo); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	wait(t, "the first handler", ended)
	wait(t, "the second handler", ended)
	within, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	if err := bob.Shutdown(within); err != nil {
		t.Error(err)
	}
	got := []string{wait(t, "the end of a context", ended), wait(t, "the end of a context", ended)}
	slices.Sort(got)
	if want := []string{"broadcast [a b] context canceled", "peer 7"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// If the json tags of a struct have no effect, both nodes log that, once for each type.
func TestIgnoredJSONTagsAreLogged(t *testing.T) {
	type sent struct {
		UserID int `json:"user_id"`
	}
	type got struct {
		User int `json:"user_id"`
	}
	s := tell(t)
	ann, bob := s.pair(func(bob *actor) {
		bob.Broadcast().On("json", func(g got) { t.Errorf("got %+v", g) })
	})
	ann.emit(bob, []any{"json", sent{7}}, []any{"json", sent{8}})
	for a, field := range map[*actor]string{ann: "smoke_test.sent.UserID", bob: "smoke_test.got.User"} {
		if err := a.Stop(); err != nil { // flushes the log
			t.Error(err)
		}
		times := 0
		for _, entry := range a.log.AllEntries() {
			if strings.HasPrefix(entry.Message, "json tags") && entry.Data["field"] == field {
				times++
			}
		}
		if times != 1 {
			t.Errorf("%s is named %d times", field, times)
		}
	}
	bob.wantLogged("could not take an event", "none of its fields came")
}

// Types that encode themselves arrive whole: by methods on the pointer, also if a value
// is emitted; and structs that embed a time.Time keep their other fields.
func TestTypesThatEncodeThemselvesArriveWhole(t *testing.T) {
	type stamp struct {
		time.Time
		Who string
	}
	s := tell(t)
	at := time.Unix(1770000000, 0)
	got := make(chan string, 2)
	ann, bob := s.pair(func(bob *actor) {
		smoke.On(bob.Broadcast(), "stamp", func(_ smoke.Event, v stamp) { got <- fmt.Sprint(v.Equal(at), " ", v.Who) })
		bob.Broadcast().On("secrets", func(list map[string]secretText) { got <- list["a"].text })
	})
	ann.emit(bob, []any{"stamp", stamp{at, "ann"}}, []any{"secrets", map[string]secretText{"a": {"x"}}})
	for _, want := range []string{"true ann", "x"} {
		if heard := wait(t, want, got); heard != want {
			t.Errorf("heard %q, want %q", heard, want)
		}
	}
}

type secretText struct{ text string }

func (s *secretText) MarshalText() ([]byte, error)    { return []byte(s.text), nil }
func (s *secretText) UnmarshalText(text []byte) error { s.text = string(text); return nil }
