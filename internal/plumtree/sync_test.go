package plumtree

import (
	"slices"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// Two trees that meet after a split announce the events that they hold, and pull the
// events that they miss.
func TestLinkBeginsWithWhatOneHolds(t *testing.T) {
	b := newBench(t, Config{NoPulses: true})
	b.up(1)
	a, c := origin(1), origin(2)
	b.gossip(1, a, 1, 2, 3)
	b.gossip(1, c, 1, 3)
	b.Emit(b.now, []byte("\x01a"), b)
	b.take(2)
	b.LinkUp(b.now, 2, peerOn(2), b)
	b.want(b.take(2), &IHave{Sync: true, Ranges: []Range{
		{origin(0), 1, 2}, {a, 1, 4}, {c, 1, 4}, // a range may contain events that this node misses
	}})
	b.pass(time.Hour) // when all events have left the history, it still announces the number of each origin's next event
	b.forget()
	b.LinkUp(b.now, 3, peerOn(3), b)
	b.want(b.take(3), &IHave{Sync: true, Ranges: []Range{{origin(0), 2, 2}, {a, 4, 4}, {c, 4, 4}}})
}

func TestOwnEventsAreToldHoweverManyOriginsThereAre(t *testing.T) {
	b := newBench(t, Config{NoPulses: true})
	b.up(1)
	b.Emit(b.now, []byte("\x01a"), b)
	for n := range 2 * maxSyncOrigins {
		b.gossip(1, ident.Origin{ID: ident.ID{1, byte(n >> 8), byte(n)}, Epoch: 1}, 1)
	}
	b.forget()
	b.LinkUp(b.now, 2, peerOn(2), b)
	told, own := 0, false
	for _, m := range b.take(2) {
		told += len(m.(*IHave).Ranges)
		for _, r := range m.(*IHave).Ranges {
			own = own || r.Origin == origin(0)
		}
	}
	if told != maxSyncOrigins+1 || !own {
		t.Errorf("%d origins were told, our own among them: %v", told, own)
	}
}

func TestSyncPullsAtOnceWhatWasMissed(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1)
	a := origin(1)
	b.gossip(1, a, 1)
	b.up(2)
	b.get(2, &IHave{Sync: true, Ranges: []Range{{a, 1, 4}}})
	b.want(b.take(2), graft(Range{a, 2, 4}))
	b.gossip(2, a, 2, 3)
	b.wantDelivered(a, 1, 2, 3)
}

// Events emitted before a node's start are not sent to that node: it has not missed them.
func TestWhatIsOlderThanTheAskerIsNotServed(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1)
	a := origin(1)
	b.gossip(1, a, 1, 2)
	b.pass(10 * time.Second)
	b.gossip(1, a, 3)
	b.up(2)
	b.get(2, &Graft{Ranges: []Range{{a, 1, 4}}, MaxAge: 5 * time.Second})
	b.want(b.take(2), &Miss{Range{a, 1, 3}, Gone, 10 * time.Second}, event(a, 3))
}

func TestAYoungNodeSkipsWhatIsOlder(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1)
	a := origin(1)
	b.get(1, &IHave{Sync: true, Ranges: []Range{{a, 900, 1000}}})
	b.want(b.take(1), graft(Range{a, 1, 1000}))
	b.get(1, &Miss{Range{a, 1, 998}, Gone, time.Minute})
	b.want(b.take(1), graft(Range{a, 998, 1000}))
	b.gossip(1, a, 998, 999)
	b.wantDelivered(a, 998, 999)
	b.wantGaps() // no event is lost
}

func TestWhatAllHaveForgottenIsAGap(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1)
	a := origin(1)
	b.gossip(1, a, 1)
	b.get(1, &IHave{Sync: true, Ranges: []Range{{a, 50, 50}}}) // the origin's next event is 50, and this neighbour holds none
	b.want(b.take(1), graft(Range{a, 2, 50}))
	b.get(1, &Miss{Range{a, 2, 50}, Gone, time.Minute})
	b.pass(4900 * time.Millisecond)
	b.wantGaps()
	b.pass(200 * time.Millisecond)
	b.wantGaps(Range{a, 2, 50})
	b.gossip(1, a, 50)
	b.wantDelivered(a, 1, 50)
}

func TestWhatTheHistoryLetGoIsServedAsGone(t *testing.T) {
	b := newBench(t, Config{HistoryAge: 10 * time.Second})
	b.up(1)
	a := origin(1)
	b.gossip(1, a, 1, 2)
	b.pass(8 * time.Second)
	b.gossip(1, a, 3)
	b.pass(4 * time.Second)
	b.up(2)
	b.get(2, &Graft{Ranges: []Range{{a, 1, 6}}, MaxAge: time.Hour})
	b.want(b.take(2), &Miss{Range{a, 1, 3}, Gone, 12 * time.Second}, event(a, 3), unknown(a, 4, 6))
	b.get(2, &Graft{Ranges: []Range{{origin(9), 1, 6}}, MaxAge: time.Hour})
	b.want(b.take(2), unknown(origin(9), 1, 6))
}

