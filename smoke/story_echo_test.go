package smoke_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/transport/mem"
	"github.com/smokesignal-go/smokesignal/trust"
)

// SM7, with its option to receive own events. All four nodes emit at once. A handler with
// Echo receives the events of its own node once, with the numbers that other nodes see,
// and the events of other nodes as usual.
func TestANodeHearsItselfWithEcho(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tell(t)
		cast, _ := s.hosts(mem.New(), new(atomic.Int64), 4, "10.0.0.1:8495")
		ann, bob := cast[0], cast[1]
		var mu sync.Mutex // guards heard: each node has its own goroutine
		heard := make(map[smoke.ID][]string)
		listen := func(a *actor, opts ...smoke.HandlerOption) {
			smoke.On(a.Broadcast(), "word", func(e smoke.Event, n int) {
				if e.Origin != ann.ID() {
					return
				}
				mu.Lock()
				defer mu.Unlock()
				heard[a.ID()] = append(heard[a.ID()], fmt.Sprint(e.Epoch, " ", e.Seq, " ", n))
				if a == ann && e.Via() != ann.ID() {
					t.Errorf("ann's own event came via %s", e.Via())
				}
			}, opts...)
		}
		listen(ann, smoke.Echo())
		listen(bob)
		s.wantOverlay(cast, 3)
		each(cast, func(a *actor) { a.speak(50) })
		s.wantHeard(cast, cast)
		synctest.Wait()
		if got := heard[ann.ID()]; len(got) != 50 || !slices.Equal(got, heard[bob.ID()]) {
			t.Errorf("ann heard of herself\n%q\nand bob\n%q", got, heard[bob.ID()])
		}
	})
}

func TestANodeHearsItselfWhileItIsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tell(t)
		ann := s.start(smoke.Options{Transport: mem.New().Host("10.0.0.1"), Address: "10.0.0.1", Port: 8495})
		var heard []string
		note := func(what string) func(e smoke.Event, text string) {
			return func(e smoke.Event, text string) { heard = append(heard, fmt.Sprint(what, " ", text, " ", e.Seq)) }
		}
		b := ann.Broadcast()
		b.On("a", note("deaf"))
		b.OnAny(func(smoke.Event) { t.Error("a handler of all names without Echo heard the node itself") })
		b.On("a", note("on"), smoke.Echo())
		b.Once("a", note("once"), smoke.Echo())
		smoke.Once(b, "a", note("typed once"), smoke.Echo())
		b.OnAny(func(e smoke.Event) { heard = append(heard, fmt.Sprint("any ", e.Name, " ", e.Seq)) }, smoke.Echo())
		off := b.On("a", func() { t.Error("a removed handler was called") }, smoke.Echo())
		off()
		b.On("a", func(text string) error {
			if text == "one" {
				return b.Emit("b", "from a handler")
			}
			return nil
		}, smoke.Echo())
		b.On("b", note("on"), smoke.Echo())
		for _, bad := range []any{make(chan int), strings.Repeat("x", 2<<20)} {
			if err := b.Emit("a", bad); err == nil {
				t.Errorf("a %T was emitted", bad)
			}
		}
		for _, text := range []string{"one", "two"} {
			if err := b.Emit("a", text); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		slices.Sort(heard)
		want := []string{"any a 1", "any a 3", "any b 2", "on from a handler 2", "on one 1", "on two 3", "once one 1", "typed once one 1"}
		if !slices.Equal(heard, want) {
			t.Errorf("heard %q", heard)
		}
	})
}

// An echoed event has Signed set if its name is in Options.Signed.
func TestAnEchoIsSigned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tell(t)
		key, err := trust.NewKey()
		if err != nil {
			t.Fatal(err)
		}
		ann := s.start(smoke.Options{
			Transport: mem.New().Host("10.0.0.1"), Address: "10.0.0.1", Port: 8495, Key: key, Signed: []string{"a"},
		})
		signed := make(map[string]bool)
		ann.Broadcast().OnAny(func(e smoke.Event) {
			var text string
			if err := e.Bind(&text); err != nil {
				t.Error(err)
			}
			signed[e.Name+" "+text] = e.Signed
		}, smoke.Echo())
		for _, name := range []string{"a", "b"} {
			if err := ann.Broadcast().Emit(name, "text"); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if len(signed) != 2 || !signed["a text"] || signed["b text"] {
			t.Errorf("signed: %v", signed)
		}
	})
}

