package netsplit

import (
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// A Split from a neighbour is a claim, and so is a view that a peer sends unasked,
// because both may be false. A node believes a claim, and notifies its program, only if
// it also hears a new beacon of the other component. A beacon is new if the node was
// already in a component for a while when it first heard the beacon. Claim and beacon may
// arrive in either order. Only a claim that is believed is forwarded.

const (
	// unheardOf is also the time for which a claim is kept. maxClaims bounds the claims
	// of one link, and maxAllClaims those of all links.
	maxClaims    = maxKnown
	maxAllClaims = 16 * maxClaims

	// longest bounds the time from Found in which further components count for the same
	// netsplit. Otherwise a member could invent new components without end, and Healed
	// would never follow.
	longest = time.Minute
)

type claim struct {
	Split
	link  ident.Link
	until time.Time
}

// onSplit processes the claim of a neighbour.
func (w *Watch) onSplit(now time.Time, link ident.Link, msg *Split, out Out) {
	if w.neighbor(link) != nil && !w.isOff() {
		w.addClaim(now, link, *msg, out)
	}
}

// addClaim believes a claim, or keeps it for a while. A claim names two components, and
// this node may be in either of them, because the claim is flooded over the link that
// joins them.
func (w *Watch) addClaim(now time.Time, link ident.Link, msg Split, out Out) {
	if w.neighbor(link) == nil {
		link = 0 // all peers that are not neighbours share the limit of one link
	}
	w.claims = slices.DeleteFunc(w.claims, func(c claim) bool { return !now.Before(c.until) })
	c := claim{msg, link, now.Add(unheardOf)}
	for _, b := range w.known {
		if (b.Origin.ID == msg.Ours || b.Origin.ID == msg.Other) && w.isNew(now, b) {
			w.believe(now, c, b, out)
		}
	}
	n := 0
	for i, old := range w.claims {
		if old.Split == msg {
			w.claims[i].until = c.until
			return
		}
		if old.link == link {
			n++
		}
	}
	if n < maxClaims && len(w.claims) < maxAllClaims {
		w.claims = append(w.claims, c)
	}
}

// isNew reports whether a beacon was first heard a moment ago, while this node had been
// in a component for a while, and does not count as found yet.
func (w *Watch) isNew(now time.Time, b *beacon) bool {
	return !b.found && !w.since.IsZero() && b.first.Sub(w.since) >= settled && now.Sub(b.first) <= settled
}

// matchClaims looks for claims that name a new beacon.
func (w *Watch) matchClaims(now time.Time, b *beacon, out Out) {
	for _, c := range w.claims {
		if (c.Ours == b.Origin.ID || c.Other == b.Origin.ID) && now.Before(c.until) && w.isNew(now, b) {
			w.believe(now, c, b, out)
		}
	}
}

// believe forwards a claim, and reports the component of the beacon that the claim named.
func (w *Watch) believe(now time.Time, c claim, b *beacon, out Out) {
	if !w.mayReport(now) {
		return
	}
	b.found = true
	for _, n := range w.neighbors {
		if n.link != c.link {
			out.Send(n.link, &Split{Ours: c.Ours, Other: c.Other})
		}
	}
	ours := c.Ours
	if ours == b.Origin.ID {
		ours = c.Other
	}
	w.report(now, ours, b.Origin.ID, out)
	if len(w.others) == 0 {
		w.healAt = now.Add(healedFor) // the beacon of the other component is heard, so the parts are connected
	}
}

// mayReport reports whether another component counts as a netsplit. Right after Healed it
// does not: if a part were cut off again so soon, its beacons would not have fallen
// silent yet.
func (w *Watch) mayReport(now time.Time) bool {
	if w.isReported {
		return now.Sub(w.splitAt) <= longest
	}
	return w.healedAt.IsZero() || now.Sub(w.healedAt) >= settled
}

// report notifies the program, unless the program already knows of this netsplit.
func (w *Watch) report(now time.Time, ours, other ident.ID, out Out) {
	w.healAt = time.Time{}
	if !w.isReported {
		w.isReported, w.splitAt = true, now
		out.Notify(Found{ours, other})
	}
}
