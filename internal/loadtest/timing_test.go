package loadtest

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

const ms = Seconds(0.001)

// near reports whether two durations are equal but for the 1 % by which a histogram may be
// too high.
func near(got, want Seconds) bool { return got >= want*0.9999 && got <= want*1.0101 }

func wantLatency(t *testing.T, what string, got Latency, samples uint64, p50, longest Seconds) {
	t.Helper()
	if got.Samples != samples || !near(got.P50, p50) || !near(got.Max, longest) {
		t.Errorf("%s: %+v; want %d samples, median %v, longest %v", what, got, samples, p50, longest)
	}
}

func TestWatchTimesTheLastDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWatch()
		w.arrived(event{run: 7}) // before any run has begun
		w.begin(7, 2)
		for n := range uint64(10) {
			due := w.now()
			time.Sleep(time.Millisecond)
			w.arrived(event{run: 7, number: n, due: due})
			w.arrived(event{run: 6, number: n, due: due}) // of another run
			time.Sleep(2 * time.Millisecond)
			if n < 8 { // the last two reach only one of the two receivers
				w.arrived(event{run: 7, number: n, due: due})
			}
		}
		got := w.read()
		if got.kind != OneWay {
			t.Errorf("it is %s", got.kind)
		}
		wantLatency(t, "each", got.each, 18, ms, 3*ms)
		wantLatency(t, "last", got.last, 8, 3*ms, 3*ms)
		if !near(got.each.P90, 3*ms) {
			t.Errorf("of 10 short and 8 long ones, 90 %% take up to %v", got.each.P90)
		}
	})
}

// An event that is older than the window is timed, but its last delivery is not, and it
// displaces no event in the window.
func TestWatchForgetsWhatIsFarBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWatch()
		w.begin(1, 2)
		for _, number := range []uint64{3, 3 + windowSize, 3, 3 + windowSize} {
			w.arrived(event{run: 1, number: number})
		}
		if got := w.read(); got.each.Samples != 4 || got.last.Samples != 1 {
			t.Errorf("%+v", got)
		}
	})
}

func ids(n int) (ids []smoke.ID) {
	for i := range n {
		ids = append(ids, smoke.ID{byte(i >> 8), byte(i), 1})
	}
	return ids
}

func TestAllEchoAnEventWhereTheyAreFew(t *testing.T) {
	var now time.Duration
	few := ids(3)
	e := newEchoes(few, func() time.Duration { return now })
	if got := e.ask(0, 0); got != everybody {
		t.Fatalf("%s is asked", got)
	}
	if got := e.ask(1, time.Millisecond); got != nobody {
		t.Errorf("the next is asked a millisecond later: %s", got)
	}
	for i, id := range few {
		now += 10 * time.Millisecond
		e.came(id, 0)
		e.came(id, 0)               // twice
		e.came(smoke.ID{0xee}, 0)   // from a node that was not asked
		e.came(id, 99)              // for an event whose echo was not asked for
		e.came(few[(i+1)%3], 1<<40) // for an event that another receiver was asked to echo
	}
	if !e.isComplete() {
		t.Error("it waits")
	}
	got := e.read()
	wantLatency(t, "each", got.each, 3, 20*ms, 30*ms)
	wantLatency(t, "last", got.last, 1, 30*ms, 30*ms)
	if got.asked != 3 {
		t.Errorf("%d are asked", got.asked)
	}
	// At a hundred echoes a second, three echoes are allowed every 30 ms.
	if e.ask(29, 29*time.Millisecond) != nobody || e.ask(30, 30*time.Millisecond) != everybody {
		t.Error("the next is not asked for after 30 ms")
	}
	e.withdraw(30)
	if got := e.read(); got.asked != 3 || !e.isComplete() {
		t.Errorf("withdrawn, and %d are asked", got.asked)
	}
}

func TestManyTakeTurns(t *testing.T) {
	many := ids(manyReceivers + 1)
	e := newEchoes(many, func() time.Duration { return time.Second })
	asked := make(map[smoke.ID]int)
	for n := range uint64(2 * len(many)) {
		due := time.Duration(n) * time.Second / EchoRate
		id := e.ask(n, due)
		asked[id]++
		e.came(many[0], n) // out of turn, except twice
		if n%2 == 0 {
			e.came(id, n)
		}
	}
	for _, id := range many {
		if asked[id] != 2 {
			t.Errorf("%s is asked %d times", id, asked[id])
		}
	}
	got := e.read()
	if got.asked != uint64(2*len(many)) || got.last.Samples != 0 || e.isComplete() {
		t.Errorf("%+v", got)
	}
}

// If no receiver echoes, the number of remembered events stays bounded.
func TestOpenEchoesAreBounded(t *testing.T) {
	e := newEchoes(ids(2), func() time.Duration { return 0 })
	for n := range uint64(3 * mostOpen) {
		e.ask(n, time.Duration(n)*time.Second)
	}
	if len(e.open) > mostOpen || len(e.order) > mostOpen {
		t.Errorf("%d events wait for echoes", len(e.open))
	}
	e.came(e.receivers[0], 0) // no longer waited for
	if got := e.read(); got.each.Samples != 0 || got.asked != 6*mostOpen {
		t.Errorf("%+v", got)
	}
}
