package sim

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// TestQueueIsOrderedByTimeAndThenByNumber adds and removes events alternately, with times
// of all rings. In some calls, the next event is later than the limit up to which the queue
// may look.
func TestQueueIsOrderedByTimeAndThenByNumber(t *testing.T) {
	for _, scale := range []time.Duration{1, 100, time.Microsecond, 66 * time.Microsecond, time.Millisecond, time.Second, time.Minute, time.Hour} {
		rng := rand.New(rand.NewPCG(3, uint64(scale)))
		var q queue
		type put struct{ at, number int64 }
		puts := make(map[*Node]put)
		var now, last put
		for i := range int64(6000) {
			if i < 5000 {
				node := &Node{}
				gap := rng.Int64N(1 + int64(scale)*rng.Int64N(50))
				puts[node] = put{now.at + gap, i}
				q.put(now.at+gap, event{node: node})
			}
			if i%3 == 0 && i < 5000 {
				continue
			}
			until := now.at + rng.Int64N(100*int64(scale))
			if i >= 5000 {
				until = math.MaxInt64
			}
			due, ok := q.next(until)
			if !ok {
				now.at = min(until, math.MaxInt64/2)
				continue
			}
			now = puts[q.pop().node]
			if now.at != due || due > until {
				t.Fatalf("%v: an event of %d comes out, announced for %d, looked for until %d", scale, now.at, due, until)
			}
			if now.at < last.at || now.at == last.at && now.number < last.number {
				t.Fatalf("%v: %v comes after %v", scale, now, last)
			}
			last = now
		}
		for q.left > 0 {
			due, ok := q.next(math.MaxInt64)
			if now = puts[q.pop().node]; !ok || now.at != due || now.at < last.at || now.at == last.at && now.number < last.number {
				t.Fatalf("%v: %v comes after %v", scale, now, last)
			}
			last = now
		}
		if _, ok := q.next(math.MaxInt64); ok {
			t.Error("there is no end")
		}
	}
}
