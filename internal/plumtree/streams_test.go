package plumtree

import (
	"math/rand/v2"
	"testing"

	"github.com/smokesignal-go/smokesignal/ident"
)

// TestStreamsAreFoundUntilTheyAreRemoved compares the table with a map, while it grows
// and while it shrinks.
func TestStreamsAreFoundUntilTheyAreRemoved(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	table, known := newStreams(), make(map[ident.Origin]*stream)
	some := func() ident.Origin { return ident.Origin{ID: ident.ID{byte(rng.IntN(40)), byte(rng.IntN(40))}} }
	for i := range 20_000 {
		o := some()
		s := table.find(o)
		if s != known[o] {
			t.Fatalf("step %d: found %p, want %p", i, s, known[o])
		}
		switch grows := i%8000 < 4000; {
		case s == nil && grows:
			known[o] = table.add(stream{origin: o, next: uint64(i)})
			if got := known[o]; got.origin != o || got.next != uint64(i) {
				t.Fatalf("step %d: another stream is put in", i)
			}
		case s != nil && !grows:
			table.remove(s)
			delete(known, o)
		}
		if table.used != len(known) {
			t.Fatalf("step %d: %d in the table, want %d", i, table.used, len(known))
		}
	}
	for o, s := range known {
		if table.find(o) != s {
			t.Fatalf("%v is gone", o)
		}
	}
}
