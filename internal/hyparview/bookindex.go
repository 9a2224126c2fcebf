package hyparview

// index finds the entries of a book by address, without a pointer per entry. It is a
// table with linear probing, at most three quarters full. If addresses collide, a lookup
// costs at most a scan of all entries, so an attacker who chooses colliding addresses
// gains nothing.
type index struct {
	slots []place // the length is a power of two
}

type place struct {
	hash uint32
	at   int32 // index in entries plus one; 0: free
}

// hashOf is FNV-1a.
func hashOf(addr string) uint32 {
	h := uint32(2166136261)
	for i := range len(addr) {
		h = (h ^ uint32(addr[i])) * 16777619
	}
	return h
}

// find returns the index of the entry with an address, or -1.
func (x *index) find(entries []entry, addr string) int {
	if len(x.slots) == 0 {
		return -1
	}
	hash, mask := hashOf(addr), uint32(len(x.slots)-1)
	for i := hash & mask; x.slots[i].at > 0; i = (i + 1) & mask {
		if p := x.slots[i]; p.hash == hash && entries[p.at-1].Addr == addr {
			return int(p.at - 1)
		}
	}
	return -1
}

// add inserts the last entry of the list.
func (x *index) add(entries []entry) {
	if 4*len(entries) > 3*len(x.slots) {
		old := x.slots
		x.slots = make([]place, max(8, 2*len(old)))
		for _, p := range old {
			if p.at > 0 {
				x.put(p)
			}
		}
	}
	x.put(place{hashOf(entries[len(entries)-1].Addr), int32(len(entries))})
}

func (x *index) put(p place) {
	mask := uint32(len(x.slots) - 1)
	i := p.hash & mask
	for x.slots[i].at > 0 {
		i = (i + 1) & mask
	}
	x.slots[i] = p
}

// slot returns the slot that holds an entry.
func (x *index) slot(entries []entry, at int) uint32 {
	mask := uint32(len(x.slots) - 1)
	i := hashOf(entries[at].Addr) & mask
	for x.slots[i].at != int32(at+1) {
		i = (i + 1) & mask
	}
	return i
}

// drop removes an entry. The caller then moves the last entry to its index.
func (x *index) drop(entries []entry, at int) {
	mask := uint32(len(x.slots) - 1)
	i := x.slot(entries, at)
	x.slots[i] = place{}
	// Because of probing, the entries in the slots after this one may belong to it or to
	// an earlier slot, so they are inserted again.
	for i = (i + 1) & mask; x.slots[i].at > 0; i = (i + 1) & mask {
		p := x.slots[i]
		x.slots[i] = place{}
		x.put(p)
	}
	if last := len(entries) - 1; at != last {
		x.slots[x.slot(entries, last)].at = int32(at + 1)
	}
}
