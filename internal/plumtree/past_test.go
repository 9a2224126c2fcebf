package plumtree

import (
	"slices"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// old returns one event that was emitted the given time ago.
func old(o ident.Origin, seq uint64, age time.Duration) *Gossip {
	g := gossip(o, seq, 1)
	g.Age = age
	return g
}

// asked returns the ranges and ages that were requested on a link.
func (b *bench) asked(l ident.Link) (list []Graft) {
	for _, m := range b.take(l) {
		if g, ok := m.(*Graft); ok && len(g.Ranges) > 0 {
			list = append(list, *g)
		}
	}
	return list
}

// An event from before a node's start is not delivered, however it arrives: pushed
// after a split heals, or as the answer to a slow request. Other nodes may have missed
// it, so it is forwarded.
func TestWhatWasEmittedBeforeTheStartIsPassedOnAndNotDelivered(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2)
	b.pass(10 * time.Second)
	a := origin(1)
	b.get(1, old(a, 1, time.Minute))
	b.get(1, old(a, 2, 10*time.Second+bornError+time.Millisecond))
	b.wantDelivered(a)
	got := b.take(2)
	got = slices.DeleteFunc(got, func(m Message) bool { _, ok := m.(*Gossip); return !ok })
	if len(got) != 2 {
		t.Errorf("%d of 2 events were passed on", len(got))
	}
	b.get(1, old(a, 3, 10*time.Second+bornError)) // the tolerance makes the node deliver the event
	b.get(1, old(a, 4, 9*time.Second))
	b.get(1, old(a, 5, time.Hour)) // it follows a delivered event, so its age has no effect
	b.wantDelivered(a, 3, 4, 5)
	b.wantGaps()
}

// The age of an event is a claim. A second neighbour is asked for the event, and the
// lower age counts.
func TestALieAboutTheAgeSilencesNobody(t *testing.T) {
	for _, verifyAll := range []bool{false, true} {
		cfg := Config{VerifyAll: verifyAll}
		if verifyAll {
			cfg.Verify = func(ident.Origin, uint64, []byte) bool { return true }
		}
		b := newBench(t, cfg)
		b.up(1, 2)
		b.pass(10 * time.Second)
		a := origin(1)
		b.get(1, old(a, 1, time.Hour))
		b.wantDelivered(a)
		asked := b.asked(2)
		if len(asked) != 1 || asked[0].Eager || asked[0].MaxAge != 10*time.Second || asked[0].Ranges[0] != (Range{a, 1, 2}) {
			t.Fatalf("the other neighbour was asked for %v", asked)
		}
		b.get(1, old(a, 2, time.Hour))
		b.get(2, old(a, 1, time.Second))
		b.wantDelivered(a, 1, 2)
		b.get(2, old(a, 1, time.Second))
		b.get(1, old(a, 3, time.Hour))
		b.wantDelivered(a, 1, 2, 3)
		b.wantGaps()
	}
}

// However many old events arrive, only a limited number of them is checked with a second
// neighbour.
func TestDoubtsAreBounded(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2)
	b.pass(10 * time.Second)
	questions := 0
	for n := range 10_000 {
		b.get(1, old(ident.Origin{ID: ident.ID{1, byte(n >> 8), byte(n)}, Epoch: 1}, 1, time.Hour))
		questions += len(b.asked(2))
	}
	if questions > doubtsAtOnce+1 {
		t.Errorf("%d questions", questions)
	}
}

// With a rewind, a node requests events from before its start. They arrive in order,
// before later ones, and once.
func TestRewindBringsWhatNeighboursHold(t *testing.T) {
	b := newBench(t, Config{Rewind: time.Minute})
	b.up(1, 2)
	b.pass(10 * time.Second)
	b.forget()
	a := origin(1)
	b.get(1, &IHave{Sync: true, Ranges: []Range{{a, 1, 5}}})
	if asked := b.asked(1); len(asked) != 1 || asked[0].MaxAge != 70*time.Second {
		t.Fatalf("asked for %v", asked)
	}
	b.get(2, gossip(a, 5, 1)) // it arrives by push before the answer
	b.wantDelivered(a)
	b.get(1, &Miss{Range{a, 1, 2}, Gone, 71 * time.Second})
	b.get(1, old(a, 2, 69*time.Second))
	b.get(1, old(a, 3, 30*time.Second))
	b.get(1, old(a, 4, 5*time.Second))
	b.get(1, old(a, 3, 30*time.Second))
	b.wantDelivered(a, 2, 3, 4, 5)
	for i, want := range []time.Duration{59 * time.Second, 20 * time.Second, 0, 0} {
		if e := b.delivered[i]; e.Before() != want {
			t.Errorf("event %d was emitted %v before the start, want %v", e.Seq, e.Before(), want)
		}
	}
	b.wantGaps()
}

