package hyparview

import "slices"

// Withdraw cancels an Add. A dial that runs only for this Add continues as a dial of the
// node itself: its link is closed if there are enough neighbours. A request that was
// already sent is not cancelled.
func (m *Membership) Withdraw(token uint64) {
	for _, d := range m.dials {
		at := slices.Index(d.tokens, token)
		if at < 0 {
			continue
		}
		if d.tokens = slices.Delete(d.tokens, at, at+1); len(d.tokens) == 0 {
			d.tokens = nil
			if d.purpose == toAdd {
				d.purpose = toFill
			}
		}
	}
}
