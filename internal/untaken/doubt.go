package untaken

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
)

// doubtFor is a time after which a neighbour that is still heard has read what was written
// to it. A guess: more than a round trip.
const doubtFor = time.Second

// Doubt holds the events of this node that were written to one link lately. If nothing is
// heard on the link after that, the neighbour has died and has not read them. It usually
// holds one Span. Events.mu guards all but the time.
type Doubt struct {
	older, newer []Span
	// until is when what is heard proves that older was read, in nanoseconds since 1970.
	// 0: nothing is in doubt.
	until atomic.Int64
}

// Doubtful notes what was written to a link now.
func (o *Events) Doubtful(d *Doubt, list []Span, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range list {
		if n := len(d.newer); n > 0 && d.newer[n-1].To == s.From {
			d.newer[n-1].To = s.To
		} else if n < mostHoles {
			d.newer = append(d.newer, s)
		}
	}
	if d.until.Load() == 0 {
		d.until.Store(now.Add(doubtFor).UnixNano())
	}
}

// Heard notes that something came on the link. What was written doubtFor ago or earlier
// is in doubt no more.
func (d *Doubt) Heard(o *Events, now time.Time) {
	if until := d.until.Load(); until == 0 || now.UnixNano() < until {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	d.older, d.newer = d.newer, d.older[:0]
	until := int64(0)
	if len(d.older) > 0 {
		until = now.Add(doubtFor).UnixNano()
	}
	d.until.Store(until)
}

// recentFor: a neighbour that leaves may not have passed on what was emitted so shortly
// before its goodbye came. A guess: more than a round trip.
const recentFor = 100 * time.Millisecond

// LoseRecent takes back the events of the last 100 ms: the neighbours that took them
// leave.
func (o *Events) LoseRecent(now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if now.Sub(o.latest) >= recentFor {
		return
	}
	from := o.marks[1]
	if now.Sub(o.marks[0].at) < 2*recentFor {
		from = o.marks[0] // between the marks, too, something was emitted less than recentFor ago
	}
	o.putBack(Span{from.seq, o.last + 1})
}

// Lose takes back what is in doubt on a link: no node is known to have it.
func (o *Events) Lose(d *Doubt) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range d.older {
		o.putBack(s)
	}
	for _, s := range d.newer {
		o.putBack(s)
	}
	d.older, d.newer = nil, nil
	d.until.Store(0)
}

// putBack adds a span to those that no neighbour has taken. The caller holds mu.
func (o *Events) putBack(s Span) {
	i := 0
	for i < len(o.left) && o.left[i].To < s.From {
		i++
	}
	end := i
	for ; end < len(o.left) && o.left[end].From <= s.To; end++ {
		s.From, s.To = min(s.From, o.left[end].From), max(s.To, o.left[end].To)
	}
	o.left = slices.Replace(o.left, i, end, s)
}

// Announced notes that a neighbour has events of this node, over any way.
func (o *Events) Announced(self ident.Origin, m *plumtree.IHave) {
	for _, r := range m.Ranges {
		if r.Origin != self {
			continue
		}
		s := Span{r.From, r.To}
		if m.Sync && r.From == r.To {
			s.From = 0 // it has come that far, and holds none of them any more
		}
		if s.From < s.To {
			o.Take([]Span{s})
		}
	}
}
