package sim

import (
	"cmp"
	"slices"

	"github.com/smokesignal-go/smokesignal/internal/overlay"
)

// event is a future event: something happens at an end of a link or at a node, or do is
// called.
type event struct {
	what what
	half *half // the end at which it happens; nil for wake and call
	node *Node
	msg  any
	do   func()
}

type what uint8

const (
	call    what = iota // call do
	wake                // the node's machine wants Advance
	hello               // a HELLO arrives at half
	message             // msg arrives at half
	end                 // half learns that the link has ended
)

// queue holds future events, earliest first, and in order of insertion if times are equal.
//
// It is a wheel of two rings, not a heap. Most events are frames that arrive within
// milliseconds; with a heap, the memory to visit for each of these grows with the network.
// The near ring holds the slots of the current block of time, unsorted; a slot is sorted
// when its time comes. The far ring holds the blocks after that one. Later events are in a
// list beyond both.
type queue struct {
	due    []item // the current slot, sorted; the items before head have happened
	head   int
	slot   int64 // the number of the current slot: its time in units of slots
	left   int   // how many items the queue holds
	nearby int   // how many of them are in near
	near   [1 << nearBits]*chunk
	far    [1 << farBits]*chunk
	beyond []item
	spare  *chunk
	count  uint64 // how many items were ever added
}

// item fills one cache line.
type item struct {
	at     int64 // virtual nanoseconds
	number uint64
	event
}

// chunk is a part of a slot or block in a ring. A few slots are much larger than the
// others, and at each time these are different ones. If each slot had its own slice, every
// slice would grow to the length of the longest.
type chunk struct {
	next  *chunk
	items []item // a slice of room
	room  [15]item
}

const (
	slotBits = 16 // 66 µs: some ten events in a network of 10 000 nodes
	nearBits = 10 // 67 ms: longer than the delay of most links
	farBits  = 9  // 34 s: longer than most timeouts
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

// insert puts an item into the current slot. It is the newest, so it comes after all items
// of the same time.
func (q *queue) insert(it item) {
	q.due = append(q.due, it)
	i := len(q.due) - 1
	for ; i > q.head && it.at < q.due[i-1].at; i-- {
		q.due[i] = q.due[i-1]
	}
	q.due[i] = it
}

// add appends an item to a slot or block, which is not sorted.
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

// take calls each with the items of a slot or block, and empties it.
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

// next returns the time of the earliest event, and false if it is later than until.
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

// bringNear moves the items of the block that begins from the far ring to the near ring.
func (q *queue) bringNear() {
	q.take(&q.far[q.slot>>nearBits&(1<<farBits-1)], func(items []item) {
		for _, it := range items {
			q.add(&q.near[it.at>>slotBits&(1<<nearBits-1)], it)
		}
		q.nearby += len(items)
	})
}

// bringFar moves items from beyond to the far ring, when the far ring begins anew.
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

// happen handles an event whose time has come, unless a cut blocks it.
func (n *Net) happen(e event) {
	if e.half == nil || !e.half.holds(e) {
		n.handle(e)
	}
}

// handle performs an event. If the event's node is stalled, the event waits until the stall
// ends.
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

// later calls do for a node after d nanoseconds, if the node is still in the same life.
func (node *Node) later(d int64, do func(m *overlay.Machine)) {
	n, life := node.net, node.life
	n.queue.put(n.t+d, event{node: node, do: func() {
		if node.Alive && node.life == life {
			do(node.Machine)
			n.rearm(node)
		}
	}})
}
