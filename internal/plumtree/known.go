package plumtree

import (
	"encoding/binary"
	"slices"

	"github.com/smokesignal-go/smokesignal/ident"
)

// known holds the latest announcements of a peer. This node need not announce the same
// events to that peer.
type known struct {
	ranges []Range
	oldest int              // index of the oldest in ranges, once it is full
	names  [maxKnown]uint32 // 4 bytes of each origin in ranges; a search reads two cache lines instead of twenty
}

// nameOf returns 4 bytes of an origin, which are different for most origins.
func nameOf(o ident.Origin) uint32 { return binary.LittleEndian.Uint32(o.ID[:]) }

// find returns the announcement that covers an event or ends at it; nil if there is
// none.
func (k *known) find(o ident.Origin, seq uint64) *Range {
	name := nameOf(o)
	for i, n := range k.names[:len(k.ranges)] {
		if n != name {
			continue
		}
		if r := &k.ranges[i]; r.From <= seq && seq <= r.To && r.Origin == o {
			return r
		}
	}
	return nil
}

// add stores an announcement.
func (k *known) add(r Range) {
	if x := k.find(r.Origin, r.From); x != nil {
		x.To = max(x.To, r.To)
		return
	}
	if len(k.ranges) < maxKnown {
		k.names[len(k.ranges)] = nameOf(r.Origin)
		k.ranges = append(k.ranges, r)
		return
	}
	k.ranges[k.oldest], k.names[k.oldest] = r, nameOf(r.Origin)
	k.oldest = (k.oldest + 1) % maxKnown
}

// without returns the part of the news that the peer has not announced itself. Of the
// two ends of a lazy link, usually only the one nearer to the origin announces.
func (k *known) without(news []Range) []Range {
	shared := true // other links use the same slice
	for i := len(news) - 1; i >= 0; i-- {
		r := k.find(news[i].Origin, news[i].From)
		if r == nil {
			continue
		}
		if shared {
			news, shared = slices.Clone(news), false
		}
		if r.To >= news[i].To {
			news = slices.Delete(news, i, i+1)
		} else {
			news[i].From = r.To
		}
	}
	return news
}