// Most other nodes have had the events that a node requests because of a rewind. Such
// events are announced, so that nodes without them can ask, and they are not pushed.
func TestWhatARewindBringsIsNotPushedOn(t *testing.T) {
	b := newBench(t, Config{Rewind: time.Minute})
	b.up(1, 2, 3)
	b.get(3, &Prune{})
	b.pass(10 * time.Second)
	b.forget()
	a := origin(1)
	b.get(1, &IHave{Sync: true, Ranges: []Range{{a, 1, 4}}})
	b.get(1, old(a, 1, 30*time.Second))
	b.get(1, old(a, 2, 20*time.Second))
	b.get(1, old(a, 3, 5*time.Second))
	b.pass(3 * time.Second)
	for _, l := range []ident.Link{2, 3} {
		pushed, announced := 0, 0
		for _, m := range b.take(l) {
			switch m := m.(type) {
			case *Gossip:
				pushed++
			case *IHave:
				for _, r := range m.Ranges {
					announced += int(r.To - r.From)
				}
			}
		}
		if want := map[ident.Link]int{2: 1, 3: 0}[l]; pushed != want || pushed+announced != 3 {
			t.Errorf("%d events were pushed on link %d, and %d announced", pushed, l, announced)
		}
	}
	b.get(2, &Graft{Ranges: []Range{{a, 1, 4}}, MaxAge: time.Hour})
	if got := b.take(2); len(got) != 3 {
		t.Errorf("%v were served", got)
	}
}

// If one neighbour does not hold the events that a rewind requests, others are asked.
// These include neighbours that connect within a second.
func TestRewindAsksAllNeighbours(t *testing.T) {
	b := newBench(t, Config{Rewind: time.Minute})
	b.up(1)
	a := origin(1)
	b.get(1, &IHave{Sync: true, Ranges: []Range{{a, 3, 4}}})
	b.get(1, &Miss{Range{a, 1, 3}, Gone, 10 * time.Second})
	b.gossip(1, a, 3)
	b.pass(500 * time.Millisecond)
	b.wantDelivered(a)
	b.forget()
	b.LinkUp(b.now, 2, peerOn(2), b)
	b.get(2, &IHave{Sync: true, Ranges: []Range{{a, 2, 4}}})
	b.pass(200 * time.Millisecond)
	if asked := b.asked(2); len(asked) == 0 || asked[0].Ranges[0] != (Range{a, 1, 3}) {
		t.Fatalf("the second one was asked for %v", asked)
	}
	b.get(2, &Miss{Range{a, 1, 2}, Gone, 20 * time.Second})
	b.get(2, old(a, 2, 10*time.Second))
	b.pass(time.Second)
	b.wantDelivered(a, 2, 3)
	b.wantGaps() // events from before the start that no history holds are not reported as lost
}

// With a rewind, an origin waits at most a second for events that no neighbour has.
func TestRewindDoesNotHoldUpWhatComes(t *testing.T) {
	b := newBench(t, Config{Rewind: time.Minute})
	b.up(1)
	a := origin(1)
	b.gossip(1, a, 7)
	b.pass(100 * time.Millisecond)
	b.get(1, &Miss{Range{a, 1, 7}, Gone, 10 * time.Second})
	b.pass(joinWait)
	b.wantDelivered(a, 7)
	b.wantGaps()
}

// Events that a node emits without a neighbour count as emitted when a neighbour takes
// them. A neighbour that connects and dies before it takes them does not count.
func TestWhatNobodyTookWaitsForTheNextNeighbour(t *testing.T) {
	b := newBench(t, Config{})
	b.Emit(b.now, []byte("\x01a"), b)
	b.pass(time.Minute)
	b.up(1)
	b.LinkDown(b.now, 1, b)
	b.pass(time.Minute)
	b.up(2)
	b.get(2, &Graft{Ranges: []Range{{origin(0), 1, 2}}, MaxAge: time.Second})
	b.want(b.take(2), event(origin(0), 1))
	b.LinkDown(b.now, 2, b)
	b.pass(time.Minute)
	b.up(3)
	b.get(3, &Graft{Ranges: []Range{{origin(0), 1, 2}}, MaxAge: time.Second})
	b.want(b.take(3), &Miss{Range{origin(0), 1, 2}, Gone, time.Minute}) // emitted before this peer's start
}

// If own events leave the history before a neighbour has taken them, they are lost. The
// node reports them together within a second. Its first neighbour reports the same gap as
// for other lost events.
func TestWhatLeavesTheHistoryAloneIsReported(t *testing.T) {
	b := newBench(t, Config{HistoryBytes: 64 << 10})
	for range 100 {
		b.Emit(b.now, make([]byte, 1000), b)
		b.pass(10 * time.Millisecond)
	}
	b.pass(2 * lossDelay)
	lost := uint64(0)
	for _, r := range b.gaps {
		if r.Origin != b.cfg.Self || r.From != lost+1 {
			t.Fatalf("reported: %v", b.gaps)
		}
		lost = r.To - 1
	}
	if first := b.own.held[0].Seq; lost == 0 || lost != first-1 || len(b.gaps) > 3 {
		t.Fatalf("reported: %v; the history begins with %d", b.gaps, first)
	}
	b.gaps = nil
	b.up(1)
	b.get(1, &Graft{Ranges: []Range{{b.cfg.Self, 1, 101}}, MaxAge: time.Millisecond})
	got := b.take(1)
	if m, ok := got[0].(*Miss); !ok || *m != (Miss{Range{b.cfg.Self, 1, lost + 1}, Gone, 0}) {
		t.Errorf("the neighbour gets %+v", got[0])
	}
	if len(got) != int(101-lost) {
		t.Errorf("the neighbour gets %d of %d events", len(got)-1, 100-lost)
	}
	for range 100 { // now a neighbour takes them
		b.Emit(b.now, make([]byte, 1000), b)
		b.take(1)
		b.pass(10 * time.Millisecond)
	}
	b.pass(time.Minute)
	b.wantGaps()
}

