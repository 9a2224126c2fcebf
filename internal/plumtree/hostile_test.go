package plumtree

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

const most = math.MaxInt64 // the highest number that a frame can carry

func TestHistoryIsBoundedInBytes(t *testing.T) {
	const bound = 1 << 20
	b := newBench(t, Config{HistoryBytes: bound})
	b.up(1)
	a := origin(1)
	for _, size := range []int{1, 300, 50_000} { // tiny events also take memory beyond their bodies
		for range 3 * bound / (size + eventCost) {
			b.get(1, large(a, b.nextOf(a), size))
			if b.history.bytes > bound {
				t.Fatalf("%d bytes are kept", b.history.bytes)
			}
		}
		if n := len(b.history.log); n*(size+eventCost) < bound/2 {
			t.Errorf("only %d events of %d bytes are kept", n, size)
		}
		b.delivered = nil
	}
}

func TestHistoryIsBoundedInAge(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1)
	b.gossip(1, origin(1), 1, 2, 3)
	b.Emit(b.now, []byte("\x01a"), b)
	old := event(origin(2), 1)
	old.Age = 24 * time.Hour
	b.get(1, old) // the age has no effect, because the history keeps the event for HistoryAge from its arrival
	b.pass(5*time.Minute - time.Second)
	if n := len(b.history.log); n != 5 {
		t.Errorf("%d events after almost five minutes", n)
	}
	b.pass(3 * time.Second)
	if n := len(b.history.log); n != 0 || b.history.bytes != 0 {
		t.Errorf("%d events, %d bytes after five minutes", n, b.history.bytes)
	}
	for _, s := range b.order {
		if len(s.held) > 0 {
			t.Errorf("%v still has %d events", s.origin, len(s.held))
		}
	}
	if at, ok := b.Deadline(); ok {
		t.Errorf("an idle tree wants Advance at %v", at)
	}
}

// A number far ahead is ignored. It takes no memory, and genuine events after it are
// delivered as before.
func TestFarAheadNumbersSilenceNobody(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2)
	a := origin(1)
	b.gossip(1, a, 1)
	b.gossip(2, a, most, 1<<40, 1+window+1)
	if n := len(b.history.log); n > 1 || b.Stats.Dropped != 3 {
		t.Errorf("%d events are kept, %d dropped", n, b.Stats.Dropped)
	}
	b.pass(time.Minute)
	b.gossip(1, a, 2, 3)
	b.wantDelivered(a, 1, 2, 3)
	b.wantGaps()
	if len(b.repairs) > 0 {
		t.Error("it is still looked for")
	}
}

// Events of many origins, each with holes between them, take only their own memory, and
// do not displace other events.
func TestScatteredNumbersTakeNoMemory(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1)
	genuine := origin(1)
	for n := range uint64(4000) {
		var o ident.Origin
		binary.BigEndian.PutUint64(o.ID[:], n+1)
		b.gossip(1, o, window, 2)
	}
	held := 0
	for _, s := range b.order {
		held += cap(s.held)
	}
	if n := len(b.history.log); n != 8000 || held > 2*n {
		t.Errorf("%d events are kept, with room for %d", n, held)
	}
	b.gossip(1, genuine, 3, 1, 2, 3)
	b.wantDelivered(genuine, 1, 2, 3)
}

func TestLyingAnnouncementsAdvanceNothing(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2, 3)
	a := origin(1)
	b.gossip(1, a, 1)
	b.forget()
	b.get(2, &IHave{Ranges: []Range{{a, 2, most}, {a, 9, 3}, {a, 0, 5}, {origin(0), 1, 900}}})
	b.pass(150 * time.Millisecond)
	b.want(b.take(2), graft(Range{a, 2, 2 + window}))
	b.get(2, unknown(a, 2, most)) // the liar has no event, and no other neighbour is asked
	b.pass(time.Second)
	b.fill()
	for _, s := range b.sent {
		if _, ok := s.msg.(*Graft); ok {
			t.Errorf("one lie had another neighbour asked, %d", s.to)
		}
	}
	if len(b.repairs) > 0 {
		t.Error("it is still looked for")
	}
	b.pass(time.Minute)
	b.gossip(1, a, 2)
	b.wantDelivered(a, 1, 2)
	b.wantGaps()
}

func TestALieNobodyAnswersIsForgotten(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2)
	a := origin(1)
	b.get(2, &IHave{Ranges: []Range{{a, 1, most}}})
	b.pass(time.Minute)
	b.fill()
	if n := len(b.sent); n > 30 {
		t.Errorf("one lie made %d frames", n)
	}
	if len(b.repairs) > 0 {
		t.Error("it is still looked for")
	}
	b.wantGaps()
}

