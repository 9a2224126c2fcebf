package plumtree

import (
	"hash/maphash"

	"github.com/smokesignal-go/smokesignal/ident"
)

// streams finds the stream of an origin. Every event looks up its stream, in a table of
// hundreds of origins that is usually in no cache. A lookup here reads one cache line of
// the table and the stream. A Go map reads about five cache lines, and takes more memory.
//
// The table uses open addressing with linear probing, and is at most three quarters full.
// Nothing depends on the position of a stream in it.
type streams struct {
	seed  maphash.Seed // random, so that an attacker cannot choose origins that collide
	slots []*stream    // the length is a power of two; nil: free
	used  int
	slab  []stream // memory from which new streams are taken
}

// streamSlab is how many streams are allocated at once. The garbage collector frees them
// together. With the header of the allocator, they take 2 KiB.
const streamSlab = 15

func newStreams() streams {
	return streams{seed: maphash.MakeSeed(), slots: make([]*stream, 8)}
}

// home returns the slot at which the search for an origin begins.
func (t *streams) home(o ident.Origin) uint64 {
	return maphash.Comparable(t.seed, o) & t.mask()
}

func (t *streams) mask() uint64 { return uint64(len(t.slots) - 1) }

// find returns the stream of an origin, or nil.
func (t *streams) find(o ident.Origin) *stream {
	for i := t.home(o); ; i = (i + 1) & t.mask() {
		if s := t.slots[i]; s == nil || s.origin == o {
			return s
		}
	}
}

// add inserts a stream whose origin has none yet.
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

// remove deletes a stream. Streams that probing had displaced move up, so that no slot
// needs a deletion mark.
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
