package flowcontrol

import (
	"math"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

var birth = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func origin(n int) ident.Origin {
	return ident.Origin{ID: ident.ID{byte(n), byte(n >> 8), 0xee}, Epoch: 1}
}

// emitter is one node that emits as fast as its Pacer allows, with the frames it sends.
type emitter struct {
	*testing.T
	*Pacer
	now  time.Time
	sent []ident.Link
}

const (
	size = 1 << 10               // of an event, in bytes
	cost = 20 * time.Microsecond // of emitting one event: at most 50 MB/s
)

func newEmitter(t *testing.T) *emitter {
	return &emitter{T: t, Pacer: New(origin(0)), now: birth}
}

func (e *emitter) Send(to ident.Link, m Message) { e.sent = append(e.sent, to) }

// emit emits without a pause for the given time and returns the number of bytes.
func (e *emitter) emit(d time.Duration) (bytes int) {
	for end := e.now.Add(d); e.now.Before(end); {
		if wait := e.Wait(e.now); wait > 0 {
			if wait > MostStop {
				e.Fatalf("it is to wait for %v", wait)
			}
			e.now = e.now.Add(min(wait, end.Sub(e.now)))
			continue
		}
		e.Charge(e.now, size)
		e.now = e.now.Add(cost)
		bytes += size
	}
	return bytes
}

// hear passes a SLOW to the Pacer, from a node that it does not know.
func (e *emitter) hear(count uint64, stop time.Duration) {
	e.Handle(e.now, 1, &Slow{Origin: origin(1), Count: count, Stop: stop}, e)
}

// A new node emits a burst at once, and then at its rate. The rate grows while no SLOW
// arrives.
func TestAFreshNodeEmitsABurstAndThenEverMore(t *testing.T) {
	e := newEmitter(t)
	burst := 0
	for ; e.Wait(e.now) == 0; burst += size {
		e.Charge(e.now, size)
	}
	if burst != Burst {
		t.Errorf("%d bytes at once, want %d", burst, Burst)
	}
	before := 0
	for range 5 {
		now := e.emit(100 * time.Millisecond)
		if now <= before {
			t.Errorf("%d bytes in 100 ms, and then %d", before, now)
		}
		before = now
	}
	if before < Begin {
		t.Errorf("after half a second it emits %d bytes in 100 ms", before)
	}
}

// A SLOW lowers the rate by its factor. Without another SLOW, the rate recovers.
func TestASlowMakesLessAndNoneMakesMore(t *testing.T) {
	e := newEmitter(t)
	e.emit(300 * time.Millisecond)
	e.refill(e.now)
	before := e.rate
	e.hear(1, 0)
	after := e.rate
	if ratio := after / before; math.Abs(ratio-cut) > 0.01 {
		t.Errorf("a SLOW leaves %.2f of the rate, want %.2f", ratio, cut)
	}
	e.emit(500 * time.Millisecond)
	if e.rate < before {
		t.Errorf("half a second later the rate is %.0f, before it was %.0f", e.rate, before)
	}
}

// If many nodes fall behind, their SLOWs arrive at about the same time. The emitter
// slows down once, not once per SLOW.
func TestTwoSlowsAtOnceCountOnce(t *testing.T) {
	e := newEmitter(t)
	e.hear(1, 0)
	once := e.rate
	e.now = e.now.Add(every - 1)
	e.Handle(e.now, 2, &Slow{Origin: origin(2), Count: 1}, e)
	if e.Throttle(e.now, 0, e); e.rate != once {
		t.Errorf("the rate went from %.0f to %.0f", once, e.rate)
	}
	e.now = e.now.Add(1)
	if e.hear(2, 0); e.rate >= once {
		t.Errorf("%v later it does not count either", every)
	}
}

// An old SLOW, or one of this node itself, that arrives again on another link is
// ignored.
func TestWhatWasHeardBeforeDoesNotCount(t *testing.T) {
	e := newEmitter(t)
	e.LinkUp(1)
	e.LinkUp(2)
	e.hear(7, 0)
	e.now = e.now.Add(time.Second)
	before := e.rate
	e.sent = nil
	e.hear(7, 0)
	e.hear(6, MostStop)
	e.Handle(e.now, 1, &Slow{Origin: origin(0), Count: 9, Stop: MostStop}, e)
	if e.rate != before || len(e.sent) > 0 || e.Wait(e.now) > 0 {
		t.Errorf("rate %.0f, before %.0f; sent to %v; wait %v", e.rate, before, e.sent, e.Wait(e.now))
	}
}

// A stop ends by itself after at most MostStop, whatever duration the frame asks for.
func TestAStopStopsAndEnds(t *testing.T) {
	for _, stop := range []time.Duration{MostStop / 5, MostStop, time.Hour, math.MaxInt64} {
		e := newEmitter(t)
		e.hear(1, stop)
		stop = min(stop, MostStop)
		if wait := e.Wait(e.now); wait != stop {
			t.Errorf("it waits for %v, want %v", wait, stop)
		}
		e.now = e.now.Add(stop)
		if wait := e.Wait(e.now); wait != 0 {
			t.Errorf("after %v it still waits for %v", stop, wait)
		}
	}
	e := newEmitter(t)
	if e.hear(1, -time.Hour); e.Wait(e.now) != 0 {
		t.Error("a negative stop stops")
	}
}

// A node that is behind and repeats its SLOW stops emitters for nearly all of the two
// seconds that the credit allows.
func TestWhoIsBehindIsWaitedForTwoSeconds(t *testing.T) {
	e := newEmitter(t)
	e.emit(time.Second)
	count := uint64(0)
	for end := e.now.Add(2*time.Second - 2*MostStop); e.now.Before(end); e.now = e.now.Add(time.Millisecond) {
		count++
		if e.hear(count, MostStop); e.Wait(e.now) == 0 {
			t.Fatalf("it may emit %v before the two seconds are over", end.Sub(e.now))
		}
	}
}

// A hostile peer sends SLOW as fast as it can, with its own origin or with ever new
// ones. The rate stays above its floor, and the emitter is stopped for at most half of
// the time. Memory stays within its bound, and neighbours are not flooded.
func TestAHostilePeerCannotSilenceAnEmitter(t *testing.T) {
	const lasts = 10 * time.Second
	for _, stop := range []time.Duration{0, time.Microsecond, time.Millisecond, MostStop, time.Hour} {
		for _, names := range []int{1, 1000} {
			e := newEmitter(t)
			e.LinkUp(1)
			e.LinkUp(2)
			bytes, stopped := 0, time.Duration(0)
			const step = time.Millisecond
			for n, end := 0, e.now.Add(lasts); e.now.Before(end); n++ {
				e.Handle(e.now, 1, &Slow{Origin: origin(1 + n%names), Count: uint64(1 + n), Stop: stop}, e)
				stopped += min(max(e.stopped.Sub(e.now), 0), step)
				if e.rate < least {
					t.Fatalf("the rate is %.0f", e.rate)
				}
				bytes += e.emit(step)
				e.now = birth.Add(time.Duration(n+1) * step)
			}
			if most := lasts/2 + stopCredit; stopped > most {
				t.Errorf("stop %v: stopped for %v of %v, want %v at most", stop, stopped, lasts, most)
			}
			if want := int(lasts.Seconds()-2) * least; bytes < want {
				t.Errorf("stop %v: %d bytes emitted, want %d at least", stop, bytes, want)
			}
			if len(e.known) > maxKnown || cap(e.known) > 2*maxKnown {
				t.Errorf("%d origins are remembered, in room for %d", len(e.known), cap(e.known))
			}
			if most := int(lasts / (MostStop / 2)); len(e.sent) > most {
				t.Errorf("stop %v: %d frames were passed on, want %d at most", stop, len(e.sent), most)
			}
		}
	}
}

// Rates learned in one hour are forgotten in the next, whether they were low or high.
func TestWhatWasLearntIsForgotten(t *testing.T) {
	slow := newEmitter(t)
	for n := range 100 {
		slow.hear(uint64(1+n), MostStop)
		slow.now = slow.now.Add(MostStop)
	}
	fast := newEmitter(t)
	fast.emit(2 * time.Second)
	if slow.rate > Begin/2 || fast.rate < 100*Begin {
		t.Fatalf("the rates are %.0f and %.0f", slow.rate, fast.rate)
	}
	fresh := newEmitter(t)
	want := fresh.emit(time.Second / 4)
	for _, e := range []*emitter{slow, fast} {
		e.emit(time.Millisecond)
		e.now = e.now.Add(time.Hour)
		if got := e.emit(time.Second / 4); got < want*9/10 || got > want*11/10 {
			t.Errorf("%d bytes in the first quarter of a second, of a fresh node %d", got, want)
		}
	}
}
