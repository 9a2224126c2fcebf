package plumtree

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/ident"
)

var birth = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// bench is one tree and the record of what it wanted. The test is its world.
type bench struct {
	t *testing.T
	*Tree
	now       time.Time
	sent      []sent
	delivered []*Event
	gaps      []Range
}

type sent struct {
	to  ident.Link
	msg Message
}

func newBench(t *testing.T, cfg Config) *bench {
	cfg.Self = origin(0)
	cfg.Rand = rand.New(rand.NewPCG(1, 1))
	return &bench{t: t, Tree: NewTree(birth, cfg), now: birth}
}

func origin(n byte) ident.Origin { return ident.Origin{ID: ident.ID{n, 0xee}, Epoch: 1} }

func (b *bench) Push(to ident.Link, e *Event, age time.Duration) {
	b.sent = append(b.sent, sent{to, &Gossip{Origin: e.Origin, Seq: e.Seq, Round: e.Round + 1, Age: age, Body: e.Body}})
}
func (b *bench) Send(to ident.Link, m Message) { b.sent = append(b.sent, sent{to, m}) }
func (b *bench) Deliver(e *Event)              { b.delivered = append(b.delivered, e) }
func (b *bench) Gap(missing Range)             { b.gaps = append(b.gaps, missing) }

// up brings links up and forgets what they began with.
func (b *bench) up(links ...ident.Link) {
	for _, l := range links {
		b.LinkUp(b.now, l, b)
	}
	b.sent = nil
}

func (b *bench) get(l ident.Link, m Message) { b.Handle(b.now, l, m, b) }

// gossip brings events of an origin on a link.
func (b *bench) gossip(l ident.Link, o ident.Origin, seqs ...uint64) {
	for _, seq := range seqs {
		b.get(l, &Gossip{Origin: o, Seq: seq, Round: 1, Body: fmt.Appendf(nil, "\x01e%d", seq)})
	}
}

// pass lets time pass, and Advance be called when it is wanted.
func (b *bench) pass(d time.Duration) {
	end := b.now.Add(d)
	for range 100_000 {
		at, ok := b.Deadline()
		if !ok || at.After(end) {
			b.now = end
			return
		}
		if at.After(b.now) {
			b.now = at
		}
		b.Advance(b.now, b)
	}
	b.t.Fatal("Advance is wanted again and again")
}

// take gives what was sent on a link so far, and forgets it.
func (b *bench) take(l ident.Link) (list []Message) {
	b.sent = slices.DeleteFunc(b.sent, func(s sent) bool {
		if s.to == l {
			list = append(list, s.msg)
		}
		return s.to == l
	})
	return list
}

// want compares messages with what is wanted; Gossip by origin and number.
func (b *bench) want(got []Message, want ...Message) {
	b.t.Helper()
	if a, c := words(got), words(want); !slices.Equal(a, c) {
		b.t.Fatalf("at %v: sent %q, want %q", b.now.Sub(birth), a, c)
	}
}

func words(list []Message) (words []string) {
	for _, m := range list {
		switch m := m.(type) {
		case *Gossip:
			words = append(words, fmt.Sprintf("GOSSIP %s#%d", m.Origin, m.Seq))
		case *Miss:
			words = append(words, fmt.Sprintf("MISS %v %s", m.Range, m.Why))
		case *Graft:
			words = append(words, fmt.Sprintf("GRAFT %v eager %v", m.Ranges, m.Eager))
		default:
			words = append(words, fmt.Sprintf("%T%+v", m, reflect.ValueOf(m).Elem()))
		}
	}
	return words
}

func (b *bench) wantDelivered(o ident.Origin, seqs ...uint64) {
	b.t.Helper()
	var got []uint64
	for _, e := range b.delivered {
		if e.Origin == o {
			got = append(got, e.Seq)
		}
	}
	if !slices.Equal(got, seqs) {
		b.t.Fatalf("at %v: delivered %v, want %v", b.now.Sub(birth), got, seqs)
	}
}

func (b *bench) wantGaps(gaps ...Range) {
	b.t.Helper()
	if !slices.Equal(b.gaps, gaps) {
		b.t.Fatalf("at %v: gaps %v, want %v", b.now.Sub(birth), b.gaps, gaps)
	}
}

