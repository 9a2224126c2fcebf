package plumtree

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/ident"
)

// Whatever comes from links in whatever order, nothing panics, nobody hears a
// duplicate or a pair in the wrong order, and the bounds hold.
func FuzzTree(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed, uint16(500))
	}
	f.Fuzz(func(t *testing.T, seed uint64, steps uint16) {
		rng := rand.New(rand.NewPCG(seed, 1))
		b := newBench(t, Config{HistoryBytes: 32 << 10, HistoryAge: 20 * time.Second})
		last := make(map[ident.Origin]uint64)
		number := func() uint64 {
			switch rng.IntN(8) {
			case 0:
				return rng.Uint64()
			case 1:
				return uint64(rng.IntN(3 * window))
			case 2:
				return most - uint64(rng.IntN(2))
			}
			return uint64(rng.IntN(40))
		}
		who := func() ident.Origin { return origin(byte(rng.IntN(5))) }
		span := func() time.Duration { return time.Duration(rng.Int64N(int64(time.Minute))) - time.Second }
		ranges := func() (list []Range) {
			for range rng.IntN(6) {
				list = append(list, Range{who(), number(), number()})
			}
			return list
		}
		for range steps {
			l := ident.Link(rng.IntN(4))
			switch rng.IntN(12) {
			case 0:
				if b.link(l) == nil {
					b.LinkUp(b.now, l, b)
				}
			case 1:
				if rng.IntN(4) == 0 {
					b.LinkDown(b.now, l, b)
				}
			case 2:
				b.Congested(l)
			case 3:
				b.Drained(b.now, l, b)
			case 4:
				b.pass(time.Duration(rng.Int64N(int64(2 * time.Second))))
			case 5:
				b.Emit(b.now, make([]byte, rng.IntN(2000)), b)
			case 6:
				b.get(l, &IHave{ranges(), rng.IntN(2) == 0})
			case 7:
				b.get(l, &Graft{ranges(), rng.IntN(2) == 0, rng.IntN(4) == 0, span()})
			case 8:
				b.get(l, &Prune{})
			case 9:
				b.get(l, &Miss{Range{who(), number(), number()}, Why(rng.IntN(4)), span()})
			default:
				b.get(l, &Gossip{Origin: who(), Seq: number(), Round: 1, Age: max(0, span()), Body: make([]byte, rng.IntN(2000))})
			}
			for _, e := range b.delivered {
				if e.Origin == b.cfg.Self || e.Seq <= last[e.Origin] {
					t.Fatalf("seed %d: event %d of %v after %d", seed, e.Seq, e.Origin, last[e.Origin])
				}
				last[e.Origin] = e.Seq
			}
			b.delivered, b.sent, b.gaps = nil, nil, nil
			if b.history.bytes > b.cfg.HistoryBytes && len(b.history.log) > 1 {
				t.Fatalf("seed %d: %d bytes are kept", seed, b.history.bytes)
			}
			places := 0
			for _, s := range b.order {
				places += len(s.events)
			}
			if places != b.places || places > len(b.history.log)+maxEmpty {
				t.Fatalf("seed %d: %d places, %d counted", seed, places, b.places)
			}
		}
	})
}
