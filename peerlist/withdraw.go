package peerlist

import "slices"

// Withdraw says that the answer to an Add is not wanted any more. A dial that is under
// way for it alone counts as one of the node's own then, which closes its link if
// there are neighbours enough. A request that was sent is left to its answer.
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
