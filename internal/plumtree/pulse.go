package plumtree

import (
	"math/bits"
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// pulse is the state that shapes the tree. In Plumtree, duplicates shape it: the path of
// the first event is a tree, and if only one origin emits, its paths stay short. If many
// origins emit, duplicates of concurrent events cut each cycle in several places, and
// each repair depends on the position of the next origin. The result is a tree of long
// paths that is grafted and pruned without end.
//
// So while there are events, one node, the root, sends a pulse every few seconds, which
// floods over all links. The neighbour from which a node receives the pulse first is its
// parent: that link is the shortest path to the root. A node forwards the pulse to all
// neighbours except its parent. If a pulse arrives again on a link, neither end is the
// other's parent. Both ends thus know, without a further frame, that the link is not part
// of the tree. All other links are part of it.
//
// If there is no root, the next node that emits becomes the root. A node replaces the
// root if it is much better, which means that it emits more or has more neighbours. Of
// two pulses of one root, the later one replaces the earlier one. Of two roots, the one
// of higher rank wins, then the lower origin. The tree does not depend on a root: without
// one, it keeps its last shape, repaired by grafts and pruned by duplicates.
//
// A pulse changes the roles of the links, and sends frames through its [pulseOut]. It has
// no access to events or to the history.
type pulse struct {
	cfg     *Config
	started time.Time // when the node started
	links   *links
	late    *lateness

	root   ident.Origin
	rank   uint8
	count  uint64
	hops   uint8      // hop count of the pulse when it arrived here; 0 at the root
	at     time.Time  // when the pulse arrived; zero: none has arrived yet
	parent ident.Link // the link on which the pulse arrived first; 0 at the root, and after the parent is lost

	settleAt time.Time     // when links get their places in the tree; zero: they have them already
	spread   time.Duration // time from the first to the last copy of the pulse, so far
	before   time.Duration // the spread of the previous pulse
	nextAt   time.Time     // when the root sends the next pulse; zero: when there are events
	isWanted bool          // events arrived since the last pulse
	emitted  uint64        // events of this node since the last pulse
	copies   int           // copies of the pulse that arrived on the links
	taken    int           // pulses accepted lately; see admit

	early  []arrival // copies of the next pulse, while it may still come from the parent
	waitTo time.Time // when the wait for the parent's copy ends; zero: not waiting

	from ident.Link     // the link on which the last pulse arrived first, also after the link is down; 0 at the root
	past [maxPast]reign // former roots; see recordReign
}

// pulseOut receives the actions of a [pulse].
type pulseOut interface {
	// sendPulse forwards a pulse. It may go to several links, so it must not be changed.
	sendPulse(to ident.Link, m *Pulse)
	// askToPush asks the peer to push on the link. With isParent, the link is this
	// node's path to the root.
	askToPush(to ident.Link, isParent bool)
	// makeEager begins to push on a link.
	makeEager(l *link)
	// makeLazy stops pushing new events. Events that wait already are still pushed.
	makeLazy(l *link)
	// pullDelay returns how long an announced event may take to arrive by push.
	pullDelay(now time.Time) time.Duration
}

// reign records the last count of a former root, and when another root replaced it.
type reign struct {
	root  ident.Origin
	count uint64
	end   time.Time
	by    ident.Link // the link on which its last pulse arrived first
}

// arrival is a pulse with the link on which it arrived.
type arrival struct {
	from ident.Link
	Pulse
}

const (
	// pulseEvery is the time between pulses of a root. A guess: with 3 to 5 links, a
	// pulse costs about one small frame per node and second, and after a repair paths are
	// long for at most this time.
	pulseEvery = 5 * time.Second
	// parentLead is how much later a pulse may arrive from the parent than from another
	// neighbour. If lateness has learned a longer delay, that delay is used instead. A
	// guess.
	parentLead = 10 * time.Millisecond
	// maxSettling bounds the time after a pulse during which events use both the old
	// paths and the new ones. This time grows if copies of the pulse arrive late, and a
	// peer can delay its copy. A guess: enough for links of 250 ms.
	maxSettling = time.Second
	// If no pulse arrives for this long, the root is gone or no node emits.
	pulseLasts = 3 * pulseEvery
	// A node replaces the root if its rank is higher by rankLead powers of two.
	rankLead = 3
	// maxTaken bounds the pulses accepted in quick succession; one more is allowed every
	// pulseEvery/maxTaken. If n nodes become root at the same time, each receives a
	// better pulse about ln n times.
	maxTaken = 16
	// maxPast bounds the former roots that are remembered. A guess: if pulses of more
	// roots than that displaced each other, maxTaken would stop most of these pulses.
	maxPast = 8
)

// isBeatenBy reports whether a pulse replaces the last one.
func (p *pulse) isBeatenBy(now time.Time, m *Pulse) bool {
	switch {
	case p.isOver(now):
		return true // the last pulse has expired, so a forged one does not last either
	case m.Root == p.root:
		return m.Count > p.count
	case p.isPast(now, m):
		return false
	case m.Rank != p.rank:
		return m.Rank > p.rank
	}
	return m.Root.Compare(p.root) < 0
}

// isPast reports whether a pulse is no later than one already received from a former
// root. The rank of a root may fall between pulses, and another node may replace it. Its
// older pulse still beats the new root. If that pulse were accepted again, pulses could
// displace each other around a cycle of nodes forever.
func (p *pulse) isPast(now time.Time, m *Pulse) bool {
	return slices.ContainsFunc(p.past[:], func(r reign) bool {
		return r.root == m.Root && m.Count <= r.count && now.Sub(r.end) < pulseLasts
	})
}

// admit limits how many pulses are forwarded.
func (p *pulse) admit(now time.Time) bool {
	p.taken = max(p.taken-int(now.Sub(p.at)/(pulseEvery/maxTaken)), 0)
	if p.taken >= maxTaken {
		return false
	}
	p.taken++
	return true
}

// isSettling reports whether links do not have their places in the tree yet, because
// copies of the last pulse may still arrive.
func (p *pulse) isSettling() bool { return !p.settleAt.IsZero() }

// isOver reports whether the last pulse has expired, or there was none.
func (p *pulse) isOver(now time.Time) bool { return p.at.IsZero() || now.Sub(p.at) >= pulseLasts }

// isOwn reports whether this node is the root.
func (p *pulse) isOwn() bool { return p.root == p.cfg.Self }

// ownRank returns how good a root this node is, as the logarithm to base two of a
// product: the events it emitted since the last pulse, times its neighbours. Paths from
// the root are the shortest, and paths between other nodes lead past the root. A few
// events are chance, so the count is divided by four.
func (p *pulse) ownRank() uint8 {
	return uint8(bits.Len64(p.emitted/4) + bits.Len(uint(len(*p.links))))
}
