package hyparview

import "time"

// canDial reports whether a dial of the contact could add a new neighbour.
func (m *Membership) canDial(c Contact) bool {
	if c.Addr == "" || m.self[c.Addr] || m.at(c.Addr) != nil {
		return false
	}
	if !c.ID.IsZero() && (m.neighbor(c.ID) != nil || m.request(c.ID) != nil) {
		return false
	}
	if m.dialFor(c.Addr) != nil || m.isChecked(c.Addr) {
		return false
	}
	for _, l := range m.waiting {
		if l.asked && l.isAt(c.Addr) {
			return false
		}
	}
	return true
}

// mayFollow reports whether this node may dial an address because a peer suggests it.
// The address must be in the book, so that its source is known, and that source must
// not have reported too many dead addresses lately.
func (m *Membership) mayFollow(now time.Time, addr string) bool {
	e := m.book.find(addr)
	if e == nil {
		return m.cfg.NoLimits
	}
	last := m.avoided(now)
	return !last.isBlamed(e)
}
