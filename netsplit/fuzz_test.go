package netsplit

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// Whatever frames arrive in whatever order, nothing panics, Advance does not spin, and
// the tables stay small.
func FuzzWatch(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed, uint16(500))
	}
	f.Fuzz(func(t *testing.T, seed uint64, steps uint16) {
		rng := rand.New(rand.NewPCG(seed, 3))
		b := newBench(t, addr(1), addr(2), "dns://chat", addr(self))
		up := make(map[ident.Link]bool)
		node := func() int { return rng.IntN(256) }
		link := func() ident.Link { return ident.Link(rng.IntN(12)) }
		known := func() (list []Sighting) {
			for range rng.IntN(maxKnown + 1) {
				list = append(list, Sighting{nodeID(node()), time.Duration(rng.Int64N(int64(20 * time.Second)))})
			}
			return list
		}
		settledFor := func() time.Duration { return time.Duration(rng.Int64N(int64(time.Minute))) }
		for range steps {
			switch rng.IntN(14) {
			case 0, 1:
				if l := link(); !up[l] {
					up[l] = true
					b.NeighborUp(b.now, l, nodeID(node()), addr(node()), "", rng.IntN(2) == 0, b)
				}
			case 2:
				l := link()
				delete(up, l)
				b.NeighborDown(b.now, l)
			case 3, 4:
				b.pass(time.Duration(rng.Int64N(int64(5 * time.Second))))
			case 5:
				b.fails()
			case 6:
				if len(b.dials) > 0 {
					a := b.dials[0]
					b.dials = b.dials[1:]
					b.last++
					b.LinkUp(b.now, b.last, nodeID(node()), a, b)
				}
			case 7:
				b.get(int(b.last), &ProbeReply{known(), settledFor(), rng.IntN(9) == 0})
			case 8:
				b.LinkDown(b.now, b.last, errNoNode, b)
			case 9:
				b.get(int(link()), &Probe{known(), settledFor(), rng.IntN(9) == 0})
			case 10:
				b.get(int(link()), &Split{nodeID(node()), nodeID(node())})
			case 11:
				var all []string
				for range rng.IntN(30) {
					all = append(all, addr(node()))
				}
				b.Resolved(b.now, "dns://chat", all, nil, b)
			default:
				b.get(int(link()), &Beacon{ident.Origin{ID: nodeID(node()), Epoch: rng.Uint64N(3)}, rng.Uint64N(100), addr(node())})
			}
			seeds := 0
			for _, n := range b.names {
				seeds += len(n.addrs)
			}
			if len(b.known) > maxKnown || len(b.others) > maxKnown || len(b.claims) > maxAllClaims || len(b.targets) > seeds+2*maxLost+maxProbes {
				t.Fatalf("seed %d: %d beacons, %d others, %d targets of %d seeds", seed, len(b.known), len(b.others), len(b.targets), seeds)
			}
			if found, healed := len(notices[Found](b)), len(notices[Healed](b)); found != healed && found != healed+1 {
				t.Fatalf("seed %d: found %d times, healed %d times", seed, found, healed)
			}
			b.sent = b.sent[:0]
		}
	})
}