// A range can name 2^63 events in a few bytes: the tree must never iterate over it.
func TestHugeRangesAreAnsweredAtOnce(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2)
	a, c := origin(1), origin(2)
	// An origin whose numbers jump: before the announced event, 2^62 events are missing.
	b.get(1, &IHave{Sync: true, Ranges: []Range{{a, 1, 1 << 62}}})
	b.get(1, &Miss{Range{a, 1, 1 << 62}, Gone, time.Minute})
	b.gossip(1, c, 1, 3)
	b.forget()
	b.get(2, &Graft{Ranges: []Range{{a, 1, most}, {c, 1, most}, {origin(3), 1, most}}, MaxAge: time.Hour})
	got := b.take(2)
	b.want(got,
		&Miss{Range{a, 1, 1 << 62}, Gone, time.Minute}, unknown(a, 1<<62, most),
		event(c, 1), unknown(c, 2, 3), event(c, 3), unknown(c, 4, most),
		unknown(origin(3), 1, most))
}

// The requests of a peer that asks for holes are served in turns like all others.
func TestHolesAreServedInTurns(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1)
	a := origin(1)
	for seq := uint64(1); seq < window; seq += 2 {
		b.gossip(1, a, seq)
	}
	b.up(2)
	list := make([]Range, 2*maxRanges)
	for i := range list {
		list[i] = Range{a, 1, window}
	}
	b.Handle(b.now, 2, &Graft{Ranges: list, MaxAge: time.Hour}, b)
	b.ready = nil
	const room = 64 << 10
	b.Fill(b.now, 2, room, b)
	if n := len(b.take(2)); n > room/serveCost+1 {
		t.Errorf("%d frames went out at once", n)
	}
	for range 2 * maxServe / maxRanges {
		b.Handle(b.now, 2, &Graft{Ranges: list, MaxAge: time.Hour}, b)
	}
	if n := len(b.links.find(2).serve); n > maxServe {
		t.Errorf("%d pulls are kept", n)
	}
}

// The origins that were silent longest are forgotten first. This node's own origin is
// never forgotten.
func TestManyOriginsAreForgotten(t *testing.T) {
	b := newBench(t, Config{HistoryBytes: 1 << 20})
	b.up(1)
	talker := origin(1)
	seq := uint64(0)
	for n := range uint64(maxStreams + 5000) {
		var o ident.Origin
		binary.BigEndian.PutUint64(o.ID[8:], n+1)
		b.gossip(1, o, 1)
		if n%50 == 0 {
			seq++
			b.gossip(1, talker, seq)
		}
		b.pass(time.Millisecond)
		b.delivered = b.delivered[:0]
		b.forget()
	}
	if b.streams.used != maxStreams || len(b.order) != maxStreams {
		t.Errorf("%d origins are remembered", b.streams.used)
	}
	if b.streams.find(b.cfg.Self) != b.own || b.order[0] != b.own {
		t.Error("our own numbers were forgotten")
	}
	if s := b.streams.find(talker); s == nil || s.next != seq+1 {
		t.Error("an origin that speaks all the time was forgotten")
	}
	b.gossip(1, talker, seq)
	b.wantDelivered(talker)
}

// A request of forty bytes asks for the whole history. A peer that repeats the request
// gets the history twice. After that, it gets as much as a node that was away needs.
// Other peers are not delayed.
func TestPullingAgainAndAgainIsSlowedDown(t *testing.T) {
	const bound = 1 << 20
	b := newBench(t, Config{HistoryBytes: bound})
	b.up(1, 2, 3)
	a := origin(1)
	for seq := range uint64(200) {
		b.get(1, large(a, seq+1, 4<<10))
	}
	b.forget()
	all := &Graft{Ranges: []Range{{a, 1, 201}}, MaxAge: time.Hour}
	served := func(l ident.Link) (bytes int) {
		for _, m := range b.take(l) {
			if g, ok := m.(*Gossip); ok {
				bytes += len(g.Body) + serveCost
			}
		}
		return bytes
	}
	total, seconds := 0, 0
	for ; seconds < 64; seconds++ {
		for range 20 {
			b.get(2, all)
		}
		total += served(2)
		b.pass(time.Second)
		total += served(2)
	}
	most := allowedAtOnce*bound + bound*seconds/int(allowedIn/time.Second) + 8<<10
	if total > most || total < most/2 {
		t.Errorf("%d bytes of a history of %d went out in %d s; want up to %d", total, bound, seconds, most)
	}
	b.get(3, all)
	if n := served(3); n < 200*(4<<10) {
		t.Errorf("another one gets %d bytes", n)
	}
}

