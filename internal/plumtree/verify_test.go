package plumtree

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/batch"
)

// genuine accepts the bodies that these tests define as signed.
func genuine(_ ident.Origin, seq uint64, body []byte) bool {
	return string(body) == fmt.Sprintf("\x01e%d", seq)
}

func newVerifyingBench(t *testing.T) *bench {
	return newBench(t, Config{Verify: genuine, VerifyAll: true})
}

// forged returns count events from the number seq on, with bodies that the origin did not
// emit.
func forged(o ident.Origin, seq, count uint64) *Gossip {
	g := gossip(o, seq, count)
	g.Body = nil
	for range count {
		g.Body = batch.Append(g.Body, []byte("\x01lie"))
	}
	return g
}

func TestAForgeryLeavesNoTrace(t *testing.T) {
	b := newVerifyingBench(t)
	b.up(1, 2)
	a, nobody := origin(1), origin(9)
	b.gossip(1, a, 1)
	b.forget()
	for _, g := range []*Gossip{
		forged(a, 2, 1), forged(a, 3, 5), forged(a, 1, 2), forged(a, 1+window, 1), forged(a, most, 1), forged(nobody, 1, 1), forged(nobody, 7, 3),
	} {
		b.get(1, g)
	}
	if b.Stats.Refused != 7 || !slices.Equal(b.refused, []ident.Link{1, 1, 1, 1, 1, 1, 1}) {
		t.Errorf("%d were refused, of %v", b.Stats.Refused, b.refused)
	}
	if s := b.streams.find(a); s.high != 2 || s.repair != nil || len(b.history.log) != 1 || b.streams.find(nobody) != nil {
		t.Errorf("it left a trace: next %d, high %d, %d events are held", s.next, s.high, len(b.history.log))
	}
	b.pass(time.Minute)
	b.want(slices.DeleteFunc(b.take(2), func(m Message) bool { _, pulse := m.(*Pulse); return pulse }))
	b.gossip(2, a, 2, 3, 4)
	b.gossip(2, nobody, 1)
	b.wantDelivered(a, 1, 2, 3, 4)
	b.wantDelivered(nobody, 1)
	b.wantGaps()
}

// If one event of a frame fails verification, the whole frame is refused. The node that
// assembled or forwarded the frame is responsible for all of its events.
func TestAForgeryInARunSpoilsIt(t *testing.T) {
	b := newVerifyingBench(t)
	b.up(1, 2)
	a := origin(1)
	run := gossip(a, 1, 3)
	run.Body = slices.Concat(batch.Slice(run.Body, 0, 1), batch.Append(nil, []byte("\x01lie")), batch.Slice(run.Body, 2, 3))
	b.get(1, run)
	cut := gossip(a, 1, 3)
	cut.Body = cut.Body[:len(cut.Body)-1]
	b.get(1, cut)
	b.wantDelivered(a)
	b.get(2, gossip(a, 1, 3))
	b.wantDelivered(a, 1, 2, 3)
	if b.Stats.Refused != 2 {
		t.Errorf("%d were refused", b.Stats.Refused)
	}
}

// Verification takes longer than all other work for an event, so it is done once.
func TestAnEventIsVerifiedOnce(t *testing.T) {
	var asked []uint64
	b := newBench(t, Config{VerifyAll: true, Verify: func(_ ident.Origin, seq uint64, _ []byte) bool {
		asked = append(asked, seq)
		return true
	}})
	b.up(1, 2)
	a := origin(1)
	b.get(1, gossip(a, 1, 3))
	b.get(2, gossip(a, 1, 3))
	b.get(2, gossip(a, 2, 4)) // two of these events are new
	b.get(1, gossip(a, 9, 1)) // an early event
	b.get(2, gossip(a, 9, 1))
	b.get(1, gossip(origin(0), 1, 1)) // an event with this node's own origin
	if want := []uint64{1, 2, 3, 4, 5, 9}; !slices.Equal(asked, want) {
		t.Errorf("asked about %v, want %v", asked, want)
	}
}

