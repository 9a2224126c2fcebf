package smoke

import (
	"slices"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
)

// What comes into the outbox while the writer writes is not what the writer has.
func TestWhatIsWrittenIsNotWhatWaits(t *testing.T) {
	var u unsaid
	for round := range uint64(4) {
		first := span{round * 10, round*10 + 5}
		u.own = append(u.own, first)
		u.take()
		u.own = append(u.own, span{first.to, first.to + 5})
		if !slices.Equal(u.ownTaken, []span{first}) {
			t.Fatalf("round %d: the writer has %v, want %v", round, u.ownTaken, first)
		}
		u.own, u.ownTaken = u.own[:0], u.ownTaken[:0]
	}
}

// Spans that are put back are one again where they meet.
func TestPutBack(t *testing.T) {
	for _, test := range []struct {
		left []span
		s    span
		want []span
	}{
		{nil, span{3, 5}, []span{{3, 5}}},
		{[]span{{5, 7}}, span{3, 5}, []span{{3, 7}}},
		{[]span{{1, 2}, {9, 12}}, span{3, 5}, []span{{1, 2}, {3, 5}, {9, 12}}},
		{[]span{{1, 3}, {4, 5}, {9, 12}}, span{3, 9}, []span{{1, 12}}},
		{[]span{{1, 12}}, span{3, 5}, []span{{1, 12}}},
		{[]span{{1, 2}}, span{3, 5}, []span{{1, 2}, {3, 5}}},
	} {
		o := ownEvents{left: slices.Clone(test.left)}
		if o.putBack(test.s); !slices.Equal(o.left, test.want) {
			t.Errorf("%v into %v: %v, want %v", test.s, test.left, o.left, test.want)
		}
	}
}

// A neighbour that is heard long enough after something was written to it has read it; what
// was written since is in doubt for longer. What a link loses is not taken.
func TestDoubtEnds(t *testing.T) {
	var o ownEvents
	l := &link{}
	start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	o.doubtful(l, []span{{1, 4}}, start)
	l.doubt.isHeard(&o, start.Add(doubtFor/2))
	o.doubtful(l, []span{{4, 6}}, start.Add(doubtFor/2))
	l.doubt.isHeard(&o, start.Add(doubtFor))
	o.doubtful(l, []span{{6, 9}}, start.Add(doubtFor+1))
	l.doubt.isHeard(&o, start.Add(2*doubtFor))
	if o.lose(l); !slices.Equal(o.left, []span{{6, 9}}) {
		t.Errorf("lost: %v, want what was written last", o.left)
	}
	if o.lose(l); l.doubt.until.Load() != 0 {
		t.Error("an empty doubt has an end")
	}
}

// A neighbour that announces events of this node has them, or had them.
func TestAnnouncedIsTaken(t *testing.T) {
	self := ident.Origin{ID: ident.ID{1}, Epoch: 7}
	o := ownEvents{left: []span{{1, 20}}}
	o.announced(self, &plumtree.IHave{Ranges: []plumtree.Range{
		{Origin: ident.Origin{ID: self.ID, Epoch: 6}, From: 1, To: 20},
		{Origin: self, From: 10, To: 12},
	}})
	o.announced(self, &plumtree.IHave{Sync: true, Ranges: []plumtree.Range{{Origin: self, From: 5, To: 5}}})
	if want := []span{{5, 10}, {12, 20}}; !slices.Equal(o.left, want) {
		t.Errorf("left: %v, want %v", o.left, want)
	}
}
