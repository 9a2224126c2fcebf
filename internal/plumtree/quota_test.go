package plumtree

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// These stories are about invented origins: one neighbour brings in more of them than a
// node remembers. No event of another origin may be delivered twice.

// invent returns an invented origin, with an id or an epoch of its own.
func invent(n uint64) (o ident.Origin) {
	if n%2 == 0 {
		o.Epoch = n + 1
		return o
	}
	binary.BigEndian.PutUint64(o.ID[8:], n+1)
	return o
}

// flood brings one event of each of a number of invented origins on a link.
func (b *bench) flood(l ident.Link, from, origins uint64) {
	for n := from; n < from+origins; n++ {
		b.Handle(b.now, l, event(invent(n), 1), b)
		if n%256 == 0 {
			b.tidy()
			b.pass(time.Millisecond)
		}
	}
	b.tidy()
}

// tidy forgets what was sent to the neighbours, except requests, and what was delivered of
// invented origins.
func (b *bench) tidy() {
	b.fill()
	b.sent = slices.DeleteFunc(b.sent, func(s sent) bool {
		_, isGraft := s.msg.(*Graft)
		return !isGraft
	})
	kept := b.delivered[:0]
	for _, e := range b.delivered {
		if e.Origin.ID[1] == 0xee {
			kept = append(kept, e)
		}
	}
	b.delivered = kept
}

// wantBounded checks that no more origins are remembered than there are places, and that
// the counts of the bringers are right.
func (b *bench) wantBounded() {
	b.t.Helper()
	young, established := make([]int, len(b.bringers)), make([]int, len(b.bringers))
	for _, s := range b.order[1:] {
		if b.streams.find(s.origin) != s {
			b.t.Fatalf("%v is not found", s.origin)
		}
		if s.isEstablished {
			established[s.by]++
		} else {
			young[s.by]++
		}
	}
	total := 0
	for i := range b.bringers {
		if len(b.bringers[i].young) != young[i] || b.bringers[i].established != established[i] {
			b.t.Fatalf("bringer %d has %d young and %d established origins, and counts %d and %d",
				i, young[i], established[i], len(b.bringers[i].young), b.bringers[i].established)
		}
		for j, s := range b.bringers[i].young {
			if j > 0 && b.bringers[i].young[j-1].begun > s.begun {
				b.t.Fatalf("the young origins of bringer %d are not sorted", i)
			}
		}
		total += established[i]
	}
	if len(b.order) > maxStreams || total > maxEstablished {
		b.t.Fatalf("%d origins are remembered, %d of them established", len(b.order), total)
	}
	if b.order[0] != b.own {
		b.t.Fatal("our own numbers were forgotten")
	}
}

// A quiet origin is remembered, also if the flood comes on the link that brought it, or on
// many links.
func TestInventedOriginsForgetNoQuietOrigin(t *testing.T) {
	a := origin(200)
	for _, c := range []struct {
		name  string
		bring ident.Link // the link that brings the quiet origin
		flood func(b *bench)
	}{
		{"one more than there are places", 1, func(b *bench) { b.flood(2, 0, maxStreams+1) }},
		{"2,000 more", 1, func(b *bench) { b.flood(2, 0, maxStreams+2000) }},
		{"40,000", 1, func(b *bench) { b.flood(2, 0, 40_000) }},
		{"40,000 on the link of the quiet origin", 2, func(b *bench) { b.flood(2, 0, 40_000) }},
		{"40,000 on all links", 1, func(b *bench) {
			for n := range uint64(40) {
				b.flood(ident.Link(1+n%3), n*1000, 1000)
			}
		}},
		{"for an hour", 1, func(b *bench) {
			b.flood(2, 0, 20_000)
			for n := range uint64(60) {
				b.flood(2, 20_000+n*1000, 1000)
				b.pass(time.Minute)
			}
		}},
		{"each twice, so that they are established", 1, func(b *bench) {
			for n := range uint64(10) {
				from := n * 2000
				b.flood(2, from, 2000)
				b.pass(65 * time.Second)
				for k := from; k < from+2000; k++ {
					b.Handle(b.now, 2, event(invent(k), 2), b)
				}
				b.tidy()
			}
		}},
		{"over new links, each with a new id", 1, func(b *bench) {
			for n := range uint64(60) {
				l := ident.Link(10 + n)
				b.up(l)
				b.flood(l, n*1000, 1000)
				b.LinkDown(b.now, l, b)
				b.pass(time.Second)
			}
		}},
		{"over new links, after the link of the quiet origin went down", 3, func(b *bench) {
			b.LinkDown(b.now, 3, b)
			for n := range uint64(60) {
				l := ident.Link(10 + n)
				b.up(l)
				b.flood(l, n*1000, 1000)
				b.LinkDown(b.now, l, b)
				b.pass(time.Second)
			}
		}},
		{"over new links, and the link of the quiet origin goes down meanwhile", 3, func(b *bench) {
			for n := range uint64(60) {
				l := ident.Link(10 + n)
				b.up(l)
				b.flood(l, n*1000, 1000)
				if n == 25 {
					b.LinkDown(b.now, 3, b)
				}
				b.LinkDown(b.now, l, b)
				b.pass(time.Second)
			}
		}},
	} {
		for _, quiet := range []time.Duration{0, 10 * time.Minute} {
			b := newBench(t, Config{HistoryBytes: 4 << 20})
			b.up(1, 2, 3)
			b.gossip(c.bring, a, 1, 2, 3)
			b.pass(quiet) // after ten minutes, its events have left the history
			c.flood(b)
			b.wantBounded()
			if b.streams.find(a) == nil {
				t.Errorf("%s: the quiet origin was forgotten", c.name)
			}
			b.gossip(1, a, 1, 2, 3, 4)
			b.wantDelivered(a, 1, 2, 3, 4)
		}
	}
}

