package smoke

import (
	"sync"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/roster"
)

// Netsplit reports that this node's part of the network has found another part, of which
// it knew nothing before. The parts begin to merge. During a partition a node can't know
// the other side; see [SeedLost] for what it can know.
type Netsplit struct {
	// Ours and Other name the two parts. Each is the lowest id among the nodes of the part
	// that send beacons, the small messages by which a part is recognised. Seeds send
	// them, or another node if the part has no seed. It is zero if no node sends them.
	Ours, Other ID
}

// Heal reports that the parts of the last [Netsplit] have become one network.
type Heal struct {
	// After is the time since the Netsplit, in which the parts merged. It does not
	// include the time of the partition.
	After time.Duration
}

// SeedLost reports that a seed does not answer, and that the node received nothing from
// it for ten seconds, or nothing since Start ten seconds ago. The seed is down, or behind
// a partition: the node can't distinguish these until the partition heals.
type SeedLost struct {
	Addr string // "ip:port", or the seed as in Options.Seeds if it resolves to no address
	Err  error  // the error of the last dial or look-up
}

// SeedBack ends a [SeedLost]: the seed answers or sends again, its name can be resolved
// again, or its name does not resolve to that address any more.
type SeedBack struct {
	Addr string
}

// Gap reports events that handlers will not receive: those of Origin with From ≤ Seq <
// To. If Origin is this node itself, no other node receives them, because they left its
// history before a neighbour took them. Other events are lost with the nodes that had
// them, or left all histories before this node could pull them, or were dropped because
// the handlers were too slow (Slow).
type Gap struct {
	Origin   ID // zero if events of several origins were dropped
	From, To uint64
	Slow     bool
	Events   int // number of lost events; with Slow it can be less than To-From

	// Queue is set if the events were dropped from the queue of one handler ([Queue],
	// [Messages]), while other handlers have received them. It has the name of the first
	// of the events. "" means that no handler has received them.
	Queue string
}

// hook is the list of the functions that are registered for one kind of report, such as
// OnGap.
type hook[T any] struct {
	mu  sync.Mutex // guards fns; never held while one runs
	fns roster.Roster[func(T)]
}

func (h *hook[T]) on(fn func(T)) (off func()) {
	if fn == nil {
		return func() {}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	mine := h.fns.Add(fn)
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.fns.Remove(mine)
	}
}

// all returns the functions in the order of their registration.
func (h *hook[T]) all() []func(T) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.fns.All()
}

// run queues the functions for the handlers' goroutine, in order with events.
func (h *hook[T]) run(n *Node, occasion T) {
	for _, fn := range h.all() {
		n.events.Do(func() { fn(occasion) })
	}
}

type hooks struct {
	connect, disconnect hook[struct{}]
	netsplit            hook[Netsplit]
	heal                hook[Heal]
	gap                 hook[Gap]
	seedLost            hook[SeedLost]
	seedBack            hook[SeedBack]
	refused             hook[Refusal]
	conflict            hook[Conflict]
}

// OnConnect registers a hook that runs when the node gets its first neighbour. Like all
// hooks it runs on the goroutine of the node's handlers, in order with them. The returned
// function removes the hook.
func (n *Node) OnConnect(fn func()) (off func()) { return n.hooks.connect.on(plain(fn)) }

// OnDisconnect registers a hook that runs when the last neighbour is gone. The node keeps
// looking for others.
func (n *Node) OnDisconnect(fn func()) (off func()) { return n.hooks.disconnect.on(plain(fn)) }

// OnNetsplit registers a hook for the discovery of another part of the network. It runs
// once for each netsplit, on every node of both parts. It runs when the netsplit ends, not
// when it begins: for an alarm at its beginning use [Node.OnSeedLost]. It does not run if
// the parts were separate for less than about ten seconds, or if one of them has existed
// for less than that.
func (n *Node) OnNetsplit(fn func(Netsplit)) (off func()) { return n.hooks.netsplit.on(fn) }

// OnHeal registers a hook for the end of a netsplit: four seconds after the last of the
// other parts has joined. It runs once for each OnNetsplit. If a network splits into dozens
// of parts, its end can count as two netsplits in a row. If the parts take more than a
// minute to join, it always does.
func (n *Node) OnHeal(fn func(Heal)) (off func()) { return n.hooks.heal.on(fn) }

// OnGap registers a hook for lost events. It runs in place of these events, before later
// ones of the same origin. In one case the events can still arrive later: if a neighbour
// reported that the last events of an origin are gone, but another node still has them.
//
// Events that were emitted before this node's Start are never a gap, even with [Rewind].
// Gaps of own events are reported together, within a second.
func (n *Node) OnGap(fn func(Gap)) (off func()) { return n.hooks.gap.on(fn) }

// OnSeedLost registers a hook for seeds that do not answer. Seeds are the addresses in
// Options.Seeds, and the addresses to which names there resolve now. The hook runs once
// for each seed until OnSeedBack, also while the node has neighbours.
func (n *Node) OnSeedLost(fn func(SeedLost)) (off func()) { return n.hooks.seedLost.on(fn) }

// OnSeedBack registers a hook for the end of a [SeedLost].
func (n *Node) OnSeedBack(fn func(SeedBack)) (off func()) { return n.hooks.seedBack.on(fn) }

func plain(fn func()) func(struct{}) {
	if fn == nil {
		return nil
	}
	return func(struct{}) { fn() }
}
