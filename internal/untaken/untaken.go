// Package untaken records which events of a node no neighbour has taken. So a node that stops can
// wait for them, and report which are lost.
//
// An event is taken when it has been written to the connection of one neighbour. It is in doubt until
// something arrives from that neighbour: if the neighbour has died, it may not have read the event.
package untaken

import (
	"slices"
	"sync"
	"time"
)

// mostHoles limits the number of ranges that were not taken. Holes occur only if a peer pulls events
// out of order.
const mostHoles = 256

// Span is the range of this node's events with the numbers From ≤ n < To.
type Span struct{ From, To uint64 }

// Events are the events of this node, in one life, that no neighbour has taken. Any goroutine may use
// it. Its lock is the last one to be locked.
type Events struct {
	mu     sync.Mutex // guards all below
	left   []Span     // in order
	last   uint64     // the number of the last event that was emitted
	latest time.Time  // when that event was emitted
	marks  [2]mark    // two events that were emitted at least recentFor apart, the older one first
	taken  func()     // called, with mu held, when all events are taken; may be nil
}

// mark is the time at which an event was emitted.
type mark struct {
	at  time.Time
	seq uint64
}

// Add adds an event that is emitted now.
func (o *Events) Add(seq uint64, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.last, o.latest = seq, now
	if now.Sub(o.marks[1].at) >= recentFor {
		o.marks[0], o.marks[1] = o.marks[1], mark{now, seq}
	}
	if n := len(o.left); n > 0 && o.left[n-1].To == seq {
		o.left[n-1].To++
		return
	}
	o.left = append(o.left, Span{seq, seq + 1})
}

// Take removes events that a neighbour has taken.
func (o *Events) Take(list []Span) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.left) == 0 {
		return // usually another neighbour has taken them before
	}
	for _, s := range list {
		o.takeOne(s)
	}
	if len(o.left) == 0 && o.taken != nil {
		o.taken()
	}
}

// takeOne removes one Span. The caller holds mu.
func (o *Events) takeOne(s Span) {
	for i := 0; i < len(o.left) && o.left[i].From < s.To; {
		l := &o.left[i]
		switch {
		case s.To <= l.From || l.To <= s.From:
			i++
		case s.From <= l.From && l.To <= s.To:
			o.left = slices.Delete(o.left, i, i+1)
		case s.From <= l.From:
			l.From = s.To
			i++
		case l.To <= s.To:
			l.To = s.From
			i++
		case len(o.left) >= mostHoles:
			return // the rest stays counted as not taken, which may cause a false report of a loss
		default:
			rest := Span{s.To, l.To}
			l.To = s.From
			o.left = slices.Insert(o.left, i+1, rest)
			return
		}
	}
}

// OnTaken sets f, which is called when all events are taken, with the lock held. It returns false if
// all are taken already.
func (o *Events) OnTaken(f func()) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.taken = f
	return len(o.left) > 0
}

// Count returns how many untaken events have the given number or a higher one, and when the
// last of all events was emitted.
func (o *Events) Count(from uint64) (n int, latest time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range o.left {
		if s.To > from {
			n += int(s.To - max(s.From, from))
		}
	}
	return n, o.latest
}