func TestWhatGrowsTooOldAloneIsReported(t *testing.T) {
	b := newBench(t, Config{HistoryAge: 10 * time.Second})
	b.Emit(b.now, []byte("\x01a"), b)
	b.pass(9 * time.Second)
	b.Emit(b.now, []byte("\x01a"), b)
	b.wantGaps()
	b.pass(4 * time.Second)
	b.wantGaps(Range{b.cfg.Self, 1, 2})
}

// A node that has just got its first link waits one second instead of five for events
// that its neighbours have evicted, because every origin is new to it.
func TestANodeThatJoinsLearnsOfALossSoon(t *testing.T) {
	b := newBench(t, Config{})
	b.pass(time.Minute)
	b.up(1)
	a := origin(1)
	b.get(1, &IHave{Sync: true, Ranges: []Range{{a, 3, 4}}})
	b.get(1, &Miss{Range{a, 1, 3}, Gone, time.Second})
	b.gossip(1, a, 3)
	b.pass(joinWait - time.Millisecond)
	b.wantGaps()
	b.pass(100 * time.Millisecond)
	b.wantGaps(Range{a, 1, 3})
	b.wantDelivered(a, 3)
}

// A neighbour that continues to announce later events, while the first ones are gone,
// does not delay the report.
func TestLaterAnnouncementsDoNotPutTheGapOff(t *testing.T) {
	b := newBench(t, Config{HistoryBytes: 64 << 10})
	b.up(1, 2)
	a := origin(1)
	b.gossip(1, a, 1, 3)
	b.pass(time.Second)
	for n := range uint64(9) {
		b.get(1, &IHave{Ranges: []Range{{a, 10 + n, 11 + n}}})
		b.get(2, &IHave{Ranges: []Range{{a, 10 + n, 11 + n}}})
		for _, l := range []ident.Link{1, 2} {
			for _, g := range b.asked(l) {
				b.get(l, &Miss{Range{a, g.Ranges[0].From, g.Ranges[0].To}, Gone, 0})
			}
		}
		b.pass(500 * time.Millisecond)
	}
	if len(b.gaps) == 0 || b.gaps[0] != (Range{a, 2, 3}) {
		t.Errorf("after %v: %v", b.now.Sub(birth), b.gaps)
	}
}

// If the stored events behind a hole have reached their bound, only the events of the hole
// are requested.
func TestWhatWouldNotBeKeptIsNotAskedFor(t *testing.T) {
	b := newBench(t, Config{HistoryBytes: 64 << 10})
	b.up(1)
	a := origin(1)
	b.get(1, large(a, 1, 100))
	for seq := uint64(3); seq < 60; seq++ {
		b.get(1, large(a, seq, 1000))
	}
	b.pass(time.Second)
	for _, g := range b.asked(1) {
		if len(g.Ranges) != 1 || g.Ranges[0] != (Range{a, 2, 3}) {
			t.Errorf("asked for %v", g.Ranges)
		}
	}
}

// An early event was forwarded and left the history while the events before it are
// missing. It arrives again from a neighbour whose history is as short. The node stores
// it again and does not forward it again: otherwise it would circle.
func TestWhatWasPassedOnBeforeIsNotPassedOnAgain(t *testing.T) {
	b := newBench(t, Config{HistoryBytes: 16 << 10})
	b.up(1, 2)
	a, c := origin(1), origin(2)
	b.get(1, large(a, 1, 100))
	b.get(1, large(a, 3, 100))
	for seq := uint64(1); seq <= 40; seq++ {
		b.get(1, large(c, seq, 1000))
	}
	pushed := func() (n int) {
		for _, m := range b.take(2) {
			if g, ok := m.(*Gossip); ok && g.Origin == a && g.Seq == 3 {
				n++
			}
		}
		return n
	}
	if n := pushed(); n != 1 || b.streams.find(a).at(3) != nil {
		t.Fatalf("event 3 was pushed %d times, and is it held: %v", n, b.streams.find(a).at(3))
	}
	b.get(1, large(a, 3, 100))
	if n := pushed(); n != 0 {
		t.Errorf("event 3 was pushed again, %d times", n)
	}
	b.get(1, large(a, 2, 100))
	b.delivered = slices.DeleteFunc(b.delivered, func(e *Event) bool { return e.Origin != a })
	b.wantDelivered(a, 1, 2, 3)
}
