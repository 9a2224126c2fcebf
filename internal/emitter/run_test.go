package emitter

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/batch"
	"github.com/smokesignal-go/smokesignal/internal/wire"
)

func TestRunsOfManyOriginsComeAsTheyWerePushed(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		type heard struct {
			origin     ident.ID
			epoch, seq uint64
			payload    string
		}
		var got, want []heard
		e.OnAny(func(ev *Event) error {
			got = append(got, heard{ev.Origin, ev.Epoch, ev.Seq, string(ev.Payload)})
			return nil
		})
		for n := range uint64(1000) {
			r := Run{Origin: ident.ID{byte(n % 7)}, Epoch: n % 3, Seq: 1000 * n}
			for i := range n % 50 {
				payload := fmt.Sprintf("%d of %d", i, n)
				r = r.with("name", payload)
				want = append(want, heard{r.Origin, r.Epoch, r.Seq + i, payload})
			}
			e.Push(r)
		}
		synctest.Wait()
		if len(got) != len(want) {
			t.Fatalf("%d events, want %d", len(got), len(want))
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("event %d is %v, want %v", i, got[i], want[i])
			}
		}
	})
}

func TestWhatAHandlerAppendsDoesNotReachTheNextEvent(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		var d diary
		e.On("a", func(ev *Event) error {
			d.add("%s", ev.Payload)
			_ = append(ev.Payload, "xxxxxxxx"...)
			return nil
		})
		e.Push(Run{}.with("a", "one").with("a", "two"))
		d.want(t, "one", "two")
	})
}

func TestARunOfNothingIsNothing(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		e.OnAny(ignore)
		if !e.Push(Run{}) || !e.Push(Run{Count: -1, Packed: []byte{1}}) {
			t.Error("the emitter seems to be closed")
		}
		synctest.Wait()
		if s := e.Stats(); s.Queued != 0 || s.Delivered != 0 || s.Errors != 0 {
			t.Errorf("stats: %+v", s)
		}
	})
}

func TestARunWithoutHandlersIsCounted(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		var d diary
		e.Push(run(1, "a", "a"))
		e.Do(func() { e.On("a", d.hand("got")) })
		e.Push(run(3, "a"))
		d.want(t, "got a 3")
		if s := e.Stats(); s.Delivered != 4 || s.Queued != 0 {
			t.Errorf("stats: %+v", s)
		}
	})
}

func TestHoldFromOutsideInTheMiddleOfARun(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		var d diary
		e.On("a", func(ev *Event) error { d.add("%d", ev.Seq); time.Sleep(time.Second); return nil })
		e.Push(run(1, "a", "a", "a", "a"))
		e.Push(run(5, "a"))
		time.Sleep(1500 * time.Millisecond)
		e.Hold()
		time.Sleep(time.Hour)
		d.want(t, "1", "2")
		if s := e.Stats(); s.Queued != 3 || s.Delivered != 2 {
			t.Errorf("stats: %+v", s)
		}
		e.Release()
		time.Sleep(time.Hour)
		d.want(t, "1", "2", "3", "4", "5")
	})
}

func TestCloseInTheMiddleOfARun(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		var d diary
		e.On("a", func(ev *Event) error { d.add("%d", ev.Seq); time.Sleep(time.Second); return nil })
		e.Push(run(1, "a", "a", "a", "a"))
		e.Push(run(5, "a"))
		time.Sleep(1500 * time.Millisecond)
		e.Close()
		d.want(t, "1", "2")
		if s := e.Stats(); s.Queued != 0 || s.Delivered != 2 || s.Discarded != 3 {
			t.Errorf("stats: %+v", s)
		}
		e.Reopen()
		e.Push(run(6, "a"))
		d.want(t, "1", "2", "6")
	})
}

