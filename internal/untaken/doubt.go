package untaken

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
)

// doubtFor is how long written events are in doubt. If the neighbour is heard after that time, it has
// read them. A guess: more than a round trip.
const doubtFor = time.Second

// Doubt holds the events of this node that were written to one link a short time ago. If nothing
// arrives on the link after that, the neighbour has died and has not read them. A Doubt usually holds
// one Span. Events.mu guards all fields except until.
type Doubt struct {
	older, newer []Span
	// If anything arrives on the link at until or later, the neighbour has read the older events.
	// In nanoseconds since 1970. 0: no event is in doubt.
	until atomic.Int64
}

// Doubtful records that events are being written to a link now.
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

// Heard records that something arrived on the link. Events that were written doubtFor ago or earlier
// are no longer in doubt.
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

// recentFor is the age from which an event has certainly been relayed by a neighbour that
// leaves. A guess: more than a round trip.
const recentFor = 100 * time.Millisecond

// LoseRecent marks the events of the last 100 ms as not taken. It is called when the
// neighbours that took them leave.
func (o *Events) LoseRecent(now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if now.Sub(o.latest) >= recentFor {
		return
	}
	from := o.marks[1]
	if now.Sub(o.marks[0].at) < 2*recentFor {
		from = o.marks[0] // events between the marks may be younger than recentFor
	}
	o.putBack(Span{from.seq, o.last + 1})
}

// Lose marks the events that are in doubt on a link as not taken: perhaps no node has them.
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

// putBack adds a span to the events that no neighbour has taken. The caller holds mu.
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

// Announced records that a neighbour has announced events of this node, which it may have got from
// any node.
func (o *Events) Announced(self ident.Origin, m *plumtree.IHave) {
	for _, r := range m.Ranges {
		if r.Origin != self {
			continue
		}
		s := Span{r.From, r.To}
		if m.Sync && r.From == r.To {
			s.From = 0 // the neighbour is past that event, and has dropped the earlier ones since
		}
		if s.From < s.To {
			o.Take([]Span{s})
		}
	}
}
