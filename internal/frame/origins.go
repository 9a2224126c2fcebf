package frame

import (
	"encoding/binary"

	"github.com/smokesignal-go/smokesignal/ident"
)

// Because of the origin table, most frames need not contain the 24 bytes of an origin.
// Each direction of a link has one table. An origin that is not in the table is written
// in full and takes the next slot, cyclically: slot 0 comes after slot 1023. The origin
// that had the slot before is forgotten. Both ends follow this rule, so their tables stay
// equal without further frames. The receiver must read all frames in the order in which
// the sender encoded them.

// SentOrigins is the sender's copy of an origin table.
type SentOrigins struct {
	refs  map[ident.Origin]uint64 // the number by which a frame names the origin: its slot plus one
	slots []ident.Origin          // grows to TableSize, after which slots are overwritten
	next  int                     // the slot of the next new origin
}

// Append writes an origin in the shortest form. If o is new, Append adds it to the table.
func (t *SentOrigins) Append(dst []byte, o ident.Origin) []byte {
	if ref, ok := t.refs[o]; ok {
		return binary.AppendUvarint(dst, ref)
	}
	if t.refs == nil {
		t.refs = make(map[ident.Origin]uint64)
	}
	if len(t.slots) < TableSize {
		t.slots = append(t.slots, o)
	} else {
		delete(t.refs, t.slots[t.next])
		t.slots[t.next] = o
	}
	t.refs[o] = uint64(t.next) + 1
	t.next = (t.next + 1) % TableSize

	dst = append(dst, 0)
	dst = append(dst, o.ID[:]...)
	return binary.BigEndian.AppendUint64(dst, o.Epoch)
}

// SeenOrigins is the receiver's copy of an origin table.
type SeenOrigins struct {
	slots []ident.Origin
	next  int
}

// read reads an origin, which is a slot number or written in full. It adds an origin that
// is written in full to the table, even if the table already holds it, because the sender
// decides that.
func (t *SeenOrigins) read(r *Reader, o *ident.Origin) {
	ref := r.Uvarint("origin")
	if ref > uint64(len(t.slots)) {
		r.Fail("origin", "names an empty slot", ErrMalformed)
	}
	switch {
	case r.IsFaulty():
		*o = ident.Origin{}
		return
	case ref > 0:
		*o = t.slots[ref-1]
		return
	}
	if *o = r.Origin("origin"); r.IsFaulty() {
		*o = ident.Origin{}
		return
	}
	if len(t.slots) < TableSize {
		t.slots = append(t.slots, *o)
	} else {
		t.slots[t.next] = *o
	}
	t.next = (t.next + 1) % TableSize
}