// An origin begins while invented origins flood its own link, and emits rarely. It may
// lose its place, but each of its events is delivered once. At most a few of its events are
// refused, and these are pulled when it has got in.
func TestANewOriginGetsInDuringAFlood(t *testing.T) {
	for _, link := range []ident.Link{1, 2} {
		b := newBench(t, Config{HistoryBytes: 4 << 20})
		b.up(1, 2, 3)
		b.flood(2, 0, 30_000)
		a := origin(200)
		n, seq := uint64(30_000), uint64(0)
		for range 60 {
			seq++
			b.get(link, event(a, seq))
			for range 10 {
				b.flood(2, n, 100)
				n += 100
				for _, g := range b.asked(link) { // the neighbour serves what it is asked for
					for _, r := range g.Ranges {
						for k := r.From; k < r.To && r.Origin == a; k++ {
							b.get(link, event(a, k))
						}
					}
				}
				b.pass(time.Second)
			}
		}
		b.wantBounded()
		var want []uint64
		for k := range seq {
			want = append(want, k+1)
		}
		b.wantDelivered(a, want...)
		if b.Stats.Unwanted == 0 {
			t.Error("no invented origin was refused")
		}
	}
}

// While places are free, no origin is refused: all nodes of a large network may start at
// once behind one neighbour.
func TestAllOriginsOfALargeNetworkAreHeard(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1)
	b.flood(1, 0, maxStreams-1)
	if b.Stats.Unwanted > 0 || len(b.order) != maxStreams {
		t.Errorf("%d origins are known, %d frames were refused", len(b.order), b.Stats.Unwanted)
	}
	b.flood(1, maxStreams, 3*newcomersAtOnce)
	if n := b.Stats.Unwanted; n < 2*newcomersAtOnce-newcomersPerSecond || n > 2*newcomersAtOnce {
		t.Errorf("of %d origins too many, %d were refused", 3*newcomersAtOnce, n)
	}
	b.LinkDown(b.now, 1, b)
	b.up(1) // a new link brings no new allowance
	before := b.Stats.Unwanted
	b.flood(1, 5*maxStreams, 1000)
	if n := b.Stats.Unwanted - before; n < 1000-newcomersPerSecond {
		t.Errorf("over a new link, %d of 1000 were refused", n)
	}
}

// Origins that were silent for a day make room first.
func TestLongSilentOriginsMakeRoom(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2)
	b.flood(1, 0, maxStreams-1)
	b.pass(25 * time.Hour)
	b.flood(2, maxStreams, 2000)
	b.wantBounded()
	if n := len(b.bringers[b.bringerOf(2)].young); n != 2000 {
		t.Errorf("%d of 2000 new origins are remembered", n)
	}
}

// A displaced origin returns, when its events have left the history. It continues where
// it was.
func TestADisplacedOriginContinues(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2)
	a := origin(200)
	b.flood(1, 0, maxStreams-100)
	b.gossip(1, a, 1, 2, 3) // one of the newest of the bringer with the most
	for n := uint64(maxStreams); b.streams.find(a) != nil; n += 200 {
		b.flood(1, n, 200)
		b.pass(time.Minute)
		if n > 100*maxStreams {
			t.Fatal("it is never displaced")
		}
	}
	b.gossip(1, a, 2, 3, 4)
	b.wantDelivered(a, 1, 2, 3, 4)
	b.wantGaps()
}

