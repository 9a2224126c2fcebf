package plumtree

import (
	"container/heap"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// agenda holds the streams with missing events, ordered by the time of the next request.
// It is a heap because there may be thousands of streams, and every Advance needs the
// first one.
type agenda []*stream

// askFrom sets when a stream's missing events are requested next.
func (a *agenda) askFrom(s *stream, at time.Time) {
	s.askAt = at
	heap.Fix(a, s.place)
}

// due returns the streams whose next request is due.
func (a agenda) due(now time.Time) (list []*stream) {
	var walk func(i int)
	walk = func(i int) {
		if i < len(a) && !now.Before(a[i].askAt) {
			list = append(list, a[i])
			walk(2*i + 1)
			walk(2*i + 2)
		}
	}
	walk(0)
	return list
}

// Len implements heap.Interface, as do the next methods.
func (a agenda) Len() int { return len(a) }

func (a agenda) Less(i, j int) bool { return a[i].askAt.Before(a[j].askAt) }

func (a agenda) Swap(i, j int) {
	a[i], a[j] = a[j], a[i]
	a[i].place, a[j].place = i, j
}

func (a *agenda) Push(s any) {
	s.(*stream).place = len(*a)
	*a = append(*a, s.(*stream))
}

func (a *agenda) Pop() any {
	last := len(*a) - 1
	s := (*a)[last]
	(*a)[last] = nil
	*a = (*a)[:last]
	return s
}

// inquiries are the requests that are sent at the end of the current call.
type inquiries []inquiry

// inquiry is a request for missing events, together with the link on which it is sent.
type inquiry struct {
	of ident.Link
	*Graft
}

// add queues a request for missing events. The requests for many origins share a few
// frames.
func (list *inquiries) add(of ident.Link, missing []Range, maxAge time.Duration) {
	for i := len(*list) - 1; i >= 0; i-- {
		if q := &(*list)[i]; q.of == of && q.Eager && q.MaxAge == maxAge && len(q.Ranges)+len(missing) <= maxRanges {
			q.Ranges = append(q.Ranges, missing...)
			return
		}
	}
	*list = append(*list, inquiry{of, &Graft{Ranges: missing, Eager: true, MaxAge: maxAge}})
}