func event(o ident.Origin, seq uint64) *Gossip { return &Gossip{Origin: o, Seq: seq} }

func unknown(o ident.Origin, from, to uint64) *Miss { return &Miss{Range: Range{o, from, to}} }

func graft(ranges ...Range) *Graft { return &Graft{Ranges: ranges, Eager: true} }

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
	b.want(b.take(3)) // once is enough
}

func TestDuplicatePrunes(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2)
	a := origin(1)
	b.gossip(1, a, 1)
	b.gossip(2, a, 1)
	b.want(b.take(2), event(a, 1), &Prune{})
	b.wantDelivered(a, 1)
	b.gossip(2, a, 1) // it is lazy already
	b.want(b.take(2))
	if got := slices.Collect(b.Eager); !slices.Equal(got, []ident.Link{1}) {
		t.Errorf("eager links %v", got)
	}
}

func TestOwnEventThatComesBackIsADuplicate(t *testing.T) {
	b := newBench(t, Config{})
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
	b.want(b.take(2)) // they may yet come by themselves
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

func TestGraftGoesToTheNextWhenOneDoesNotAnswer(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2, 3)
	a := origin(1)
	b.get(3, &IHave{Ranges: []Range{{a, 1, 2}}})
	b.pass(graftRetry + 300*time.Millisecond)
	b.want(b.take(3), graft(Range{a, 1, 2}))
	b.want(b.take(1), graft(Range{a, 1, 2}))
	b.want(b.take(2))
	b.LinkDown(b.now, 1, b) // who was asked is gone: the next one, at once
	b.pass(0)
	b.want(b.take(2), graft(Range{a, 1, 2}))
	b.gossip(2, a, 1)
	b.wantDelivered(a, 1)
}

func TestEarlyEventsWaitForTheMissingOnes(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2)
	a := origin(1)
	b.gossip(1, a, 1, 4, 3)
	b.wantDelivered(a, 1)
	b.want(b.take(2), event(a, 1), event(a, 4), event(a, 3)) // they travel on, though
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
	b.get(1, unknown(a, 2, 3))
	b.pass(4*time.Second - time.Millisecond)
	b.wantDelivered(a, 1)
	b.wantGaps()
	b.pass(2 * time.Millisecond)
	b.wantGaps(Range{a, 2, 3})
	b.wantDelivered(a, 1, 3)
	b.pass(time.Second)
	b.get(1, unknown(a, 4, 6))
	b.pass(4 * time.Second)
	b.wantGaps(Range{a, 2, 3}, Range{a, 4, 6})
	b.wantDelivered(a, 1, 3, 6)
	b.gossip(1, a, 2, 4) // too late
	b.wantDelivered(a, 1, 3, 6)
	b.pass(time.Minute)
	b.wantGaps(Range{a, 2, 3}, Range{a, 4, 6})
}

// A neighbour that is stalled may have them: it is waited for longer.
func TestANeighbourThatOwesAnAnswerIsWaitedFor(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2)
	a := origin(1)
	b.gossip(1, a, 1, 3)
	b.pass(time.Second)
	b.get(1, unknown(a, 2, 3)) // and 2 says nothing
	b.pass(28 * time.Second)
	b.wantDelivered(a, 1)
	b.wantGaps()
	b.pass(2 * time.Second)
	b.wantGaps(Range{a, 2, 3})
	b.wantDelivered(a, 1, 3)
}

// Nothing is given up while there is nobody to ask.
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
	b.LinkDown(b.now, 2, b) // nothing came from it
	b.want(b.take(3))
}

// Nothing falls between announcing and pushing when a link changes over.
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
		b.gossip(1, a, seq)
		switch rng.IntN(8) {
		case 0:
			b.get(2, &Prune{})
		case 1:
			b.get(2, &Graft{Eager: true})
		case 2:
			b.Congested(2)
		case 3:
			b.Drained(b.now, 2, b)
		case 4:
			b.pass(time.Duration(rng.IntN(120)) * time.Millisecond)
		}
		note()
	}
	b.Drained(b.now, 2, b)
	b.pass(time.Second)
	note()
	for seq := uint64(1); seq <= 2000; seq++ {
		if !told[seq] {
			t.Fatalf("event %d was neither pushed nor announced", seq)
		}
	}
}
