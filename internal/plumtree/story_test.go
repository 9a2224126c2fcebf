package plumtree

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

func TestEventTravelsOnEagerLinksAndIsAnnouncedOnLazyOnes(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2, 3)
	b.get(3, &Prune{})
	a := origin(1)
	b.gossip(1, a, 1, 2)
	b.wantDelivered(a, 1, 2)
	b.want(b.take(1))
	b.want(b.take(2), event(a, 1), event(a, 2))
	b.want(b.take(3))
	b.pass(200 * time.Millisecond)
	b.want(b.take(3), &IHave{Ranges: []Range{{a, 1, 3}}})
	b.pass(time.Second)
	b.want(b.take(3)) // one request is enough
}

func TestDuplicatePrunes(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2)
	a := origin(1)
	b.gossip(1, a, 1)
	b.gossip(2, a, 1)
	b.want(b.take(2), event(a, 1), &Prune{})
	b.wantDelivered(a, 1)
	b.gossip(2, a, 1) // the link is lazy already
	b.want(b.take(2))
	if got := slices.Collect(b.Eager); !slices.Equal(got, []ident.Link{1}) {
		t.Errorf("eager links %v", got)
	}
}

func TestOwnEventThatComesBackIsADuplicate(t *testing.T) {
	b := newBench(t, Config{NoPulses: true})
	b.up(1)
	b.Emit(b.now, []byte("\x01a"), b)
	b.take(1)
	b.gossip(1, origin(0), 1, 7)
	b.want(b.take(1), &Prune{})
	if len(b.delivered) > 0 {
		t.Error("a node heard itself")
	}
	if seq := b.Emit(b.now, []byte("\x01a"), b); seq != 2 {
		t.Errorf("a forgery moved our own numbers to %d", seq)
	}
}

func TestGraftRepairsALostPayload(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2)
	a := origin(1)
	b.gossip(1, a, 1)
	b.take(2)
	b.get(2, &IHave{Ranges: []Range{{a, 2, 4}}})
	b.pass(50 * time.Millisecond)
	b.want(b.take(2)) // no request yet, because the events may still arrive by push
	b.pass(100 * time.Millisecond)
	b.want(b.take(2), graft(Range{a, 2, 4}))
	b.gossip(2, a, 2, 3)
	b.wantDelivered(a, 1, 2, 3)
	b.pass(10 * time.Second)
	b.want(b.take(2))
	b.wantGaps()
}

func TestWhatComesByItselfIsNotGrafted(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2)
	a := origin(1)
	b.get(2, &IHave{Ranges: []Range{{a, 1, 2}}})
	b.pass(50 * time.Millisecond)
	b.gossip(1, a, 1)
	b.pass(10 * time.Second)
	for _, m := range b.take(2) {
		if _, ok := m.(*Graft); ok {
			t.Error("it was grafted though it came")
		}
	}
	b.wantDelivered(a, 1)
}

func TestGraftGoesToTheNextThatHasItWhenOneDoesNotAnswer(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2, 3)
	a := origin(1)
	b.gossip(2, a, 1)
	b.forget()
	b.get(3, &IHave{Ranges: []Range{{a, 2, 3}}})
	b.pass(50 * time.Millisecond)
	b.get(1, &IHave{Ranges: []Range{{a, 2, 3}}})
	b.pass(graftRetry + 300*time.Millisecond)
	b.want(b.take(1), graft(Range{a, 2, 3}))
	b.want(b.take(3), graft(Range{a, 2, 3}))
	b.want(b.take(2)) // this neighbour has not announced the event
	b.get(2, &IHave{Ranges: []Range{{a, 2, 3}}})
	b.LinkDown(b.now, 3, b) // the neighbour that was asked has left, so ask the next one at once
	b.pass(0)
	b.want(b.take(2), graft(Range{a, 2, 3}))
	b.gossip(2, a, 2)
	b.wantDelivered(a, 1, 2)
}

func TestEarlyEventsWaitForTheMissingOnes(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2)
	a := origin(1)
	b.gossip(1, a, 1, 4, 3)
	b.wantDelivered(a, 1)
	b.want(b.take(2), event(a, 1), event(a, 4), event(a, 3)) // early events are forwarded before they are delivered
	b.pass(100 * time.Millisecond)
	b.want(b.take(1), graft(Range{a, 2, 3}))
	b.gossip(1, a, 2)
	b.wantDelivered(a, 1, 2, 3, 4)
	b.wantGaps()
}

func TestGapIsToldAfterTheWaitAndOnlyThen(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1)
	a := origin(1)
	b.gossip(1, a, 1, 3, 6)
	b.pass(time.Second)
	b.get(1, &Miss{Range{a, 2, 3}, Gone, 0})
	b.pass(4*time.Second - time.Millisecond)
	b.wantDelivered(a, 1)
	b.wantGaps()
	b.pass(2 * time.Millisecond)
	b.wantGaps(Range{a, 2, 3})
	b.wantDelivered(a, 1, 3)
	b.pass(time.Second)
	b.get(1, &Miss{Range{a, 4, 6}, Gone, 0})
	b.pass(4 * time.Second)
	b.wantGaps(Range{a, 2, 3}, Range{a, 4, 6})
	b.wantDelivered(a, 1, 3, 6)
	b.gossip(1, a, 2, 4) // too late: the gap was reported
	b.wantDelivered(a, 1, 3, 6)
	b.pass(time.Minute)
	b.wantGaps(Range{a, 2, 3}, Range{a, 4, 6})
}

