package sim

import (
	"cmp"
	"slices"

	"github.com/smokesignal-go/smokesignal/internal/overlay"
)

// event is a future event: at an end of a link, at a node, or (do) in the network.
type event struct {
	what what
	half *half // the end at which it happens; nil for a wake
	node *Node
	msg  any
	do   func()
}

type what uint8

const (
	call    what = iota // do it
	wake                // the node's machine wants Advance
	hello               // a greeting comes to half
	message             // msg comes to half
	end                 // half hears that the link is over
)

// queue holds future events, earliest first, and in order of insertion if times are equal.
//
// It is a wheel of two rings, not a heap. Most events are frames that arrive within
// milliseconds; for these a heap walks through memory as deep as the network is large. The
// near ring holds the slots of the current block of time, unsorted; a slot is sorted when
// its time comes. The far ring holds the blocks after that one. Later events are in a list
// beyond both.
type queue struct {
	due    []item // the slot under way, sorted; what is before head has happened
	head   int
	slot   int64 // its number: time in units of slots
	left   int   // all events
	nearby int   // those in near
	near   [1 << nearBits]*chunk
	far    [1 << farBits]*chunk
	beyond []item
	spare  *chunk
	count  uint64 // ever put in
}

// item is one line of the cache.
type item struct {
	at     int64 // virtual nanoseconds
	number uint64
	event
}

// chunk is a part of a slot or a block that has not come yet. Slots differ much,
// and each at another time: lists of their own would all grow as long as the
// longest.
type chunk struct {
	next  *chunk
	items []item // of room
	room  [15]item
}

const (
	slotBits = 16 // 66 µs: in a network of 10 000 some ten events
	nearBits = 10 // 67 ms: longer than most links take
	farBits  = 9  // 34 s: longer than most things are waited for
)

func (q *queue) put(at int64, e event) {
	q.count++
	q.left++
	it := item{at, q.count, e}
	switch slot := at >> slotBits; {
	case slot <= q.slot:
		q.insert(it)
	case slot>>nearBits == q.slot>>nearBits:
		q.add(&q.near[slot&(1<<nearBits-1)], it)
		q.nearby++
	case slot>>(nearBits+farBits) == q.slot>>(nearBits+farBits):
		q.add(&q.far[slot>>nearBits&(1<<farBits-1)], it)
	default:
		q.beyond = append(q.beyond, it)
	}
}

// insert puts an item into the slot under way. It is the youngest, so it comes
// after all of its time.
func (q *queue) insert(it item) {
	q.due = append(q.due, it)
	i := len(q.due) - 1
	for ; i > q.head && it.at < q.due[i-1].at; i-- {
		q.due[i] = q.due[i-1]
	}
	q.due[i] = it
}

// add puts an item into a slot or a block, in no order.
func (q *queue) add(list **chunk, it item) {
	c := *list
	if c == nil || len(c.items) == len(c.room) {
		if c = q.spare; c != nil {
			q.spare = c.next
		} else {
			c = new(chunk)
		}
		c.next, c.items = *list, c.room[:0]
		*list = c
	}
	c.items = append(c.items, it)
}

// take empties a slot or a block.
func (q *queue) take(list **chunk, each func(items []item)) {
	for c := *list; c != nil; {
		each(c.items)
		clear(c.items)
		next := c.next
		c.next, q.spare = q.spare, c
		c = next
	}
	*list = nil
}

// next is when the earliest event happens; not ok if that is after a time.
func (q *queue) next(until int64) (at int64, ok bool) {
	for q.head == len(q.due) {
		q.due, q.head = q.due[:0], 0
		if q.left == 0 || q.slot >= until>>slotBits {
			return 0, false
		}
		q.turn(until >> slotBits)
	}
	at = q.due[q.head].at
	return at, at <= until
}

// turn moves to the next slot, skipping empty ones, but not past last.
func (q *queue) turn(last int64) {
	if q.nearby == 0 {
		q.slot = min(q.slot|(1<<nearBits-1), last-1)
	}
	q.slot++
	if q.slot&(1<<nearBits-1) == 0 {
		if q.slot&(1<<(nearBits+farBits)-1) == 0 {
			q.bringFar()
		}
		q.bringNear()
	}
	q.take(&q.near[q.slot&(1<<nearBits-1)], func(items []item) { q.due = append(q.due, items...) })
	q.nearby -= len(q.due)
	slices.SortFunc(q.due, func(a, b item) int {
		if a.at != b.at {
			return cmp.Compare(a.at, b.at)
		}
		return cmp.Compare(a.number, b.number)
	})
}

// bringNear spreads the block that begins over the near ring.
func (q *queue) bringNear() {
	q.take(&q.far[q.slot>>nearBits&(1<<farBits-1)], func(items []item) {
		for _, it := range items {
			q.add(&q.near[it.at>>slotBits&(1<<nearBits-1)], it)
		}
		q.nearby += len(items)
	})
}

// bringFar spreads what was beyond the far ring over it, when that begins anew.
func (q *queue) bringFar() {
	items := q.beyond
	q.beyond = nil
	for _, it := range items {
		if block := it.at >> (slotBits + nearBits); block>>farBits == q.slot>>(nearBits+farBits) {
			q.add(&q.far[block&(1<<farBits-1)], it)
		} else {
			q.beyond = append(q.beyond, it)
		}
	}
}

// pop removes the event that next returned.
func (q *queue) pop() event {
	it := &q.due[q.head]
	e := it.event
	*it = item{}
	q.head++
	q.left--
	return e
}

// happen takes an event whose time has come, unless a cut holds it up.
func (n *Net) happen(e event) {
	if e.half == nil || !e.half.holds(e) {
		n.handle(e)
	}
}

// handle does what an event says, unless its node is stalled: then it waits.
func (n *Net) handle(e event) {
	if e.node != nil && e.node.stalled {
		e.node.backlog = append(e.node.backlog, e)
		return
	}
	switch e.what {
	case call:
		e.do()
	case wake:
		n.wake(e.node)
	default:
		e.half.arrive(e)
	}
}

// later does something for a node after a while, if it still lives that life.
func (node *Node) later(d int64, do func(m *overlay.Machine)) {
	n, life := node.net, node.life
	n.queue.put(n.t+d, event{node: node, do: func() {
		if node.Alive && node.life == life {
			do(node.Machine)
			n.rearm(node)
		}
	}})
}
