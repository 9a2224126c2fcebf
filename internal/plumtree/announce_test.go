package plumtree

import (
	"testing"
	"time"
)

func (b *bench) announced(l link) (list []Range) {
	for _, m := range b.take(l.id) {
		if ihave, ok := m.(*IHave); ok {
			list = append(list, ihave.Ranges...)
		}
	}
	return list
}

// Lazy links may be at different positions of the log, with an eager link between them.
func TestEachLazyLinkIsToldWhatItWasNot(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2, 3, 4)
	b.get(1, &Prune{})
	b.gossip(4, origin(1), 1)
	b.get(3, &Prune{})
	b.gossip(4, origin(1), 2)
	b.pass(200 * time.Millisecond)
	for i, from := range map[int]uint64{0: 1, 2: 2} {
		if got := b.announced(b.links[i]); len(got) != 1 || got[0] != (Range{origin(1), from, 3}) {
			t.Errorf("link %d was told %v", b.links[i].id, got)
		}
	}
	if got := b.announced(b.links[1]); len(got) != 0 {
		t.Errorf("an eager link was told %v", got)
	}
	b.gossip(4, origin(1), 3)
	b.pass(200 * time.Millisecond)
	for _, i := range []int{0, 2} {
		if got := b.announced(b.links[i]); len(got) != 1 || got[0] != (Range{origin(1), 3, 4}) {
			t.Errorf("then link %d was told %v", b.links[i].id, got)
		}
	}
}

func TestANeighbourIsNotToldWhatItAnnouncedItself(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2, 3)
	b.get(1, &Prune{})
	b.get(2, &Prune{})
	b.gossip(3, origin(1), 1, 2, 3)
	b.get(1, &IHave{Ranges: []Range{{origin(1), 1, 2}}})
	b.get(1, &IHave{Ranges: []Range{{origin(1), 2, 3}}})
	b.pass(200 * time.Millisecond)
	b.want(b.take(1), &IHave{Ranges: []Range{{origin(1), 3, 4}}})
	b.want(b.take(2), &IHave{Ranges: []Range{{origin(1), 1, 4}}})
	b.get(2, &IHave{Ranges: []Range{{origin(1), 3, 6}}})
	b.gossip(3, origin(1), 4, 5)
	b.pass(99 * time.Millisecond)
	b.want(b.take(2))
	for n := range byte(3 * maxKnown) { // many origins, because the stored announcements are bounded
		b.get(1, &IHave{Ranges: []Range{{origin(2 + n), 1, 1}}})
	}
	if n := len(b.links[0].known.ranges); n != maxKnown {
		t.Errorf("%d announcements are remembered", n)
	}
}

// The first pull fails. After that, the tree has learned to wait.
func TestWaitBeforeAGraftIsLearned(t *testing.T) {
	b := newBench(t, Config{})
	b.up(1, 2)
	b.gossip(1, origin(1), 1)
	b.gossip(2, origin(1), 1) // the duplicate causes a PRUNE
	b.take(2)
	late := func(seq uint64, after time.Duration) (grafts uint64) {
		before := b.Stats.Grafts
		b.get(2, &IHave{Ranges: []Range{{origin(1), seq, seq + 1}}})
		b.pass(after)
		b.gossip(1, origin(1), seq)
		b.gossip(2, origin(1), seq) // the answer to the GRAFT, if there was one
		b.pass(time.Second)
		return b.Stats.Grafts - before
	}
	if n := late(2, 400*time.Millisecond); n == 0 {
		t.Fatal("it was not asked for")
	}
	b.get(2, &Prune{})
	for seq := range uint64(20) {
		if n := late(3+seq, 400*time.Millisecond); n > 0 {
			t.Fatalf("event %d was asked for again", 3+seq)
		}
	}
	if w := b.pullDelay(b.now); w < 400*time.Millisecond || w > time.Second {
		t.Errorf("it waits %v", w)
	}
	b.late.learn(b.now, time.Hour)
	if w := b.pullDelay(b.now); w > b.cfg.OrderWait/2 {
		t.Errorf("a liar makes it wait %v", w)
	}
	if w := b.pullDelay(b.now.Add(2 * latenessLasts)); w != b.cfg.GraftDelay {
		t.Errorf("long after it waits %v", w)
	}
}