// Announcements of invented origins do not displace known ones, whose events would then
// be delivered twice.
func TestAnnouncedOriginsForgetNobody(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2)
	a := origin(1)
	b.gossip(1, a, 1, 2, 3)
	b.pass(10 * time.Minute) // its events have left the history
	for n := range uint64(2*maxStreams) / maxRanges {
		list := make([]Range, maxRanges)
		for i := range list {
			o := a
			binary.BigEndian.PutUint64(o.ID[2:], n*maxRanges+uint64(i)+1)
			list[i] = Range{o, 1, 2}
		}
		b.Handle(b.now, 2, &IHave{Ranges: list}, b)
	}
	b.forget()
	b.gossip(1, a, 1, 2, 3)
	b.wantDelivered(a, 1, 2, 3)
}

// invented returns an announcement of invented origins, from the n-th on.
func invented(n uint64) *IHave {
	list := make([]Range, 2*maxRanges)
	for i := range list {
		list[i] = Range{ident.Origin{Epoch: 7}, 1, 2}
		binary.BigEndian.PutUint64(list[i].Origin.ID[2:], n+uint64(i)+1)
	}
	return &IHave{Ranges: list}
}

// Only the neighbour that announces thousands of invented origins is asked for them. It
// may delay its answer, deny the events, or claim that they are gone: that claim is
// accepted only a limited number of times.
func TestInventedOriginsAreNobodyElsesTrouble(t *testing.T) {
	for _, c := range []struct {
		name    string
		answers bool
		why     Why
	}{{"silent", false, 0}, {"has nothing", true, Unknown}, {"had them once", true, Gone}} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, Config{})
			b.up(1, 2, 3, 4)
			b.gossip(1, origin(1), 1)
			b.pass(time.Second)
			b.forget()
			ranges, toOthers, toLiar, most := 0, 0, 0, 0
			for n := range uint64(200) { // twenty frames per second
				b.get(2, invented(1000*n))
				b.pass(50 * time.Millisecond)
				for len(b.sent) > 0 {
					s := b.sent[0]
					b.sent = b.sent[1:]
					g, ok := s.msg.(*Graft)
					switch {
					case !ok:
					case s.to == 2:
						toLiar++
						for _, r := range g.Ranges {
							if c.answers {
								b.get(2, &Miss{r, c.why, 0})
							}
						}
					default:
						toOthers++
						for _, r := range g.Ranges {
							ranges++
							b.get(s.to, unknown(r.Origin, r.From, r.To))
						}
					}
				}
				most = max(most, b.streams.used)
			}
			want := 0
			if c.why == Gone {
				want = 3 * (goneClaimsAtOnce + 12*goneClaimsPerSecond)
			}
			if ranges > want || toOthers > 3*200 {
				t.Errorf("others were asked %d times, for %d ranges; want at most %d ranges", toOthers, ranges, want)
			}
			if toLiar == 0 || toLiar > 5*200 {
				t.Errorf("the liar was asked %d times", toLiar)
			}
			if most > 2+maxHearsay+goneClaimsAtOnce+12*goneClaimsPerSecond {
				t.Errorf("%d origins had a record at one time", most)
			}
			b.pass(time.Minute)
			if len(b.repairs) > 0 || b.hearsays != 0 || b.links.find(2).sponsored != 0 {
				t.Errorf("%d are still looked for, %d of them hearsay", len(b.repairs), b.hearsays)
			}
			if n := b.streams.used; c.why != Gone && n != 2 || n != len(b.order) {
				t.Errorf("%d origins are remembered", n)
			}
			b.gossip(1, origin(1), 2)
			b.wantDelivered(origin(1), 1, 2)
		})
	}
}

// After a split, two neighbours have events of a thousand origins that the other one
// misses. These events are pulled once, with few frames, and none is lost.
func TestAThousandOriginsAreSyncedAtOnce(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2)
	list := make([]Range, maxSyncOrigins)
	for i := range list {
		list[i] = Range{ident.Origin{Epoch: 7}, 1, 2}
		binary.BigEndian.PutUint64(list[i].Origin.ID[2:], uint64(i)+1)
	}
	for chunk := range slices.Chunk(list, maxRanges) {
		b.get(1, &IHave{Ranges: chunk, Sync: true})
		b.get(2, &IHave{Ranges: chunk, Sync: true})
	}
	asked, frames := 0, 0
	for _, s := range b.sent {
		if g, ok := s.msg.(*Graft); ok {
			frames++
			for _, r := range g.Ranges {
				asked++
				b.gossip(s.to, r.Origin, 1)
			}
		}
	}
	if asked != maxSyncOrigins || frames != maxSyncOrigins/maxRanges {
		t.Errorf("%d ranges were asked for in %d frames", asked, frames)
	}
	if len(b.delivered) != maxSyncOrigins || len(b.repairs) > 0 || b.hearsays != 0 {
		t.Errorf("%d events came, %d are looked for", len(b.delivered), len(b.repairs))
	}
}

