package flowcontrol

import (
	"math"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// FuzzPacer calls a Pacer in any order that its owner and its peers can cause. It
// checks the invariants: waits are short, the rate stays finite and above its floor,
// memory is bounded, and one call sends at most one frame per link.
func FuzzPacer(f *testing.F) {
	f.Add([]byte{0, 1, 1, 1, 2, 1, 3, 255, 4, 200, 5, 9, 0, 9, 1, 50})
	f.Add([]byte{3, 255, 3, 255, 3, 255, 5, 255, 5, 255, 4, 1, 5, 255})
	f.Add([]byte{4, 7, 5, 3, 4, 8, 5, 3, 4, 9, 5, 3, 2, 90, 5, 3})
	f.Fuzz(func(t *testing.T, script []byte) {
		script = script[:min(len(script), 4096)] // longer scripts only take longer
		p := New(origin(0))
		now := birth
		var stopped time.Duration
		for ; len(script) >= 2; script = script[2:] {
			what, arg := script[0], script[1]
			out := make(outbox)
			switch what % 7 {
			case 0:
				if id := ident.Link(arg); len(p.links) < 16 && !p.has(id) {
					p.LinkUp(id)
				}
			case 1:
				p.LinkDown(ident.Link(arg))
			case 2:
				p.Throttle(now, time.Duration(arg)*time.Millisecond, out)
			case 3:
				p.Charge(now, 1<<(arg%40))
			case 4:
				stop := time.Duration(int8(arg)) << (what / 7)
				p.Handle(now, ident.Link(arg%16), &Slow{Origin: origin(int(arg)*7 + int(what)), Count: uint64(arg), Stop: stop}, out)
			case 5:
				passes := time.Duration(1) << (arg % 44)
				stopped += min(max(p.stopped.Sub(now), 0), passes)
				now = now.Add(passes)
			case 6:
				p.Handle(now, 1, nil, out)
			}
			for l, times := range out {
				if times > 1 || !p.has(l) {
					t.Fatalf("%d frames at once for link %d", times, l)
				}
			}
			if wait := p.Wait(now); wait < 0 || wait > MostStop {
				t.Fatalf("it waits for %v", wait)
			}
			if !(p.rate >= least) || math.IsInf(p.rate, 0) || math.IsNaN(p.tokens) {
				t.Fatalf("rate %v, tokens %v", p.rate, p.tokens)
			}
			if len(p.known) > maxKnown {
				t.Fatalf("%d origins are remembered", len(p.known))
			}
			if lived := now.Sub(birth); stopped > lived/stopShare+stopCredit {
				t.Fatalf("stopped for %v of %v", stopped, lived)
			}
		}
	})
}

// outbox counts the frames sent on each link.
type outbox map[ident.Link]int

func (o outbox) Send(to ident.Link, _ Message) { o[to]++ }

func (p *Pacer) has(id ident.Link) bool {
	for _, l := range p.links {
		if l == id {
			return true
		}
	}
	return false
}
