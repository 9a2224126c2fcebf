package emitter

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/batch"
	"github.com/smokesignal-go/smokesignal/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// story runs a test in virtual time, with an emitter that is closed at its end.
func story(t *testing.T, config Config, tell func(t *testing.T, e *Emitter)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		e := New(config)
		defer e.Close()
		tell(t, e)
	})
}

// runs runs a story several times. push pushes consecutive events with these names: one
// by one, in pairs, or as one run. The handlers must get the same events in all cases.
func runs(t *testing.T, config Config, tell func(t *testing.T, e *Emitter, push func(names ...string))) {
	t.Helper()
	for _, size := range []int{1, 2, 1000} {
		t.Run(fmt.Sprintf("up to %d in a run", size), func(t *testing.T) {
			story(t, config, func(t *testing.T, e *Emitter) {
				next := uint64(1)
				tell(t, e, func(names ...string) {
					var batch []Run
					for some := range slices.Chunk(names, size) {
						batch = append(batch, run(next, some...))
						next += uint64(len(some))
					}
					e.PushBatch(batch)
				})
			})
		})
	}
}

// run makes events with these names and empty payloads. The first has sequence number n.
func run(n uint64, names ...string) Run {
	r := Run{Origin: ident.ID{1}, Epoch: 1, Seq: n}
	for _, name := range names {
		r = r.with(name, "")
	}
	return r
}

// with returns the run with one more event.
func (r Run) with(name, payload string) Run {
	body, err := wire.AppendBody(nil, name, []byte(payload))
	if err != nil {
		panic(err)
	}
	r.Packed = batch.Append(r.Packed, body)
	r.Count++
	return r
}

// event returns a run of one event.
func event(name string, n uint64) Run { return run(n, name) }

// diary records the calls of handlers, from any goroutine.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) add(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

// hand returns a handler that records its own name and the event.
func (d *diary) hand(who string) Handler {
	return func(e *Event) error { d.add("%s %s %d", who, e.Name, e.Seq); return nil }
}

// want waits until no handler runs, and compares the diary with the given lines.
func (d *diary) want(t *testing.T, lines ...string) {
	t.Helper()
	synctest.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	if !slices.Equal(d.lines, lines) {
		t.Errorf("diary:\n  %s\nwant:\n  %s", strings.Join(d.lines, "\n  "), strings.Join(lines, "\n  "))
	}
}

func TestEventsReachHandlersInOrder(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		var got []uint64
		e.On("n", func(ev *Event) error { got = append(got, ev.Seq); return nil })
		for n := range uint64(10_000) {
			if n%2 == 0 {
				e.Push(event("n", n))
			} else {
				e.PushBatch([]Run{event("n", n)})
			}
		}
		synctest.Wait()
		if len(got) != 10_000 || !slices.IsSorted(got) {
			t.Errorf("got %d events, sorted: %v", len(got), slices.IsSorted(got))
		}
		if s := e.Stats(); s.Delivered != 10_000 || s.Queued != 0 || s.QueuedBytes != 0 {
			t.Errorf("stats: %+v", s)
		}
	})
}

func TestHooksKeepTheirPlaceAmongTheEvents(t *testing.T) {
	story(t, Config{}, func(t *testing.T, e *Emitter) {
		var d diary
		e.On("a", d.hand("got"))
		for n := range uint64(3) {
			e.Push(event("a", n))
			e.Do(func() { d.add("hook %d", n) })
		}
		d.want(t, "got a 0", "hook 0", "got a 1", "hook 1", "got a 2", "hook 2")
	})
}

func TestManyPushersAndRegistrations(t *testing.T) {
	e := New(Config{QueueEvents: 64})
	defer e.Close()
	var all sync.WaitGroup
	for i := range uint64(4) {
		all.Go(func() {
			for n := range uint64(1000) {
				name := fmt.Sprint("name", n%3)
				off := e.On(name, func(*Event) error { return nil })
				e.Once(name, func(*Event) error { e.Has(name); return nil })
				r := run(n, name, name)
				r.Origin = ident.ID{byte(i)}
				e.Push(r)
				off()
				e.Stats()
			}
		})
	}
	all.Wait()
	if err := e.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := e.Stats(); s.Delivered+s.Dropped != 8000 || s.Panics != 0 {
		t.Errorf("stats: %+v", s)
	}
}
