package frame

import (
	"encoding/binary"

	"github.com/smokesignal-go/smokesignal/ident"
)

// The origin table spares a link the 24 bytes of an origin in every frame. Each direction
// of a link has one. An origin that is not in it travels inline and takes the next slot,
// cyclically: slot 0 comes after slot 1023. The origin that had the slot before is
// forgotten. Both ends follow this rule, so their tables stay equal and no frame needs to
// transfer them. The receiver must read all frames in the order in which the sender encoded
// them.

// SentOrigins is the sender's half.
type SentOrigins struct {
	refs  map[ident.Origin]uint64 // how a frame names the origin: its slot plus one
	slots []ident.Origin          // grows to TableSize, then is overwritten
	next  int                     // the slot of the next new origin
}

// Append writes how a frame names o. If o is new, it enters o into the table.
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

// SeenOrigins is the receiver's half.
type SeenOrigins struct {
	slots []ident.Origin
	next  int
}

// read reads how a frame names an origin. It enters an origin that is named in full into the table,
// even if the table already holds it, because the sender decides that.
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
