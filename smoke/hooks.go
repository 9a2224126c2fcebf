package smoke

import (
	"sync"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/roster"
)

// Netsplit says that another living part of the network was found: until now
// the two knew nothing of each other. The merging has begun. While a cut lasts
// nothing can be known of the other side; see [SeedLost] for what can.
type Netsplit struct {
	Ours, Other ID // the lowest beaconing nodes of the two parts; zero where there is none
}

// Heal says that the parts of the last [Netsplit] have become one.
type Heal struct {
	After time.Duration // since the Netsplit: what the merging took, not how long the cut lasted
}

// SeedLost says that a seed does not answer: it was not heard for ten seconds, or
// never since the node started ten seconds ago. It is down, or a cut lies between; the
// two can't be told apart before something crosses the cut.
type SeedLost struct {
	Addr string // "ip:port"; or the seed as it is in Options.Seeds, if that stands for no address
	Err  error  // what the last dial or look-up of it failed with
}

// SeedBack ends a [SeedLost]: the seed answers or is heard again, its name can be
// looked up again, or the name does not stand for that address any more.
type SeedBack struct {
	Addr string
}

// Gap says that events will not be delivered: those of Origin with From ≤ Seq <
// To. If Origin is this node itself, no other node will hear them: they left its
// history before any neighbour took them. Others were lost with the nodes that had them, or left the histories before
// this node could pull them, or had to make room because the handlers were too
// slow (Slow).
type Gap struct {
	Origin   ID // zero where events of many origins made room
	From, To uint64
	Slow     bool
	Events   int // how many; with Slow there may be fewer than To-From

	// Queue is the name of the first of them, if they made room in the queue that one
	// handler has to itself ([Queue], [Messages]): other handlers have had them. ""
	// if no handler has had them.
	Queue string
}

// hook is a list of functions for one kind of occasion.
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

// all returns the functions, in the order in which they were registered.
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

// OnConnect registers a hook for the moment at which the node has its first
// neighbour. Like all hooks it runs on the goroutine of the node's handlers, in
// order with them, and the returned function removes it.
func (n *Node) OnConnect(fn func()) (off func()) { return n.hooks.connect.on(plain(fn)) }

// OnDisconnect registers a hook for the moment at which the last neighbour is
// gone. The node goes on looking for others.
func (n *Node) OnDisconnect(fn func()) (off func()) { return n.hooks.disconnect.on(plain(fn)) }

// OnNetsplit registers a hook for the discovery of another part of the network.
// It runs once for every netsplit, on every node of both parts. Parts that were
// apart for less than some ten seconds, so that no beacon was missed, or that
// are themselves younger than that, become one without it.
func (n *Node) OnNetsplit(fn func(Netsplit)) (off func()) { return n.hooks.netsplit.on(fn) }

// OnHeal registers a hook for the end of a netsplit: four seconds after the last
// of the other parts was joined. It runs once for every OnNetsplit; a network
// that falls into dozens of parts may count as two netsplits in a row.
func (n *Node) OnHeal(fn func(Heal)) (off func()) { return n.hooks.heal.on(fn) }

// OnGap registers a hook for events that will not be delivered. It runs where
// they would have been, before the later ones of that origin. Those that were the
// last ones of their origin may come after all, when they were given up on the word
// of a neighbour and somebody else turns out to have them.
//
// What was emitted before this node's Start is no gap, also with [Rewind]. Own events
// are reported within a second, all together.
func (n *Node) OnGap(fn func(Gap)) (off func()) { return n.hooks.gap.on(fn) }

// OnSeedLost registers a hook for seeds that do not answer: addresses in
// Options.Seeds, and those that a name there stands for now. It runs once for each,
// until OnSeedBack, whether the node has neighbours or is alone.
func (n *Node) OnSeedLost(fn func(SeedLost)) (off func()) { return n.hooks.seedLost.on(fn) }

// OnSeedBack registers a hook for seeds that are heard again.
func (n *Node) OnSeedBack(fn func(SeedBack)) (off func()) { return n.hooks.seedBack.on(fn) }

func plain(fn func()) func(struct{}) {
	if fn == nil {
		return nil
	}
	return func(struct{}) { fn() }
}
