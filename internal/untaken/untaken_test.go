package untaken

import (
	"slices"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
)

// Spans that are put back are joined with their neighbours.
func TestPutBack(t *testing.T) {
	for _, test := range []struct {
		left []Span
		s    Span
		want []Span
	}{
		{nil, Span{3, 5}, []Span{{3, 5}}},
		{[]Span{{5, 7}}, Span{3, 5}, []Span{{3, 7}}},
		{[]Span{{1, 2}, {9, 12}}, Span{3, 5}, []Span{{1, 2}, {3, 5}, {9, 12}}},
		{[]Span{{1, 3}, {4, 5}, {9, 12}}, Span{3, 9}, []Span{{1, 12}}},
		{[]Span{{1, 12}}, Span{3, 5}, []Span{{1, 12}}},
		{[]Span{{1, 2}}, Span{3, 5}, []Span{{1, 2}, {3, 5}}},
	} {
		o := Events{left: slices.Clone(test.left)}
		if o.putBack(test.s); !slices.Equal(o.left, test.want) {
			t.Errorf("%v into %v: %v, want %v", test.s, test.left, o.left, test.want)
		}
	}
}

// If a neighbour is heard long enough after an event was written to it, it has read the
// event. Events that were written later stay in doubt. Events that are in doubt when their
// link ends are not taken.
func TestDoubtEnds(t *testing.T) {
	var o Events
	var d Doubt
	start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	o.Doubtful(&d, []Span{{1, 4}}, start)
	d.Heard(&o, start.Add(doubtFor/2))
	o.Doubtful(&d, []Span{{4, 6}}, start.Add(doubtFor/2))
	d.Heard(&o, start.Add(doubtFor))
	o.Doubtful(&d, []Span{{6, 9}}, start.Add(doubtFor+1))
	d.Heard(&o, start.Add(2*doubtFor))
	if o.Lose(&d); !slices.Equal(o.left, []Span{{6, 9}}) {
		t.Errorf("lost: %v, want what was written last", o.left)
	}
	if o.Lose(&d); d.until.Load() != 0 {
		t.Error("an empty doubt has an end")
	}
}

// A neighbour that announces events of this node has them, or had them.
func TestAnnouncedIsTaken(t *testing.T) {
	self := ident.Origin{ID: ident.ID{1}, Epoch: 7}
	o := Events{left: []Span{{1, 20}}}
	o.Announced(self, &plumtree.IHave{Ranges: []plumtree.Range{
		{Origin: ident.Origin{ID: self.ID, Epoch: 6}, From: 1, To: 20},
		{Origin: self, From: 10, To: 12},
	}})
	o.Announced(self, &plumtree.IHave{Sync: true, Ranges: []plumtree.Range{{Origin: self, From: 5, To: 5}}})
	if want := []Span{{5, 10}, {12, 20}}; !slices.Equal(o.left, want) {
		t.Errorf("left: %v, want %v", o.left, want)
	}
}
