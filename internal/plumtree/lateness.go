package plumtree

import "time"

// lateness learns how long after its announcement an event may still arrive by push. If
// links take 100 ms, an announcement over two links arrives earlier than an event over
// five. A pull then brings the event twice, and the tree is rebuilt again and again for
// no reason.
//
// It learns from events that were missed and arrived before they were requested, and from
// duplicates of requested events.
type lateness struct {
	most   time.Duration // the highest delay in this period
	before time.Duration // the highest delay in the previous period
	since  time.Time     // beginning of this period
	asked  [16]question  // the latest requests
	next   int
}

// question is a run of events that was requested.
type question struct {
	Range
	since time.Time // when the events were first missed
}

// A delay is remembered for at least one period of this length, and at most for two.
const latenessLasts = time.Minute

func (l *lateness) turn(now time.Time) {
	if age := now.Sub(l.since); age >= latenessLasts {
		if l.before = l.most; age >= 2*latenessLasts {
			l.before = 0
		}
		l.most, l.since = 0, now
	}
}

// learn records how late an event was.
func (l *lateness) learn(now time.Time, late time.Duration) {
	l.turn(now)
	l.most = max(l.most, late)
}

// recordAsked stores the ranges of a request.
func (l *lateness) recordAsked(missing []Range, since time.Time) {
	for _, r := range missing[:min(len(missing), 4)] {
		l.asked[l.next] = question{r, since}
		l.next = (l.next + 1) % len(l.asked)
	}
}

// duplicate learns from events that arrived twice, if they had been requested.
func (l *lateness) duplicate(now time.Time, twice Range) {
	for i := range l.asked {
		if q := &l.asked[i]; q.Origin == twice.Origin && twice.From < q.To && twice.To > q.From {
			l.learn(now, now.Sub(q.since))
			*q = question{}
		}
	}
}
