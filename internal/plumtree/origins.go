package plumtree

import (
	"cmp"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/smokesignal-go/smokesignal/ident"
)

// A node remembers maxStreams origins. An attacker can invent origins, so the places are
// shared by source: what one neighbour brings in displaces only what the same neighbour
// brought in, or what a neighbour with more origins did.
//
//   - An origin is young until events of it have arrived at least establishedAfter apart.
//     Young origins never displace established ones, which have maxEstablished places.
//   - The neighbour that brought the first event of an origin is its bringer. If all
//     places are taken, the bringer with the most young origins loses one. Older origins
//     of that bringer are safe: one of the newer half is chosen at random.
//   - While all places are taken, each id may bring only a limited number of new origins.
//   - Of an origin that was displaced, the number of its next event is kept in forgotten,
//     so that no event is delivered twice if the origin returns.

// bringer counts the origins whose first event a link has brought.
type bringer struct {
	link        ident.Link // 0: the place is free
	young       []*stream  // in the order in which they came
	established int
}

// gone is the index of the bringer that stands for all links that are down. It is also the
// bringer of the origins in Config.Heard.
const gone = 0

// bringerOf returns the index of a link's bringer, and adds the bringer if necessary.
func (t *Tree) bringerOf(id ident.Link) uint16 {
	free := gone
	for i := 1; i < len(t.bringers); i++ {
		switch t.bringers[i].link {
		case id:
			return uint16(i)
		case 0:
			free = i
		}
	}
	if free == gone {
		free = len(t.bringers)
		t.bringers = append(t.bringers, bringer{})
	}
	t.bringers[free].link = id
	return uint16(free)
}

// closeBringer makes the origins of a link, which is down, origins of gone.
func (t *Tree) closeBringer(id ident.Link) {
	at := slices.IndexFunc(t.bringers, func(b bringer) bool { return b.link == id })
	if at <= gone {
		return
	}
	for _, s := range t.order {
		if s.by == uint16(at) {
			s.by = gone
		}
	}
	b, all := &t.bringers[at], &t.bringers[gone]
	all.established += b.established
	all.young = append(all.young, b.young...)
	slices.SortStableFunc(all.young, func(a, b *stream) int { return cmp.Compare(a.begun, b.begun) })
	*b = bringer{}
	t.forgotten.replaceBringer(uint16(at))
}

// admit returns the stream of an origin of which an event has arrived, or which is known
// to have events that are gone. s is the stream that the origin has already; nil: none. The
// result is nil if the origin is new, all places are taken, and the neighbour has brought
// too many new origins.
func (t *Tree) admit(now time.Time, l *link, s *stream, o ident.Origin) *stream {
	if len(t.order) >= maxStreams {
		if !l.byID.newcomers.AllowN(now, 1) {
			t.Stats.Unwanted++
			return nil
		}
		t.forgetStream(now)
	}
	if s == nil {
		s = t.begin(now, o)
	}
	t.remember(now, s, t.bringerOf(l.id))
	return s
}

// remember adds an origin to Tree.order, the list of known origins.
func (t *Tree) remember(now time.Time, s *stream, by uint16) {
	t.dropSponsor(s)
	s.isHeard, s.by, s.begun = true, by, t.moment(now).coarse()
	t.order = append(t.order, s)
	b := &t.bringers[by]
	b.young = append(b.young, s)
}

// rememberHeard adds the origins of Config.Heard. All their events were emitted before now,
// and none of these events is held.
func (t *Tree) rememberHeard(now time.Time) {
	for _, r := range t.cfg.Heard[max(0, len(t.cfg.Heard)-maxStreams+1):] {
		s := t.streams.find(r.Origin)
		if s == nil {
			s = t.begin(now, r.Origin)
			t.remember(now, s, gone)
			if t.bringers[gone].established < maxEstablished {
				t.establish(s)
			}
		}
		s.next, s.high = r.To, r.To
		s.noteForgotten(t.moment(now))
	}
}

// admitHearsay admits the origin of a stream if it is hearsay, because its first events are
// to be skipped. If it is not admitted, the search for its events ends.
func (t *Tree) admitHearsay(now time.Time, s *stream) bool {
	if s.isHeard {
		return true
	}
	if l := t.links.find(s.sponsor); l != nil && t.admit(now, l, s, s.origin) != nil {
		return true
	}
	t.complete(s)
	return false
}

// An origin is hearsay while only announcements name it and no event of it has arrived.
// It has a stream while its events are requested, and is forgotten if none arrives.
// Only neighbours that announced it are asked, and each neighbour may introduce only a
// limited number at a time. Otherwise a few bytes that name invented origins would keep
// a node and all its neighbours busy.

// beginHearsay adds the stream of an origin that a neighbour has announced. It returns
// nil if the neighbour has too many announced origins without an event.
func (t *Tree) beginHearsay(now time.Time, l *link, o ident.Origin) *stream {
	if l.sponsored >= maxHearsay || t.hearsays >= 16*maxHearsay {
		return nil
	}
	s := t.begin(now, o)
	t.miss(now, s, l.id)
	s.sponsor = l.id
	l.sponsored++
	t.hearsays++
	return s
}

