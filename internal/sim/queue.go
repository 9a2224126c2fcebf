package sim

import (
	"github.com/smokesignal-go/smokesignal/internal/overlay"
)

// event is something that is going to happen: at an end of a link, at a node,
// or (do) to the network.
type event struct {
	what what
	half *half // the end at which it happens; nil for a wake
	node *Node
	msg  any
	do   func()
}

type what uint8

const (
	call  what = iota // do it
	wake              // the node's machine wants Advance
	hello             // a greeting comes to half
	frame             // msg comes to half
	end               // half hears that the link is over
)

// queue is what is going to happen, earliest first, and in the order in which
// it was put in where times are equal. The keys are a heap of four children a
// node, apart from the events, so that sifting moves little and finds most of
// it in one line of the cache.
type queue struct {
	keys   []key
	events []event
	free   []int32 // places in events
	count  uint64  // ever put in
}

type key struct {
	at     int64 // virtual nanoseconds
	number uint64
	event  int32
}

func (k key) before(other key) bool {
	return k.at < other.at || k.at == other.at && k.number < other.number
}

func (q *queue) put(at int64, e event) {
	var place int32
	if last := len(q.free) - 1; last >= 0 {
		place = q.free[last]
		q.free = q.free[:last]
		q.events[place] = e
	} else {
		place = int32(len(q.events))
		q.events = append(q.events, e)
	}
	q.count++
	k := key{at, q.count, place}
	q.keys = append(q.keys, k)
	i := len(q.keys) - 1
	for i > 0 {
		parent := (i - 1) / 4
		if !k.before(q.keys[parent]) {
			break
		}
		q.keys[i] = q.keys[parent]
		i = parent
	}
	q.keys[i] = k
}

// next is when the earliest event happens.
func (q *queue) next() (at int64, ok bool) {
	if len(q.keys) == 0 {
		return 0, false
	}
	return q.keys[0].at, true
}

func (q *queue) pop() event {
	first := q.keys[0]
	last := len(q.keys) - 1
	k := q.keys[last]
	q.keys = q.keys[:last]
	for i := 0; last > 0; {
		least := 4*i + 1
		if least >= last {
			q.keys[i] = k
			break
		}
		end := min(least+4, last)
		for c := least + 1; c < end; c++ {
			if q.keys[c].before(q.keys[least]) {
				least = c
			}
		}
		if !q.keys[least].before(k) {
			q.keys[i] = k
			break
		}
		q.keys[i] = q.keys[least]
		i = least
	}
	e := q.events[first.event]
	q.events[first.event] = event{}
	q.free = append(q.free, first.event)
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