// A handler emits an event in answer to an event of another node. The echo of the answer
// arrives after that event.
func TestAnEchoIsInOrderWithTheEventsOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tell(t)
		cast, _ := s.hosts(mem.New(), new(atomic.Int64), 2, "10.0.0.1:8495")
		ann, bob := cast[0], cast[1]
		s.wantOverlay(cast, 1)
		var heard []string
		ann.Broadcast().OnAny(func(e smoke.Event) {
			var n int
			if err := e.Bind(&n); err != nil {
				t.Error(err)
			}
			if heard = append(heard, fmt.Sprint(e.Name, n)); e.Name == "ping" {
				if err := ann.Broadcast().Emit("pong", n); err != nil {
					t.Error(err)
				}
			}
		}, smoke.Echo())
		var want []string
		for n := range 20 {
			if err := bob.Broadcast().Emit("ping", n); err != nil {
				t.Fatal(err)
			}
			want = append(want, fmt.Sprint("ping", n), fmt.Sprint("pong", n))
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if !slices.Equal(heard, want) {
			t.Errorf("heard %q", heard)
		}
	})
}

func TestEchoIsNotForPeers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tell(t)
		cast, _ := s.hosts(mem.New(), new(atomic.Int64), 2, "10.0.0.1:8495")
		s.wantOverlay(cast, 1)
		for p := range cast[0].Peers().All() {
			var handlerErr *smoke.HandlerError
			if _, err := smoke.TryOn(p, "a", func() {}, smoke.Echo()); !errors.As(err, &handlerErr) {
				t.Errorf("the error is %v", err)
			}
		}
	})
}

// An event has its age, and the neighbour that delivered it (Via).
func TestAnEventHasItsAgeAndVia(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tell(t)
		network := mem.New()
		network.Latency(20 * time.Millisecond)
		cast, _ := s.hosts(network, new(atomic.Int64), 2, "10.0.0.1:8495")
		ann, bob := cast[0], cast[1]
		s.wantOverlay(cast, 1)
		var events []smoke.Event
		var ages []time.Duration
		var noted []time.Time
		var mu sync.Mutex // handlers of a peer run on another goroutine
		note := func(e smoke.Event) {
			mu.Lock()
			defer mu.Unlock()
			events, ages, noted = append(events, e), append(ages, e.Age()), append(noted, time.Now())
		}
		bob.Broadcast().On("a", func(e smoke.Event) { time.Sleep(time.Second); note(e) })
		for p := range bob.Peers().All() {
			p.On("b", note)
		}
		if err := ann.Broadcast().Emit("a"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		for p := range ann.Peers().All() {
			if err := p.Emit("b"); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		mu.Lock()
		defer mu.Unlock()
		if len(events) != 2 {
			t.Fatalf("%d events", len(events))
		}
		for i, e := range events {
			if e.Via() != ann.ID() {
				t.Errorf("%s came via %s", e.Name, e.Via())
			}
			if older, later := e.Age()-ages[i], time.Since(noted[i]); older != later {
				t.Errorf("%s is older by %v after %v", e.Name, older, later)
			}
		}
		if ages[0] < time.Second || ages[0] > 1100*time.Millisecond {
			t.Errorf("a handler that slept for a second saw an age of %v", ages[0])
		}
		if ages[1] > 100*time.Millisecond {
			t.Errorf("the age of what a neighbour sent to this node is %v", ages[1])
		}
		if (smoke.Event{}).Age() != 0 {
			t.Error("the zero Event has an age")
		}
	})
}
