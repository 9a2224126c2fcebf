package plumtree

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// discard is an Out that stores nothing.
type discard struct{}

func (discard) Ready(ident.Link)          {}
func (discard) Push(ident.Link, *Gossip)  {}
func (discard) Send(ident.Link, Message)  {}
func (discard) Deliver(*Event)            {}
func (discard) Gap(Range)                 {}
func (discard) Refused(ident.Link, Range) {}

// A relay allocates memory for the events that it stores, and little else.
func TestRelayingAllocatesNextToNothing(t *testing.T) {
	tree := NewTree(birth, Config{Self: origin(0), Rand: rand.New(rand.NewPCG(1, 1)), HistoryBytes: 4 << 20})
	for l := range ident.Link(5) {
		tree.LinkUp(birth, l+1, peerOn(l+1), discard{})
	}
	g := large(origin(1), 0, 128)
	now := birth
	relay := func() {
		g.Seq++
		now = now.Add(10 * time.Microsecond)
		tree.Handle(now, 1, g, discard{})
		for l := range ident.Link(4) {
			tree.Fill(now, l+2, 1<<16, discard{})
		}
		if at, ok := tree.Deadline(); ok && !at.After(now) {
			tree.Advance(now, discard{})
		}
	}
	for range 50_000 { // until the history is full
		relay()
	}
	// AllocsPerRun returns whole numbers, so each of its runs covers many frames.
	if n := testing.AllocsPerRun(1, func() {
		for range 20_000 {
			relay()
		}
	}); n/20_000 >= 0.1 {
		t.Errorf("%.3f allocations for each event", n/20_000)
	}
}

func BenchmarkRelay(b *testing.B) {
	tree := NewTree(birth, Config{Self: origin(0), Rand: rand.New(rand.NewPCG(1, 1))})
	for l := range ident.Link(5) {
		tree.LinkUp(birth, l+1, peerOn(l+1), discard{})
	}
	g := large(origin(1), 0, 128)
	now := birth
	b.ReportAllocs()
	for b.Loop() {
		g.Seq++
		now = now.Add(10 * time.Microsecond)
		tree.Handle(now, 1, g, discard{})
		for l := range ident.Link(4) {
			tree.Fill(now, l+2, 1<<16, discard{})
		}
	}
}
