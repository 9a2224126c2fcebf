package plumtree

import (
	"time"
)

// lateness learns how long after it was announced an event may still come by
// itself. Where links take 100 ms, an announcement over two of them overtakes
// an event that goes over five; to ask for it then brings it twice, and the tree
// is rebuilt for nothing, again and again.
//
// It learns from what was missed and came by itself before it was asked for,
// and from duplicates of what was asked for in vain.
type lateness struct {
	most   time.Duration // in this period
	before time.Duration // in the one before
	since  time.Time     // the beginning of this period
	asked  [16]question  // the latest ones
	next   int
}

// question is a run of events that were asked for.
type question struct {
	Range
	since time.Time // when they were missed first
}

// A lateness is remembered for so long, and at most for twice as long.
const latenessLasts = time.Minute

// wait is how long an announced event may take to come by itself.
func (t *Tree) wait(now time.Time) time.Duration {
	t.late.turn(now)
	late := max(t.late.most, t.late.before)
	return min(max(t.cfg.GraftDelay, late+late/4), t.cfg.OrderWait/2, t.reach(now)/4)
}

func (l *lateness) turn(now time.Time) {
	if age := now.Sub(l.since); age >= latenessLasts {
		if l.before = l.most; age >= 2*latenessLasts {
			l.before = 0
		}
		l.most, l.since = 0, now
	}
}

// learn takes how late an event was.
func (l *lateness) learn(now time.Time, late time.Duration) {
	l.turn(now)
	l.most = max(l.most, late)
}

// asks notes what is asked for.
func (l *lateness) asks(missing []Range, since time.Time) {
	for _, r := range missing[:min(len(missing), 4)] {
		l.asked[l.next] = question{r, since}
		l.next = (l.next + 1) % len(l.asked)
	}
}

// duplicate looks whether events that came twice had been asked for.
func (l *lateness) duplicate(now time.Time, twice Range) {
	for i := range l.asked {
		if q := &l.asked[i]; q.Origin == twice.Origin && twice.From < q.To && twice.To > q.From {
			l.learn(now, now.Sub(q.since))
			*q = question{}
		}
	}
}
