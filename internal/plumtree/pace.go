package plumtree

import (
	"encoding/binary"
	"math/bits"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/ident"
)

// pace chooses the events whose duplicates shape the tree.
//
// The way that one event takes is a tree: where only its duplicates prune, what
// is left is one. Several events that are under way at once, from origins in
// different places, cut each circle in several places, before anybody has
// learned of another's cut; what is left is less than a tree, is grafted in
// several places, and so on for ever. So where many events come, few of them
// shape the tree: about one in the time that an event takes to get everywhere
// and prunes to take effect. All nodes choose the same ones, because all have
// the same events and go by their names: those of a rarer choice are among those
// of a less rare one.
type pace struct {
	since       time.Time // the beginning of this period
	now, before uint64    // new events in this period, and in the one before
}

// count notes a new event. Of those in a period, about one is to shape the tree.
func (p *pace) count(now time.Time, period time.Duration) {
	if age := now.Sub(p.since); age >= period {
		if p.before = p.now; age >= 2*period {
			p.before = 0
		}
		p.since, p.now = now, 0
	}
	p.now++
}

// shapes reports whether an event is one that shapes the tree.
func (p *pace) shapes(o ident.Origin, seq uint64) bool {
	many := max(p.now, p.before, 1)
	rarity := bits.Len64(many - 1)
	name := binary.BigEndian.Uint64(o.ID[:8]) ^ o.Epoch ^ seq*0x9e3779b97f4a7c15
	name *= 0xbf58476d1ce4e5b9 // the high bits depend on all
	return name>>(64-rarity) == 0
}
