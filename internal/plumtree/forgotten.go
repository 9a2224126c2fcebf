package plumtree

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"

	"github.com/smokesignal-go/smokesignal/ident"
)

// forgotten holds the number of the next event of origins that were displaced. It is a
// table of sets of eight places. The set and the name of an origin in it come from a hash
// with a random key, so an attacker can choose neither. In a full set, the bringer with
// the most places loses the oldest of them.
type forgotten struct {
	key  [16]byte
	sets []forgottenSet // nil until the first origin is displaced
}

type forgottenSet [forgottenWays]trace // the newest first

const (
	forgottenWays = 8
	forgottenSets = maxForgotten / forgottenWays
)

// trace is what remains of a displaced origin.
type trace struct {
	name uint64 // the upper 48 bits are a hash of the origin, the others its bringer
	next uint64 // the number of the next event, and wasDelivered; 0: the place is free
}

// wasDelivered is set in trace.next if stream.delivered was set. Numbers of events are
// smaller.
const wasDelivered = 1 << 63

func (tr trace) by() uint16 { return uint16(tr.name) }

// find returns the number of the next event of a displaced origin, and whether an event of
// it was delivered that is not Old. next is 0 if the origin is not known.
func (f *forgotten) find(o ident.Origin) (next uint64, delivered bool) {
	if f.sets == nil {
		return 0, false
	}
	set, name := f.place(o)
	for _, tr := range set {
		if tr.next != 0 && tr.name>>16 == name {
			return tr.next &^ wasDelivered, tr.next&wasDelivered != 0
		}
	}
	return 0, false
}

// keep records an origin that is displaced.
func (f *forgotten) keep(rng *rand.Rand, s *stream) {
	next := s.heardTo()
	if next <= 1 {
		return
	}
	if f.sets == nil {
		f.sets = make([]forgottenSet, forgottenSets)
		binary.LittleEndian.PutUint64(f.key[:], rng.Uint64())
		binary.LittleEndian.PutUint64(f.key[8:], rng.Uint64())
	}
	if s.delivered {
		next |= wasDelivered
	}
	set, name := f.place(s.origin)
	at := set.victim(name)
	copy(set[1:at+1], set[:at])
	set[0] = trace{name<<16 | uint64(s.by), next}
}

// place returns the set of an origin, and its name in the set.
func (f *forgotten) place(o ident.Origin) (set *forgottenSet, name uint64) {
	var text [len(f.key) + ident.Size + 8]byte
	copy(text[:], f.key[:])
	copy(text[len(f.key):], o.ID[:])
	binary.LittleEndian.PutUint64(text[len(f.key)+ident.Size:], o.Epoch)
	sum := sha256.Sum256(text[:])
	return &f.sets[binary.LittleEndian.Uint64(sum[:])%forgottenSets], binary.LittleEndian.Uint64(sum[8:]) >> 16
}

// victim returns the place that an origin takes: the one that it has, or a free one, or
// the oldest one of the bringer with the most.
func (set *forgottenSet) victim(name uint64) int {
	most, at := 0, 0
	for i, tr := range set {
		if tr.next == 0 || tr.name>>16 == name {
			return i
		}
		count := 0
		for _, other := range set {
			if other.by() == tr.by() {
				count++
			}
		}
		if count >= most {
			most, at = count, i
		}
	}
	return at
}

// replaceBringer makes the traces of one bringer those of gone.
func (f *forgotten) replaceBringer(by uint16) {
	for i := range f.sets {
		for j := range f.sets[i] {
			if tr := &f.sets[i][j]; tr.next != 0 && tr.by() == by {
				tr.name = tr.name&^0xffff | gone
			}
		}
	}
}
