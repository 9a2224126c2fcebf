package plumtree

import (
	"testing"
	"time"
)

// At a goodbye, a lazy link carries the events that are young or were not announced on
// it, within the room of the Fill. An eager link carries its waiting events. A repeated
// goodbye brings no older events, so a peer cannot cause a push of the whole history.
func TestLeavePushesTheLastMoments(t *testing.T) {
	b := newBench(t, Config{NoPulses: true})
	b.up(1, 2, 3)
	a := origin(1)
	b.get(2, &Prune{})
	b.gossip(1, a, 1)
	b.pass(200 * time.Millisecond) // long enough for the announcement
	b.pass(10 * time.Second)
	b.gossip(1, a, 2)
	b.pass(200 * time.Millisecond) // the event is announced, and younger than lastMoments
	b.gossip(1, a, 3)              // this event is not announced yet
	b.take(2)
	b.take(3)
	for range 2 {
		b.Leave(b.now, 2)
		b.Fill(b.now, 2, 1<<10, b)
		b.want(b.take(2), event(a, 2), event(a, 3))
		b.pass(0)
	}
	b.Leave(b.now, 3)
	b.Fill(b.now, 3, 1<<10, b)
	b.want(b.take(3))
	b.Leave(b.now, 9) // no link of this node
	b.pass(10 * time.Second)
	b.take(2)
	b.Leave(b.now, 2)
	b.Fill(b.now, 2, 1<<10, b)
	b.want(b.take(2))
}
