package hyparview

import "slices"

// Withdraw cancels an Add. If a dial runs only for this Add, it continues as a dial of
// the node itself, and its link is closed if there are enough neighbours. A request that
// was already sent is not cancelled.
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
