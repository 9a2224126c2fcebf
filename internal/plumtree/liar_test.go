package plumtree

import (
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// These stories are about fields that each hop may change. No lie in them may keep an
// event from a node, or make a node hear an event again.

// lazy makes links of the bench announce instead of push.
func (b *bench) lazy(links ...ident.Link) {
	for _, l := range links {
		b.get(l, &Prune{})
	}
	b.forget()
}

// announcedTo returns how far announcements on a link say that an origin has come. It is
// 0 if none names the origin.
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
		b.gossip(1, a, 1)       // so that the origin is no new one
		b.pass(6 * time.Minute) // the history is empty: nothing older stands before the event
		b.lazy(3)
		b.get(1, old(a, 2, age))
		b.pass(5 * time.Second)
		if to := b.announcedTo(3, a); to != 3 {
			t.Errorf("age %v: link 3 heard of events below %d, want 3", age, to)
		}
		b.wantDelivered(a, 1, 2)
	}
}

// The same, where the event with the forged age is the only one in the history.
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
	for seq := range uint64(40) { // more than the history holds, before the next announcement
		b.get(1, large(c, seq+1, 64<<10))
	}
	b.pass(5 * time.Second)
	if to := b.announcedTo(3, a); to != 4 {
		t.Errorf("link 3 heard of events below %d, want 4", to)
	}
}
