package plumtree

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// Whatever frames arrive in whatever order, nothing panics, no event is delivered twice
// or out of order, and the bounds hold.
func FuzzTree(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed, uint16(500))
	}
	f.Fuzz(func(t *testing.T, seed uint64, steps uint16) {
		rng := rand.New(rand.NewPCG(seed, 1))
		cfg := Config{HistoryBytes: 32 << 10, HistoryAge: 20 * time.Second}
		if seed%2 == 1 {
			cfg.VerifyAll = true
			cfg.Verify = func(o ident.Origin, n uint64, _ []byte) bool { return (n+uint64(o.ID[0]))%4 > 0 }
		}
		if seed%4 >= 2 {
			cfg.Rewind = time.Duration(seed%60) * time.Second
		}
		b := newBench(t, cfg)
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
			l := ident.Link(1 + rng.IntN(4))
			switch rng.IntN(12) {
			case 0:
				if b.links.find(l) == nil {
					b.LinkUp(b.now, l, peerOn(l), b)
				}
			case 1:
				if rng.IntN(4) == 0 {
					b.LinkDown(b.now, l, b)
				}
			case 2, 3:
				b.Fill(b.now, l, rng.IntN(4000), b)
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
				g := large(who(), number(), rng.IntN(2000))
				if rng.IntN(2) == 0 {
					g = gossip(g.Origin, g.Seq, 1+uint64(rng.IntN(20)))
				}
				g.Age = max(0, span())
				b.Handle(b.now, l, g, b)
			}
			for _, e := range b.delivered {
				if e.Origin == b.cfg.Self || e.Seq <= last[e.Origin] {
					t.Fatalf("seed %d: event %d of %v after %d", seed, e.Seq, e.Origin, last[e.Origin])
				}
				for seq := e.Seq; cfg.VerifyAll && seq < e.end(); seq++ {
					if !cfg.Verify(e.Origin, seq, nil) {
						t.Fatalf("seed %d: event %d of %v is not to be believed", seed, seq, e.Origin)
					}
				}
				last[e.Origin] = e.end() - 1
			}
			b.wantPossibleRoles()
			b.delivered, b.sent, b.gaps, b.ready, b.refused = nil, nil, nil, nil, nil
			if b.history.bytes > b.cfg.HistoryBytes && len(b.history.log) > 1 {
				t.Fatalf("seed %d: %d bytes are kept", seed, b.history.bytes)
			}
			held := 0
			for _, s := range b.order {
				held += len(s.held)
				early := 0
				for _, e := range s.held {
					if e.Seq >= s.next {
						early += e.cost()
					}
				}
				if early != s.early {
					t.Fatalf("seed %d: %d bytes of %v wait, and %d are counted", seed, early, s.origin, s.early)
				}
				for i, e := range s.held {
					if i > 0 && s.held[i-1].end() > e.Seq || e.Seq < s.next && e.end() > s.next {
						t.Fatalf("seed %d: %v holds [%d,%d) at %d", seed, s.origin, e.Seq, e.end(), s.next)
					}
				}
			}
			if held > len(b.history.log) {
				t.Fatalf("seed %d: %d runs are held, and the log has %d", seed, held, len(b.history.log))
			}
			for i := range b.links {
				l, lag := &b.links[i], 0
				for at := l.position; at < l.pushTo(b.history.end()); at++ {
					if e := b.history.at(at).event; e.isPushedOn(l) {
						lag += e.cost()
					}
				}
				if lag != l.lag || lag > 0 && !l.ready {
					t.Fatalf("seed %d: link %d has %d bytes to push, and counts %d, ready %v", seed, l.id, lag, l.lag, l.ready)
				}
			}
		}
	})
}
