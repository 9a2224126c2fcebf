package plumtree

import (
	"hash/maphash"

	"github.com/smokesignal-go/smokesignal/internal/ident"
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
	slots []slot       // as many as a power of two
	used  int
	slab  []stream // to take streams from
}

type slot struct {
	hash   uint64
	stream *stream // nil: free
}

// streamSlab is how many streams are allocated at once. They are freed together
// as well, and grow old together.
const streamSlab = 16

func newStreams() streams {
	return streams{seed: maphash.MakeSeed(), slots: make([]slot, 8)}
}

// find is the stream of an origin, or nil.
func (t *streams) find(o ident.Origin) *stream {
	hash := maphash.Comparable(t.seed, o)
	mask := uint64(len(t.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		switch s := &t.slots[i]; {
		case s.stream == nil:
			return nil
		case s.hash == hash && s.stream.origin == o:
			return s.stream
		}
	}
}

// add takes in a stream whose origin has none yet.
func (t *streams) add(s stream) *stream {
	if 4*(t.used+1) > 3*len(t.slots) {
		old := t.slots
		t.slots = make([]slot, 2*len(old))
		for _, x := range old {
			if x.stream != nil {
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
	t.place(slot{maphash.Comparable(t.seed, s.origin), added})
	t.used++
	return added
}

func (t *streams) place(x slot) {
	mask := uint64(len(t.slots) - 1)
	i := x.hash & mask
	for t.slots[i].stream != nil {
		i = (i + 1) & mask
	}
	t.slots[i] = x
}

// remove forgets a stream. Those behind it that were put off by it move up, so
// that no place has to stay marked.
func (t *streams) remove(s *stream) {
	mask := uint64(len(t.slots) - 1)
	i := maphash.Comparable(t.seed, s.origin) & mask
	for t.slots[i].stream != s {
		i = (i + 1) & mask
	}
	t.slots[i] = slot{}
	t.used--
	for i = (i + 1) & mask; t.slots[i].stream != nil; i = (i + 1) & mask {
		x := t.slots[i]
		t.slots[i] = slot{}
		t.place(x)
	}
}