// Events that no neighbour has ever had are not lost yet, because they may exist on the
// other side of a split. The wait for them is six times as long.
func TestWhatNobodyHereHadIsWaitedFor(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2)
	a := origin(1)
	b.gossip(1, a, 1, 3)
	for range 29 {
		b.pass(time.Second)
		b.get(1, unknown(a, 2, 3))
		b.get(2, unknown(a, 2, 3))
	}
	b.wantGaps()
	b.pass(9 * time.Second) // until it would have asked again
	b.wantGaps(Range{a, 2, 3})
	b.wantDelivered(a, 1, 3)
}

// A stalled neighbour may have the events, so this node waits longer for them.
func TestANeighbourThatOwesAnAnswerIsWaitedFor(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2)
	a := origin(1)
	b.gossip(1, a, 1, 3)
	b.pass(time.Second)
	b.get(1, unknown(a, 2, 3)) // neighbour 2 does not answer
	b.pass(28 * time.Second)
	b.wantDelivered(a, 1)
	b.wantGaps()
	b.pass(2 * time.Second)
	b.wantGaps(Range{a, 2, 3})
	b.wantDelivered(a, 1, 3)
}

// No event is given up while there is no neighbour to ask.
func TestNoGapWithoutNeighbours(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1)
	a := origin(1)
	b.gossip(1, a, 1, 3)
	b.LinkDown(b.now, 1, b)
	b.pass(4 * time.Minute)
	b.wantGaps()
	b.up(2)
	b.gossip(2, a, 2)
	b.wantDelivered(a, 1, 2, 3)
}

func TestProgressPutsTheGapOff(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1)
	a := origin(1)
	b.gossip(1, a, 1, 10)
	for seq := uint64(2); seq < 10; seq++ {
		b.pass(4 * time.Second)
		b.gossip(1, a, seq)
	}
	b.wantGaps()
	b.wantDelivered(a, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
}

func TestLinkThatEndsMakesTheOthersEager(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2, 3)
	b.get(2, &Prune{})
	b.get(3, &Prune{})
	b.LinkDown(b.now, 1, b)
	b.want(b.take(2), &Graft{Eager: true})
	b.want(b.take(3), &Graft{Eager: true})
	b.get(2, &Prune{})
	b.LinkDown(b.now, 2, b) // no event arrived from this neighbour
	b.want(b.take(3))
}

// When a link changes between announcing and pushing, no event is left out.
func TestEachEventIsPushedOrAnnouncedOnEachLink(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	b := newBench(t, Config{})
	b.up(1, 2)
	told := make(map[uint64]bool)
	note := func() {
		for _, m := range b.take(2) {
			switch m := m.(type) {
			case *Gossip:
				told[m.Seq] = true
			case *IHave:
				for _, r := range m.Ranges {
					for seq := r.From; seq < r.To; seq++ {
						told[seq] = true
					}
				}
			}
		}
	}
	a := origin(1)
	for seq := uint64(1); seq <= 2000; seq++ {
		b.Handle(b.now, 1, event(a, seq), b)
		b.ready = nil // the link has room only from time to time
		switch rng.IntN(8) {
		case 0:
			b.get(2, &Prune{})
		case 1:
			b.get(2, &Graft{Eager: true})
		case 2, 3:
			b.Fill(b.now, 2, rng.IntN(2000), b)
		case 4:
			b.pass(time.Duration(rng.IntN(120)) * time.Millisecond)
		}
		note()
	}
	for b.Fill(b.now, 2, 2000, b) {
	}
	b.pass(2 * time.Second) // long, because announcements may be rare by now
	note()
	for seq := uint64(1); seq <= 2000; seq++ {
		if !told[seq] {
			t.Fatalf("event %d was neither pushed nor announced", seq)
		}
	}
}

// A neighbour that announces an event has it. It is asked again, whatever requests and
// replies came before.
func TestWhoAnnouncesIsAskedAgain(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2)
	a := origin(1)
	b.get(1, &IHave{Ranges: []Range{{a, 1, 2}}})
	b.pass(150 * time.Millisecond)
	b.want(b.take(1), graft(Range{a, 1, 2}))
	b.get(1, &IHave{Ranges: []Range{{a, 2, 3}}})
	b.gossip(1, a, 1)
	b.want(b.take(2), event(a, 1))
	b.pass(graftRetry)
	b.want(b.take(1), graft(Range{a, 2, 3}))
	b.want(b.take(2))

	b.get(1, &Miss{Range: Range{a, 2, 3}, Why: Unknown})
	b.pass(graftRetry)
	b.want(b.take(2))                            // that announcement alone named the event
	b.get(1, &IHave{Ranges: []Range{{a, 2, 3}}}) // now the neighbour has it
	b.pass(graftRetry)
	b.want(b.take(1), graft(Range{a, 2, 3}))
	b.gossip(1, a, 2)
	b.wantDelivered(a, 1, 2)
}

// A node that gives up the last events of an origin announces this to its neighbours,
// because no later event reveals that the events are missing.
func TestWhoGivesUpTheLastEventsTellsOn(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2)
	a := origin(1)
	b.gossip(1, a, 1)
	b.get(1, &IHave{Sync: true, Ranges: []Range{{a, 4, 4}}}) // the origin's next event is 4, and this neighbour holds none
	b.get(1, &Miss{Range{a, 2, 4}, Gone, time.Minute})
	b.pass(graftRetry / 10)
	b.get(2, &Miss{Range{a, 2, 4}, Unknown, 0})
	b.pass(4900 * time.Millisecond)
	b.wantGaps()
	b.forget()
	b.pass(time.Second)
	b.wantGaps(Range{a, 2, 4})
	for _, l := range []ident.Link{1, 2} {
		b.want(b.take(l), &IHave{Sync: true, Ranges: []Range{{a, 4, 4}}})
	}
}
