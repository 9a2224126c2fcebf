package smoke

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/peerlist"
)

// doubtFor is for how long a neighbour has to be alive after something was written to it
// that it is taken to have read. A guess: more than a round trip.
const doubtFor = time.Second

// doubt are the events of this node that were written to a link lately. If nothing is heard
// on the link after that, its end has died and has not read them. It holds one span as a
// rule. All but the time is guarded by ownEvents.mu.
type doubt struct {
	older, newer []span
	// until is when what is heard proves that older was read, in nanoseconds since 1970.
	// 0: nothing is in doubt.
	until atomic.Int64
}

// doubtful notes what was written to a link now.
func (o *ownEvents) doubtful(l *link, list []span, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	d := &l.doubt
	for _, s := range list {
		if n := len(d.newer); n > 0 && d.newer[n-1].to == s.from {
			d.newer[n-1].to = s.to
		} else if n < mostHoles {
			d.newer = append(d.newer, s)
		}
	}
	if d.until.Load() == 0 {
		d.until.Store(now.Add(doubtFor).UnixNano())
	}
}

// isHeard notes that something came on the link. What was written doubtFor ago or earlier
// is in doubt no more.
func (d *doubt) isHeard(o *ownEvents, now time.Time) {
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

// loseRecent takes back what was emitted recentFor ago and later: the neighbours that took
// it leave.
func (o *ownEvents) loseRecent(now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if now.Sub(o.latest) >= recentFor {
		return
	}
	from := o.marks[1]
	if now.Sub(o.marks[0].at) < 2*recentFor {
		from = o.marks[0] // between the marks, too, something was emitted less than recentFor ago
	}
	o.putBack(span{from.seq, o.last + 1})
}

// lose takes back what is in doubt on a link: nobody is known to have it.
func (o *ownEvents) lose(l *link) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range l.doubt.older {
		o.putBack(s)
	}
	for _, s := range l.doubt.newer {
		o.putBack(s)
	}
	l.doubt.older, l.doubt.newer = nil, nil
	l.doubt.until.Store(0)
}

// putBack adds a span to those that nobody has taken. The caller holds mu.
func (o *ownEvents) putBack(s span) {
	i := 0
	for i < len(o.left) && o.left[i].to < s.from {
		i++
	}
	end := i
	for ; end < len(o.left) && o.left[end].from <= s.to; end++ {
		s.from, s.to = min(s.from, o.left[end].from), max(s.to, o.left[end].to)
	}
	o.left = slices.Replace(o.left, i, end, s)
}

// announced notes that a neighbour has events of this node, whoever brought them.
func (o *ownEvents) announced(self ident.Origin, m *plumtree.IHave) {
	for _, r := range m.Ranges {
		if r.Origin != self {
			continue
		}
		s := span{r.From, r.To}
		if m.Sync && r.From == r.To {
			s.from = 0 // it has come that far, and holds none of them any more
		}
		if s.from < s.to {
			o.take([]span{s})
		}
	}
}

// doubtAlone is the end of a link that has died. If there is no other neighbour, which
// would have been told of the events and would pull what it does not have, what the dead
// one may not have read counts as not taken. The caller holds mu.
func (d *driver) doubtAlone(l *link) {
	if d.neighbours.Len() == 0 {
		d.own.lose(l)
	}
}

// doubtLeft is the goodbye of a neighbour that stops. If it was the only one, and knows
// other nodes, it may not pass on to them what this node has emitted just before. Where both
// stop, see doubtLast. The caller holds mu.
func (d *driver) doubtLeft(l *link, now time.Time) {
	if !d.hasLeft && len(l.others) > 0 && d.neighbours.Len() == 0 {
		d.own.loseRecent(now)
	}
}

// doubtLast is for the end of this life. If no peer has hung up, which it does when it has
// read everything, none may have read the last events. If all those that have leave too,
// and know nodes that are no neighbours of this one, they may not have passed them on. The
// links are those that were open when the stop began, at left.
func (d *driver) doubtLast(open []*link, left time.Time) {
	var neighbours []ident.ID // that have read everything
	var others []ident.ID     // that these know
	for _, l := range open {
		select {
		case <-l.ended:
			if l.hungUp && !l.leaves {
				return
			}
			if l.hungUp && l.peer != nil {
				neighbours = append(neighbours, l.peer.id)
				others = append(others, l.others...)
			}
		default:
		}
	}
	if len(neighbours) > 0 && !slices.ContainsFunc(others, func(id ident.ID) bool { return !slices.Contains(neighbours, id) }) {
		return
	}
	if len(neighbours) > 0 {
		d.own.loseRecent(left)
		return
	}
	for _, l := range open {
		d.own.lose(l)
	}
}

// takeGoodbye notes what a peer says at the end. The caller holds driver.mu.
func (l *link) takeGoodbye(m *peerlist.Disconnect) {
	l.goodbye = true
	if m.Reason != peerlist.ReasonLeave {
		return
	}
	l.leaves, l.others = true, nil
	for _, c := range m.Try {
		l.others = append(l.others, c.ID)
	}
}