// An event arrives that was given up because of a neighbour's claim. It is delivered, and
// so are the events after it, even if other missing ones do not arrive.
func TestWhatWasGivenUpForALieIsHeard(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2)
	a := origin(1)
	b.gossip(1, a, 1)
	b.get(2, &IHave{Ranges: []Range{{a, 900, 1000}}})
	b.pass(200 * time.Millisecond)
	b.get(2, &Miss{Range{a, 2, 1000}, Gone, 0})
	b.get(1, unknown(a, 2, 1000))
	b.pass(time.Minute)
	b.wantGaps(Range{a, 2, 1000})
	b.gossip(1, a, 1, 2, 3)
	b.wantDelivered(a, 1, 2, 3)
	b.gossip(2, a, 3, 6) // these numbers leave an ordinary hole
	b.pass(time.Second)
	b.get(1, &Miss{Range{a, 4, 6}, Gone, 0})
	b.get(2, &Miss{Range{a, 4, 6}, Gone, 0})
	b.pass(time.Minute)
	b.wantGaps(Range{a, 2, 1000}, Range{a, 4, 6})
	b.wantDelivered(a, 1, 2, 3, 6)
	b.gossip(1, a, 4, 5) // too late, because a later event was delivered
	b.wantDelivered(a, 1, 2, 3, 6)
}

// BenchmarkInvented measures the cost of one range of a frame full of invented origins,
// at a node that remembers as many origins as it can.
func BenchmarkInvented(b *testing.B) {
	tree := newBench(nil, Config{})
	tree.up(1, 2)
	for n := range uint64(maxStreams) {
		o := ident.Origin{Epoch: 1}
		binary.BigEndian.PutUint64(o.ID[8:], n+1)
		tree.gossip(1, o, 1)
		tree.delivered = nil
	}
	b.ReportAllocs()
	for n := uint64(0); b.Loop(); n++ {
		tree.Handle(tree.now, 2, invented(1000*n), tree)
		if tree.pass(500 * time.Microsecond); n%1000 == 0 {
			tree.forget()
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(2*maxRanges), "ns/range")
}

// A node accepts a lie about the number of an origin's latest event, and stops before an
// event disproves it. The events that it then stores as heard must not suppress the
// origin's events in the node's next run.
func TestALieIsNotRememberedAsHeard(t *testing.T) {
	a := origin(1)
	first := newBench(t, Config{})
	first.up(1, 2, 3)
	first.gossip(1, a, 1)
	first.forget()
	silence(first, 3, a)
	if len(first.gaps) == 0 {
		t.Fatal("the node does not believe the lie")
	}
	if list := first.Heard(); !slices.Contains(list, Range{a, 1, 2}) {
		t.Errorf("heard: %v", list)
	}
	second := newBench(t, Config{Heard: first.Heard()})
	second.up(1, 2)
	second.gossip(1, a, 1, 2, 3)
	second.pass(time.Minute)
	second.wantDelivered(a, 2, 3)
}

// A parent sends PRUNE again and again. The node asks for another path, and once that
// path is lost, it asks that parent. The parent causes less than one frame for each frame
// of its own, and the other neighbours continue to push.
func TestPruningAgainAndAgainIsNoLever(t *testing.T) {
	for _, c := range []struct {
		name string
		hops uint8 // hop count of the pulse at the other neighbours
	}{{"with another way", 2}, {"without", 9}} {
		b := newBench(t, Config{})
		b.up(1, 2, 3, 4, 5)
		b.get(1, pulseOf(7, 1, 2))
		for l := ident.Link(2); l <= 5; l++ {
			b.get(l, pulseOf(7, 1, c.hops))
		}
		b.pass(2 * time.Second)
		b.forget()
		const frames = 1000
		for range frames {
			b.get(1, &Prune{})
		}
		if n := len(b.sent); n > frames+5 {
			t.Errorf("%s: %d frames for %d", c.name, n, frames)
		}
		toOthers := 0
		for _, s := range b.sent {
			if s.to != 1 {
				toOthers++
			}
		}
		if toOthers > 5 {
			t.Errorf("%s: %d frames to others", c.name, toOthers)
		}
	}
}