// Events that a node emitted without a neighbour do not count as older than its first
// neighbour.
func TestWhatWasEmittedAloneGoesToTheFirstPeer(t *testing.T) {
	b := newBench(t, Config{})
	b.pass(time.Minute)
	b.Emit(b.now, []byte("\x01a"), b)
	b.pass(time.Minute)
	b.LinkUp(b.now, 1, peerOn(1), b)
	b.want(b.take(1), &IHave{Sync: true, Ranges: []Range{{origin(0), 1, 2}}})
	b.get(1, &Graft{Ranges: []Range{{origin(0), 1, 2}}, MaxAge: time.Second}) // the event is a second old
	b.want(b.take(1), event(origin(0), 1))
	b.pass(time.Minute)
	b.up(2)
	b.get(2, &Graft{Ranges: []Range{{origin(0), 1, 2}}, MaxAge: time.Second}) // the second neighbour started too late for the event
	b.want(b.take(2), &Miss{Range{origin(0), 1, 2}, Gone, 2 * time.Minute})
}

// The events of a slow link wait in the history, in order, until the link has room.
func TestSlowLinkCatchesUpFromTheHistory(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2)
	a := origin(1)
	for seq := uint64(1); seq <= 4; seq++ {
		b.Handle(b.now, 1, event(a, seq), b)
	}
	if !slices.Equal(b.ready, []ident.Link{2}) {
		t.Fatalf("%v are ready", b.ready)
	}
	each := b.Lag(2) / 4
	if b.Lag(1) != 0 || each < eventCost {
		t.Fatalf("%d and %d bytes wait", b.Lag(1), b.Lag(2))
	}
	if !b.Fill(b.now, 2, 2*each, b) || b.Lag(2) != 2*each {
		t.Errorf("%d bytes are left", b.Lag(2))
	}
	b.want(b.take(2), event(a, 1), event(a, 2), event(a, 3), event(a, 4))
	if b.Lag(2) != 0 {
		t.Errorf("%d bytes are left", b.Lag(2))
	}
	b.gossip(1, a, 5)
	b.want(b.take(2), event(a, 5))
}

// A link skips events that the history evicts before the link has taken them.
func TestSlowLinkNeverHoldsTheHistory(t *testing.T) {
	b := newBench(t, Config{HistoryBytes: 16 << 10})
	b.up(1, 2)
	a := origin(1)
	for seq := uint64(1); seq <= 1000; seq++ {
		b.Handle(b.now, 1, event(a, seq), b)
		if b.Lag(2) > 16<<10 {
			t.Fatalf("%d bytes wait", b.Lag(2))
		}
	}
	got := b.take(2)
	if first := got[0].(*Gossip).Seq; first < 800 || len(got) != int(1001-first) {
		t.Errorf("%d events from %d on", len(got), first)
	}
}

// A long pull is served when there is room, and new events are pushed in between.
func TestLongPullDoesNotHoldEventsUp(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1)
	a := origin(1)
	const size, n = 64 << 10, 16
	for seq := uint64(1); seq <= n; seq++ {
		b.get(1, large(a, seq, size))
	}
	b.up(2)
	b.Handle(b.now, 2, &Graft{Ranges: []Range{{a, 1, n + 1}}, MaxAge: time.Hour}, b)
	b.Handle(b.now, 1, event(a, n+1), b)
	b.ready = nil // little room each time
	rounds, live := 0, 0
	for more := true; more; rounds++ {
		more = b.Fill(b.now, 2, size, b)
		if rounds == 0 {
			for _, m := range b.take(2) {
				if m.(*Gossip).Seq == n+1 {
					live++
				}
			}
		}
	}
	if live != 1 || rounds < n/2 {
		t.Errorf("the new event came %d times in the first of %d rounds", live, rounds)
	}
	if rest := len(b.take(2)); rest != n-1 {
		t.Errorf("%d events after the first round, want %d", rest, n-1)
	}
}

// A node that restarts in the same process loads the record of the events that it heard.
// Other nodes may still hold events from the moment before its start. Without the record,
// these would be delivered twice.
func TestALaterLifeDoesNotHearAgain(t *testing.T) {
	first := newBench(t, Config{})
	first.up(1)
	a := origin(1)
	first.gossip(1, a, 1, 2, 3)
	first.Emit(first.now, []byte("\x01a"), first)

	b := newBench(t, Config{Heard: first.Heard()})
	b.up(2)
	b.get(2, &IHave{Sync: true, Ranges: []Range{{a, 1, 5}}})
	b.want(b.take(2), graft(Range{a, 4, 5}))
	b.gossip(2, a, 2, 4)
	b.wantDelivered(a, 4)
	b.get(2, &Graft{Ranges: []Range{{a, 1, 4}}, MaxAge: time.Minute})
	b.want(b.take(2), &Prune{}, &Miss{Range{a, 1, 4}, Gone, 0})
}