// If signatures are optional, only signed events are verified.
func TestEventsWithoutSignaturesAreNotLookedAt(t *testing.T) {
	asked := 0
	b := newBench(t, Config{Verify: func(ident.Origin, uint64, []byte) bool { asked++; return false }})
	b.up(1)
	a := origin(1)
	b.gossip(1, a, 1)
	signed := gossip(a, 2, 1)
	signed.Signed = true
	b.get(1, signed)
	b.wantDelivered(a, 1)
	if asked != 1 || b.Stats.Refused != 1 {
		t.Errorf("asked %d times, refused %d", asked, b.Stats.Refused)
	}
}

func TestOwnEventsAreSignedUnderTheirNumbers(t *testing.T) {
	var signed []uint64
	b := newBench(t, Config{Sign: func(seq uint64, body []byte) bool {
		if body[1] != '?' {
			return false
		}
		body[1] = '!'
		signed = append(signed, seq)
		return true
	}})
	b.up(1, 2)
	b.Emit(b.now, []byte("\x01a"), b)
	b.Emit(b.now, []byte("\x01?"), b) // it travels in one run with the signed event
	b.fill()
	b.Emit(b.now, []byte("\x01?"), b)
	b.Emit(b.now, []byte("\x01a"), b)
	b.fill()
	b.Emit(b.now, []byte("\x01a"), b)
	b.fill()
	if want := []uint64{2, 3}; !slices.Equal(signed, want) {
		t.Errorf("signed %v, want %v", signed, want)
	}
	var got []string
	for _, m := range b.take(1) {
		if g, ok := m.(*Gossip); ok {
			got = append(got, fmt.Sprintf("%d %v %q", g.Seq, g.Signed, g.Body))
		}
	}
	if want := []string{`1 true "\x02\x01a\x02\x01!"`, `3 true "\x02\x01!\x02\x01a"`, `5 false "\x02\x01a"`}; !slices.Equal(got, want) {
		t.Errorf("sent %s, want %s", got, want)
	}
}

// silence sends the claims that need no signature and could suppress an origin: that the
// origin has many events, and that they are gone.
func silence(b *bench, liar ident.Link, o ident.Origin) {
	b.get(liar, &IHave{Sync: true, Ranges: []Range{{o, most, most}}})
	for range 60 {
		b.pass(100 * time.Millisecond)
		for _, s := range slices.Clone(b.sent) {
			if g, ok := s.msg.(*Graft); !ok || len(g.Ranges) == 0 {
				continue
			}
			why := Unknown
			if s.to == liar {
				why = Gone
			}
			next := uint64(1)
			if known := b.streams.find(o); known != nil {
				next = known.next
			}
			b.get(s.to, &Miss{Range{o, next, most}, why, maxAge})
		}
		b.forget()
	}
}

// Lies about numbers and about gone events suppress no origin. Without signatures, a node
// accepts such a lie until an event disproves it, and reports a false gap.
func TestLiesAboutNumbersSilenceNobody(t *testing.T) {
	for _, c := range []struct {
		name  string
		known bool // the origin was heard before
	}{{"an origin that was heard", true}, {"an origin that is new", false}} {
		t.Run(c.name, func(t *testing.T) {
			hear := func(b *bench) {
				b.up(1, 2, 3)
				a := origin(1)
				if c.known {
					b.gossip(1, a, 1)
				}
				b.forget()
				silence(b, 3, a)
				b.gossip(1, a, 1, 2, 3)
				b.gossip(2, a, 1, 2, 3, 4)
				b.pass(time.Minute)
			}
			b := newVerifyingBench(t)
			hear(b)
			b.wantDelivered(origin(1), 1, 2, 3, 4)
			b.wantGaps()
			if len(b.repairs) > 0 {
				t.Error("it is still looked for")
			}
			b = newBench(t, Config{})
			hear(b)
			b.wantDelivered(origin(1), 1, 2, 3, 4)
			if told := len(b.gaps) > 0; told != c.known {
				t.Errorf("believing it, the node tells of %v", b.gaps)
			}
			if len(b.repairs) > 0 {
				t.Error("it is still looked for")
			}
		})
	}
}

