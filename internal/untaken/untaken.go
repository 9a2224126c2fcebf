// Package untaken keeps account of the events of a node that no neighbour has taken, so
// that a node that stops can wait for them, and report what is lost.
//
// An event is taken when it was written to the connection of one neighbour. It is in doubt
// until that neighbour is heard again: if it has died, it may not have read the event.
package untaken

import (
	"slices"
	"sync"
	"time"
)

// mostHoles bounds the ranges of events that were not taken. Only a peer that pulls
// events out of order makes holes.
const mostHoles = 256

// Span is the numbers From ≤ n < To of events of this node.
type Span struct{ From, To uint64 }

// Events are the events of this node in one life that no neighbour has taken. It may
// be used by many goroutines. Its lock is taken inside all others.
type Events struct {
	mu     sync.Mutex // guards all below
	left   []Span     // in order
	last   uint64     // the number of the last one that was emitted
	latest time.Time  // when that was
	marks  [2]mark    // recentFor apart at least, the older one first
	taken  func()     // called, with mu held, when all are taken; may be nil
}

// mark is when a node has emitted an event.
type mark struct {
	at  time.Time
	seq uint64
}

// Add adds the event that was emitted now.
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

// Take takes out what a neighbour has taken.
func (o *Events) Take(list []Span) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.left) == 0 {
		return // a second neighbour, as a rule
	}
	for _, s := range list {
		o.takeOne(s)
	}
	if len(o.left) == 0 && o.taken != nil {
		o.taken()
	}
}

// takeOne takes out one Span. The caller holds mu.
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
			return // counted as not taken, which errs towards an error
		default:
			rest := Span{s.To, l.To}
			l.To = s.From
			o.left = slices.Insert(o.left, i+1, rest)
			return
		}
	}
}

// OnTaken has f called when all are taken, with the lock held. It reports whether some
// are not taken yet.
func (o *Events) OnTaken(f func()) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.taken = f
	return len(o.left) > 0
}

// Count returns how many there are from a number on, and when the last one was emitted.
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