// begin adds the stream of a new origin, which is assumed to start at event 1. A neighbour
// that is asked for events from before this node's start replies that they are gone. If
// the origin was known and displaced, it continues where it was.
func (t *Tree) begin(now time.Time, o ident.Origin) *stream {
	s := t.streams.add(stream{origin: o, next: 1, high: 1, heard: t.moment(now), forgot: longAgo})
	if next, delivered := t.forgotten.find(o); next > 1 {
		s.next, s.high, s.delivered = next, next, delivered
		s.noteForgotten(t.moment(now))
	}
	return s
}

// establish makes a young origin an established one, if events of it have arrived long
// enough apart. If all places of established origins are taken, the bringer with the most
// loses its newest one, which is young again. That bringer itself gets no further place.
func (t *Tree) establish(s *stream) {
	own := &t.bringers[s.by]
	if total, most := t.countEstablished(); total >= maxEstablished {
		if most == int(s.by) {
			return
		}
		t.demote(most)
	}
	if i := slices.Index(own.young, s); i >= 0 {
		own.young = slices.Delete(own.young, i, i+1)
	}
	own.established++
	s.isEstablished = true
}

// countEstablished returns the number of established origins, and the bringer with the
// most.
func (t *Tree) countEstablished() (total, most int) {
	for i := range t.bringers {
		total += t.bringers[i].established
		if t.bringers[i].established > t.bringers[most].established {
			most = i
		}
	}
	return total, most
}

// demote makes the newest established origin of a bringer a young one.
func (t *Tree) demote(by int) {
	b := &t.bringers[by]
	for i := len(t.order) - 1; i > 0; i-- {
		s := t.order[i]
		if !s.isEstablished || int(s.by) != by {
			continue
		}
		s.isEstablished = false
		b.established--
		at, _ := slices.BinarySearchFunc(b.young, s, func(a, b *stream) int { return cmp.Compare(a.begun, b.begun) })
		b.young = slices.Insert(b.young, at, s)
		return
	}
}

// forgetStream makes room for a new origin. It never drops this node's own stream.
func (t *Tree) forgetStream(now time.Time) {
	s := t.longSilent(now)
	if s == nil {
		s = t.newYoung()
	}
	t.complete(s)
	s.held, s.early = nil, 0 // the history's log skips these events
	t.streams.remove(s)
	t.forgotten.keep(t.cfg.Rand, s)
	i := slices.Index(t.order, s)
	t.order = slices.Delete(t.order, i, i+1)
	b := &t.bringers[s.by]
	if s.isEstablished {
		b.established--
	} else {
		i := slices.Index(b.young, s)
		b.young = slices.Delete(b.young, i, i+1)
	}
}

// longSilent returns an origin of which no event has arrived for maxAge; nil if none of
// those that it looks at is one. No node can request an event that is older than maxAge, so
// none has events of such an origin to serve.
func (t *Tree) longSilent(now time.Time) *stream {
	for range 64 {
		if t.hand++; t.hand >= len(t.order) {
			t.hand = 1
		}
		if s := t.order[t.hand]; t.moment(now)-s.heard > moment(maxAge) {
			return s
		}
	}
	return nil
}

// newYoung returns the young origin that makes room for a new one: a random one of the
// newer half of the bringer with the most. An origin that misses events is spared if
// possible.
func (t *Tree) newYoung() *stream {
	most := slices.MaxFunc(t.bringers, func(a, b bringer) int { return cmp.Compare(len(a.young), len(b.young)) }).young
	newer := most[len(most)/2:]
	var s *stream
	for range 8 {
		if s = newer[t.cfg.Rand.IntN(len(newer))]; s.repair == nil {
			break
		}
	}
	return s
}

// byWorth returns all origins except this node's own, those that are most worth
// remembering first: established before young ones, of each bringer the one that was heard
// last first, and the bringers in turn. So the origins of one bringer displace few of
// others if only the first are used.
func (t *Tree) byWorth() []*stream {
	list := slices.Clone(t.order[1:])
	slices.Reverse(list) // of those that were heard at the same time, the newest first
	slices.SortStableFunc(list, func(a, b *stream) int { return cmp.Compare(b.heard, a.heard) })
	turns := make(map[*stream]int, len(list)) // only looked up
	young, established := make([]int, len(t.bringers)), make([]int, len(t.bringers))
	for _, s := range list {
		count := young
		if s.isEstablished {
			count = established
		}
		turns[s] = count[s.by]
		count[s.by]++
	}
	slices.SortStableFunc(list, func(a, b *stream) int {
		if a.isEstablished != b.isEstablished {
			if a.isEstablished {
				return -1
			}
			return 1
		}
		return cmp.Compare(turns[a], turns[b])
	})
	return list
}

// newNewcomers returns the limit of the new origins of one id; see maxStreams.
func newNewcomers() *rate.Limiter { return rate.NewLimiter(newcomersPerSecond, newcomersAtOnce) }