// A neighbour withholds the first events of an origin, and claims that they are older
// than a new node. The new node does not skip them.
func TestOneVoiceDoesNotMakeANewcomerSkip(t *testing.T) {
	b := newVerifyingBench(t)
	b.up(1, 2)
	a := origin(1)
	b.get(1, gossip(a, 4, 1))
	b.pass(150 * time.Millisecond)
	b.want(b.take(1), graft(Range{a, 1, 4}))
	b.get(1, &Miss{Range{a, 1, 4}, Gone, maxAge})
	b.wantDelivered(a)
	b.pass(0)
	b.want(onlyGrafts(b.take(2)), graft(Range{a, 1, 4})) // the request comes at once
	b.get(2, gossip(a, 1, 3))
	b.wantDelivered(a, 1, 2, 3, 4)
	b.wantGaps()
}

// If all neighbours reply that events are older than a new node, it skips them and
// reports no gap. This holds even if an answer arrives in parts with younger events after
// them.
func TestANewcomerDoesWithoutWhatIsOlder(t *testing.T) {
	b := newVerifyingBench(t)
	b.up(1, 2)
	a := origin(1)
	b.get(1, &IHave{Sync: true, Ranges: []Range{{a, 90, 101}}})
	b.want(onlyGrafts(b.take(1)), graft(Range{a, 1, 101}))
	b.get(1, &Miss{Range{a, 1, 90}, Gone, time.Hour})
	b.get(1, &Miss{Range{a, 90, 98}, Gone, time.Hour})
	b.wantDelivered(a)
	b.get(1, gossip(a, 98, 3))
	b.wantDelivered(a) // not yet, because the other neighbour may have them
	b.pass(0)
	b.want(onlyGrafts(b.take(2)), graft(Range{a, 1, 98}))
	b.get(2, &Miss{Range{a, 1, 101}, Unknown, 0})
	b.get(1, gossip(a, 101, 1))
	b.pass(graftRetry)
	b.wantDelivered(a, 98, 99, 100, 101)
	b.wantGaps()
	if len(b.repairs) > 0 {
		t.Error("it is still looked for")
	}
}

// A new node with one neighbour skips older events after one round trip.
func TestANewcomerWithOneNeighbour(t *testing.T) {
	b := newVerifyingBench(t)
	b.up(1)
	a := origin(1)
	b.get(1, &IHave{Sync: true, Ranges: []Range{{a, 90, 101}}})
	b.get(1, &Miss{Range{a, 1, 98}, Gone, time.Hour})
	b.get(1, gossip(a, 98, 3))
	b.wantDelivered(a, 98, 99, 100)
	b.get(1, &IHave{Sync: true, Ranges: []Range{{origin(2), 7, 7}}}) // all events of this origin are older, and none is held
	b.get(1, &Miss{Range{origin(2), 1, 7}, Gone, time.Hour})
	if len(b.repairs) > 0 {
		t.Error("what nobody can show is still looked for")
	}
	b.get(1, gossip(origin(2), 7, 1))
	b.pass(150 * time.Millisecond)
	b.get(1, &Miss{Range{origin(2), 1, 7}, Gone, time.Hour})
	b.wantDelivered(origin(2), 7)
	b.wantGaps()
}

// If a later event proves that others are lost, the gap is reported as usual.
func TestAGapThatAnEventShowsIsTold(t *testing.T) {
	b := newVerifyingBench(t)
	b.up(1)
	a := origin(1)
	b.gossip(1, a, 1, 4)
	b.pass(time.Second)
	b.get(1, &Miss{Range{a, 2, 4}, Gone, 0})
	b.pass(5 * time.Second)
	b.wantGaps(Range{a, 2, 4})
	b.wantDelivered(a, 1, 4)
	// The last events are lost, and nothing proves that they existed.
	b.get(1, &IHave{Sync: true, Ranges: []Range{{a, 7, 7}}})
	b.get(1, &Miss{Range{a, 5, 7}, Gone, 0})
	b.pass(time.Minute)
	b.wantGaps(Range{a, 2, 4})
	b.gossip(1, a, 7)
	b.pass(time.Second)
	b.get(1, &Miss{Range{a, 5, 7}, Gone, 0})
	b.pass(5 * time.Second)
	b.wantGaps(Range{a, 2, 4}, Range{a, 5, 7})
	b.wantDelivered(a, 1, 4, 7)
}

func onlyGrafts(list []Message) []Message {
	return slices.DeleteFunc(list, func(m Message) bool { _, ok := m.(*Graft); return !ok })
}
