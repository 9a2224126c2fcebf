package plumtree

import (
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// These stories are about fields that each hop may change. No lie in such a field may
// keep an event from a node, or make a node deliver an event twice.

// lazy makes links of the bench announce instead of push.
func (b *bench) lazy(links ...ident.Link) {
	for _, l := range links {
		b.get(l, &Prune{})
	}
	b.forget()
}

// announcedTo returns the highest end of a range of the origin that was announced on a
// link. It is 0 if no announcement names the origin.
func (b *bench) announcedTo(l ident.Link, o ident.Origin) (to uint64) {
	for _, m := range b.take(l) {
		if have, ok := m.(*IHave); ok {
			for _, r := range have.Ranges {
				if r.Origin == o {
					to = max(to, r.To)
				}
			}
		}
	}
	return to
}

// A relay adds five minutes to the age of each event that it brings first. The node still
// announces the events to its other neighbours.
func TestALieAboutTheAgeHidesNoEventFromOthers(t *testing.T) {
	for _, age := range []time.Duration{0, 5*time.Minute - time.Second, 302 * time.Second, 24 * time.Hour} {
		b := newBench(t, Config{})
		b.up(1, 2, 3)
		a := origin(1)
		b.gossip(1, a, 1)       // so that the origin is known already
		b.pass(6 * time.Minute) // the history is empty, so no older event stands before the next one
		b.lazy(3)
		b.get(1, old(a, 2, age))
		b.pass(5 * time.Second)
		if to := b.announcedTo(3, a); to != 3 {
			t.Errorf("age %v: link 3 heard of events below %d, want 3", age, to)
		}
		b.wantDelivered(a, 1, 2)
	}
}

// As in the test before, but the event with the forged age is the only one in the
// history.
func TestALieAboutTheAgeEmptiesNoHistory(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2, 3)
	a := origin(1)
	b.gossip(1, a, 1)
	b.pass(6 * time.Minute) // the history is empty
	b.lazy(3)
	b.get(1, old(a, 2, 302*time.Second))
	b.pass(time.Second)
	b.forget()
	b.get(3, &Graft{Ranges: []Range{{a, 2, 3}}, MaxAge: maxAge})
	if got := b.take(3); len(got) != 1 || words(got)[0] != words([]Message{event(a, 2)})[0] {
		t.Errorf("one second after it came, it is answered with %q", words(got))
	}
}

// Events leave a full history before the node has announced them on a lazy link. The
// neighbour learns that they existed, so that it can ask others or report a gap.
func TestWhatLeavesUnannouncedIsStillKnownToHaveBeen(t *testing.T) {
	b := newBench(t, Config{HistoryBytes: 1 << 20})
	b.up(1, 3)
	b.lazy(3)
	a, c := origin(1), origin(2)
	b.gossip(1, a, 1, 2, 3)
	for seq := range uint64(40) { // more events than the history holds, before the next announcement
		b.get(1, large(c, seq+1, 64<<10))
	}
	b.pass(5 * time.Second)
	if to := b.announcedTo(3, a); to != 4 {
		t.Errorf("link 3 heard of events below %d, want 4", to)
	}
}

// A peer pulls the whole history, closes its link, and opens another one. The new link
// has the same id, a new id from the same network, or a new id from any network. The
// events that the node serves are bounded over time for an id, for a group of addresses,
// and in all.
func TestPullingOverNewLinksIsSlowedDown(t *testing.T) {
	const (
		bound   = 1 << 20
		links   = 600 // ten new links per second
		seconds = links / 10
	)
	for _, c := range []struct {
		name string
		peer func(ident.Link) Source
		most float64 // bound on the events served, in histories
	}{
		{"one id", func(ident.Link) Source { return peerOn(1000) }, 2 + seconds/8.0},
		{"one network", func(l ident.Link) Source { return Source{peerOn(l).ID, 1000} }, 8 + seconds/2.0},
		// A guess: sixteen nodes that were away return at once, and then two per second.
		{"new ids", peerOn, 16 + 2*seconds},
	} {
		b := newBench(t, Config{HistoryBytes: bound})
		b.up(1)
		a := origin(1)
		for seq := range uint64(200) {
			b.get(1, large(a, seq+1, 4<<10))
		}
		b.forget()
		all := &Graft{Ranges: []Range{{a, 1, 201}, {a, 1, 201}}, MaxAge: time.Hour}
		total := 0
		for l := ident.Link(10); l < 10+links; l++ {
			b.LinkUp(b.now, l, c.peer(l), b)
			b.get(l, all)
			for _, m := range b.take(l) {
				if g, ok := m.(*Gossip); ok {
					total += len(g.Body) + serveCost
				}
			}
			b.LinkDown(b.now, l, b)
			b.pass(time.Second / 10)
			b.forget()
		}
		if most := int(c.most*bound) + 64<<10; total > most || total < most/2 {
			t.Errorf("%s: %d KiB of a history of 1 MiB went out in %d s, want up to %d KiB", c.name, total>>10, seconds, most>>10)
		}
		b.LinkUp(b.now, 5000, peerOn(5000), b)
		b.forget()
		b.get(5000, all)
		b.pass(10 * time.Second)
		n := 0
		for _, m := range b.take(5000) {
			if g, ok := m.(*Gossip); ok {
				n += len(g.Body)
			}
		}
		if n < bound*3/4 {
			t.Errorf("%s: another peer gets %d KiB", c.name, n>>10)
		}
	}
}