func TestAPanicInTheMiddleOfARun(t *testing.T) {
	var d diary
	config := Config{OnPanic: func(name string, value any, _ []byte) { d.add("panic in %s: %v", name, value) }}
	runs(t, config, func(t *testing.T, e *Emitter, push func(names ...string)) {
		d.lines = nil
		e.On("a", d.hand("first"))
		e.On("a", func(ev *Event) error {
			if ev.Seq%2 == 0 {
				panic(fmt.Sprint("at ", ev.Seq))
			}
			return nil
		})
		e.On("a", d.hand("last"))
		e.On("b", d.hand("other"))
		push("a", "a", "b", "a")
		d.want(t,
			"first a 1", "last a 1",
			"first a 2", "panic in a: at 2", "last a 2",
			"other b 3",
			"first a 4", "panic in a: at 4", "last a 4")
		if s := e.Stats(); s.Panics != 2 || s.Delivered != 4 {
			t.Errorf("stats: %+v", s)
		}
	})
}

func TestOnceGetsOneOfEqualNames(t *testing.T) {
	runs(t, Config{}, func(t *testing.T, e *Emitter, push func(names ...string)) {
		var d diary
		e.On("a", d.hand("always"))
		e.Once("a", d.hand("once"))
		push("b", "a", "a", "a")
		d.want(t, "always a 2", "once a 2", "always a 3", "always a 4")
	})
}

func TestANameGetsItsFirstHandlerInTheMiddleOfARun(t *testing.T) {
	runs(t, Config{}, func(t *testing.T, e *Emitter, push func(names ...string)) {
		var d diary
		e.On("begin", func(*Event) error { e.On("a", d.hand("got")); return nil })
		e.On("end", func(*Event) error { e.Off("a"); return nil })
		push("a", "begin", "a", "a", "end", "a")
		d.want(t, "got a 3", "got a 4")
	})
}

func TestMalformedEventsAreReportedAndSkipped(t *testing.T) {
	good, err := wire.AppendBody(nil, "a", nil)
	if err != nil {
		t.Fatal(err)
	}
	pack := func(bodies ...[]byte) (b []byte) {
		for _, body := range bodies {
			b = batch.Append(b, body)
		}
		return b
	}
	tooLong, shorter := append(pack(good), 9, 'x'), pack(good, good)
	for _, one := range []struct {
		what   string
		count  int
		packed []byte
		want   []string
	}{
		{"a body without a name", 3, pack(good, []byte{0, 'x'}, good), []string{"got a 1", "error", "got a 3"}},
		{"an empty body", 3, pack(good, nil, good), []string{"got a 1", "error", "got a 3"}},
		{"a name cut short", 3, pack(good, []byte{9, 'x'}, good), []string{"got a 1", "error", "got a 3"}},
		{"a length beyond the end", 5, tooLong, []string{"got a 1", "error"}},
		{"more are announced", 4, shorter, []string{"got a 1", "got a 2", "error"}},
		{"far more are announced", math.MaxInt, shorter, []string{"got a 1", "got a 2", "error"}},
		{"nothing at all", 1, nil, []string{"error"}},
		{"more than was announced", 1, shorter, []string{"got a 1"}},
	} {
		t.Run(one.what, func(t *testing.T) {
			var d diary
			config := Config{OnError: func(name string, err error) {
				d.add("error")
				if name != "" || !errors.Is(err, wire.ErrMalformed) {
					t.Errorf("of %q: %v", name, err)
				}
			}}
			story(t, config, func(t *testing.T, e *Emitter) {
				e.On("a", d.hand("got"))
				e.Push(Run{Seq: 1, Count: one.count, Packed: one.packed})
				e.Push(run(9, "a")) // the next run is not affected
				d.want(t, append(one.want, "got a 9")...)
				errs := 0
				for _, line := range one.want {
					if line == "error" {
						errs++
					}
				}
				if s := e.Stats(); s.Queued != 0 || s.Errors != uint64(errs) {
					t.Errorf("stats: %+v", s)
				}
			})
		})
	}
}
