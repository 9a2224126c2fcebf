package plumtree

import (
	"hash/maphash"

	"github.com/smokesignal-go/smokesignal/ident"
)

// streams finds the stream of an origin. Every event asks for it, in a table of
// hundreds of origins that is in no cache as a rule: a look-up here reads one
// line of the table and the stream, where a map reads some five, and takes more
// memory.
//
// The table is open, with linear probing, and at most three quarters full.
// Nothing depends on where in it a stream lies.
type streams struct {
	seed  maphash.Seed // so that nobody can choose names that meet in one place
	slots []*stream    // as many as a power of two; nil where free
	used  int
	slab  []stream // to take streams from
}

// streamSlab is how many streams are allocated at once. They are freed together
// as well, and grow old together.
const streamSlab = 16

func newStreams() streams {
	return streams{seed: maphash.MakeSeed(), slots: make([]*stream, 8)}
}

// home is where the search for an origin begins.
func (t *streams) home(o ident.Origin) uint64 {
	return maphash.Comparable(t.seed, o) & t.mask()
}

func (t *streams) mask() uint64 { return uint64(len(t.slots) - 1) }

// find is the stream of an origin, or nil.
func (t *streams) find(o ident.Origin) *stream {
	for i := t.home(o); ; i = (i + 1) & t.mask() {
		if s := t.slots[i]; s == nil || s.origin == o {
			return s
		}
	}
}

// add takes in a stream whose origin has none yet.
func (t *streams) add(s stream) *stream {
	if 4*(t.used+1) > 3*len(t.slots) {
		old := t.slots
		t.slots = make([]*stream, 2*len(old))
		for _, x := range old {
			if x != nil {
				t.place(x)
			}
		}
	}
	if len(t.slab) == 0 {
		t.slab = make([]stream, streamSlab)
	}
	added := &t.slab[0]
	t.slab = t.slab[1:]
	*added = s
	t.place(added)
	t.used++
	return added
}

func (t *streams) place(s *stream) {
	i := t.home(s.origin)
	for t.slots[i] != nil {
		i = (i + 1) & t.mask()
	}
	t.slots[i] = s
}

// remove forgets a stream. Those behind it that were put off by it move up, so
// that no place has to stay marked.
func (t *streams) remove(s *stream) {
	i := t.home(s.origin)
	for t.slots[i] != s {
		i = (i + 1) & t.mask()
	}
	t.slots[i] = nil
	t.used--
	for i = (i + 1) & t.mask(); t.slots[i] != nil; i = (i + 1) & t.mask() {
		x := t.slots[i]
		t.slots[i] = nil
		t.place(x)
	}
}