// A new link announces at most maxSyncOrigins origins, and what is kept for the next run
// may be as few. Invented origins displace few of the others in both.
func TestInventedOriginsAreNotAllThatIsAnnounced(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2)
	for n := range byte(100) {
		b.gossip(1, origin(n+1), 1)
	}
	b.pass(2 * time.Minute)
	b.flood(2, 0, 5000)
	b.up(3)
	b.LinkDown(b.now, 3, b)
	b.LinkUp(b.now, 3, peerOn(3), b)
	announced := 0
	for _, m := range b.take(3) {
		if have, ok := m.(*IHave); ok {
			for _, r := range have.Ranges {
				if r.Origin.ID[1] == 0xee && r.Origin != b.cfg.Self {
					announced++
				}
			}
		}
	}
	heard := b.Heard()
	kept := 0
	for _, r := range heard[len(heard)-maxSyncOrigins:] {
		if r.Origin.ID[1] == 0xee {
			kept++
		}
	}
	if announced != 100 || kept != 100 {
		t.Errorf("%d of 100 origins are announced, %d kept", announced, kept)
	}
}

// BenchmarkNewcomers measures the cost of a new origin if all places are taken.
func BenchmarkNewcomers(b *testing.B) {
	tree := newBench(nil, Config{})
	tree.up(1, 2)
	tree.flood(1, 0, maxStreams)
	n := uint64(maxStreams)
	g := event(invent(n), 1)
	for b.Loop() {
		n++
		g.Origin = invent(n)
		tree.links.find(2).byID.newcomers = newNewcomers()
		tree.Handle(tree.now, 2, g, tree)
		tree.delivered = tree.delivered[:0]
		tree.sent = tree.sent[:0]
		if n%64 == 0 {
			tree.forget()
		}
	}
}

// nextOf returns the number of the next event of an origin.
func (b *bench) nextOf(o ident.Origin) uint64 {
	if s := b.streams.find(o); s != nil {
		return s.next
	}
	return 1
}

// A neighbour forges pulses of many roots. It displaces no genuine former root: an old
// pulse of that root is still recognised.
func TestForgedRootsDisplaceNoGenuineOne(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2)
	a := origin(200)
	b.get(1, &Pulse{Root: a, Rank: 5, Hops: 1, Count: 10})
	for n := range byte(14) {
		b.get(2, &Pulse{Root: origin(n + 1), Rank: 6 + n, Hops: 1, Count: 10})
		b.pass(100 * time.Millisecond)
	}
	if b.pulse.root != origin(14) {
		t.Fatalf("the root is %v", b.pulse.root)
	}
	if !b.pulse.isPast(b.now, &Pulse{Root: a, Rank: 255, Count: 10}) {
		t.Error("the genuine root was displaced")
	}
}

// A new node requests the events of many origins from before its start. However many there
// are, each is announced, and few wait for it.
func TestEachQuietEventIsAnnounced(t *testing.T) {
	b := newBench(t, Config{Rewind: time.Hour})
	b.up(1, 2)
	const origins = 3000
	announced := 0
	count := func() {
		for _, m := range b.take(2) {
			if have, ok := m.(*IHave); ok {
				announced += len(have.Ranges)
			}
		}
	}
	for n := range uint64(origins) {
		o := invent(n)
		b.get(1, &IHave{Ranges: []Range{{o, 1, 2}}, Sync: true})
		b.get(1, old(o, 1, time.Minute))
		if len(b.quiet) > maxQuiet {
			t.Fatalf("%d events wait", len(b.quiet))
		}
		if n%64 == 0 {
			b.pass(time.Millisecond)
			count()
		}
	}
	b.pass(10 * time.Second)
	count()
	if announced != origins {
		t.Errorf("%d of %d events were announced", announced, origins)
	}
}

// Events of many origins leave the history before they were announced. However many there
// are, each origin is announced, and few wait for it.
func TestEachSkippedOriginIsAnnounced(t *testing.T) {
	b := newBench(t, Config{HistoryBytes: 1 << 20})
	b.up(1, 2)
	b.lazy(2)
	const origins = 6000
	announced := make(map[ident.Origin]bool)
	for n := range uint64(origins) {
		b.get(1, large(invent(n), 1, 8<<10))
		if len(b.skipped) > maxSkipped {
			t.Fatalf("%d origins wait", len(b.skipped))
		}
		b.pass(0)
		for _, m := range b.take(2) {
			if have, ok := m.(*IHave); ok {
				for _, r := range have.Ranges {
					announced[r.Origin] = true
				}
			}
		}
	}
	b.pass(10 * time.Second)
	for _, m := range b.take(2) {
		if have, ok := m.(*IHave); ok {
			for _, r := range have.Ranges {
				announced[r.Origin] = true
			}
		}
	}
	if len(announced) != origins {
		t.Errorf("%d of %d origins were announced", len(announced), origins)
	}
}
