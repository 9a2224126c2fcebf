// Package overlay composes membership, netsplit healing and broadcast into the
// one machine of a node.
//
// [Machine] does no I/O, owns no goroutine and reads no clock: its owner (the
// driver of package smoke, or the simulator) tells it what happened and when,
// and performs what it asks for through [Out]. The owner's duties:
//
//   - Call the methods from one goroutine at a time, with times that never go
//     back.
//   - Perform the actions of Out in order. They may be performed after the call
//     has returned; none of them may call the machine.
//   - Answer each Dial by exactly one LinkUp or DialFailed, each Resolve by one
//     Resolved; report the end of every link by LinkDown, except of those that
//     the machine closed.
//   - Call Advance at Deadline, which may change with every call.
//   - Call Fill for a link that is Ready when there is room for it, and again for
//     as long as it reports that there is more.
package overlay

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/census"
	"github.com/smokesignal-go/smokesignal/internal/flowcontrol"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/netsplit"
	"github.com/smokesignal-go/smokesignal/peerlist"
)

// Out takes what a [Machine] wants done. Its methods only note it down.
type Out interface {
	// Send puts a control frame on a link: a message of peerlist, netsplit,
	// plumtree or census.
	Send(to ident.Link, message any)
	// Ready says, once, that events wait for a link: see Fill.
	Ready(to ident.Link)
	// Push puts events on a link. Only Fill does, and Close with what waited. The
	// frame is valid during the call; its Body may be kept.
	Push(to ident.Link, g *plumtree.Gossip)
	Dial(d Dial)
	// Close ends a link after what was sent on it.
	Close(id ident.Link, why peerlist.Reason)
	Resolve(seed string)

	// PeerUp and PeerDown tell of neighbours. When a link takes the place of
	// another to the same peer, PeerUp of the new one comes before PeerDown of
	// the old one.
	PeerUp(c peerlist.Conn)
	PeerDown(c peerlist.Conn, why peerlist.Reason)
	Deliver(e *plumtree.Event)
	Gap(missing plumtree.Range)
	// Refused tells of events from a neighbour that are not to be believed. With
	// banned, they were one time too many: the link ends.
	Refused(from peerlist.Conn, events plumtree.Range, banned bool)
	Notify(n netsplit.Notice)
	// Conflict says that another node has this node's ID. It may come often.
	Conflict(c Conflict)
	Added(token uint64, err error)
	// ShutOut says that this node has no neighbour, and what came of its tries. It is
	// repeated every ten seconds until there is one.
	ShutOut(tried []peerlist.Attempt)
	Counted(token, nodes uint64, complete bool)
	// Told brings some of what a Survey asked for, before it is Counted.
	Told(token uint64, digests []census.Digest)
}

// Conflict says that another life of this node's ID is alive: two nodes have one ID.
type Conflict struct {
	By   peerlist.Conn // the link on which this node learnt of it; zero if it is not known
	Addr string        // where the other life is, as it or By says; may be empty
	// Yields says that the other life takes the places of this one: it is the later
	// one, or By keeps it as its neighbour.
	Yields bool
	Met    bool // the other life is at the end of By; else By only says so
}

// Dial is a wish to reach an address. It is handed back with the answer.
type Dial struct {
	Addr  string
	Probe bool // netsplit wants to look, membership does not want a neighbour
}

// Config sets a [Machine] up. The parts' own fields for Self and Rand are
// filled in from here.
type Config struct {
	Self ident.Origin
	Addr string // what this node tells others; may be empty
	// Elsewhere says that the owner does not listen at Addr: another node may answer
	// there, such as the one seed whose address all nodes advertise.
	Elsewhere bool
	Seeds     []string
	Rand      *rand.Rand

	Membership peerlist.Config
	Watch      netsplit.Config
	Tree       plumtree.Config

	// Describe adds what the owner knows to what this node tells of itself, when it is
	// asked. May be nil.
	Describe func(*census.Digest)
}

// Machine is a node without its input and output.
type Machine struct {
	self    ident.Origin
	members *peerlist.Membership
	watch   *netsplit.Watch
	tree    *plumtree.Tree
	census  *census.Census
	pacer   *flowcontrol.Pacer
	conns   []ref // all links, oldest first

	left               []goodbye // the latest, at most census.MaxLeft
	born               time.Time
	minPeers, maxPeers int
	complete           func(*census.Digest) // Config.Describe

	verifyCost int // of an event, as so many bytes

	// hasLeft: this node has said goodbye. It is in no overlay any more, and only takes the
	// events that were on their way to it.
	hasLeft bool

	// When each part is due, as it last said. A part is asked again only when
	// something has happened to it: most frames concern one part of four.
	due   [4]deadline
	stale parts

	// The call under way: what the adapters below write to.
	now     time.Time
	out     Out
	strikes map[ident.ID]int // frames with an event that is not to be believed, by who sent them
	ban     ident.Link       // who has sent too much that is not to be believed; 0: nobody
}

// ref finds a conn without a look at each: a look at a few numbers in a row is
// quicker than a map.
type ref struct {
	id   ident.Link
	conn *conn
}

type conn struct {
	peerlist.Conn
	probe    bool // belongs to netsplit
	neighbor bool
	heard    time.Time // a frame that was not for members, which learns of it when it is due
	said     time.Time // an event was pushed; likewise
}

// maxRefused is how many frames a neighbour may send with an event that is not to be
// believed. One would do, if all nodes of a network were set up alike; a few leave
// something to read in the log of whoever was not.
const maxRefused = 3

// maxStrikes bounds the ids for which that is counted.
const maxStrikes = 1024

// verifyCost is what pace counts for an event that is verified, beside its bytes: to
// verify one takes every node longer than to pass on so many. A guess.
const verifyCost = 2 << 10

// parts is a set of them.
type parts uint8

const (
	forMembers parts = 1 << iota
	forWatch
	forTree
	forCensus
	forAll parts = 1<<iota - 1
)

type deadline struct {
	at time.Time
	ok bool
}

// New makes the machine of one node, born at now. It does nothing before Start.
func New(now time.Time, cfg Config) *Machine {
	cfg.Membership.Self = peerlist.Contact{ID: cfg.Self.ID, Addr: cfg.Addr}
	cfg.Membership.Epoch = cfg.Self.Epoch
	cfg.Watch.Self, cfg.Watch.Addr, cfg.Watch.Seeds = cfg.Self, cfg.Addr, cfg.Seeds
	cfg.Watch.Elsewhere, cfg.Membership.Elsewhere = cfg.Elsewhere, cfg.Elsewhere
	cfg.Tree.Self = cfg.Self
	cfg.Membership.Rand, cfg.Watch.Rand, cfg.Tree.Rand = cfg.Rand, cfg.Rand, cfg.Rand
	tree := plumtree.NewTree(now, cfg.Tree)
	cost := 0
	if cfg.Tree.VerifyAll {
		cost = verifyCost
	}
	cfg.Membership.IsInUse = tree.IsInUse
	m := &Machine{
		self:    cfg.Self,
		members: peerlist.NewMembership(cfg.Membership),
		watch:   netsplit.NewWatch(cfg.Watch),
		tree:    tree,
		pacer:   flowcontrol.New(cfg.Self),
		strikes: make(map[ident.ID]int),

		verifyCost: cost,

		born:     now,
		minPeers: cfg.Membership.MinPeers,
		maxPeers: cfg.Membership.MaxPeers,
		complete: cfg.Describe,
	}
	m.census = census.New(cfg.Self, func() census.Digest { return m.Describe(m.now) })
	return m
}

// Start begins to look for the overlay.
func (m *Machine) Start(now time.Time, out Out) {
	m.begin(now, forAll, out)
	m.members.Start(now, (*membersOut)(m))
	m.watch.Start(now, (*watchOut)(m))
}

// Handle takes a frame that came on a link. It keeps nothing of a Gossip's
// memory; every other message is the machine's from here on.
func (m *Machine) Handle(now time.Time, id ident.Link, msg any, out Out) {
	c := m.conn(id)
	if c == nil {
		return // closed by us meanwhile
	}
	c.heard = now
	if _, ok := msg.(*plumtree.Gossip); m.hasLeft && !ok {
		return
	}
	switch msg := msg.(type) {
	case plumtree.Message:
		m.begin(now, forTree, out)
		m.tree.Handle(now, id, msg, (*treeOut)(m))
		if m.ban == id { // now that the tree is done with the link
			m.ban = 0
			m.touch(forMembers)
			m.members.Ban(now, id, (*membersOut)(m))
		}
	case netsplit.Message:
		m.begin(now, forWatch, out)
		hear(msg, c.Zone)
		m.watch.Handle(now, id, msg, (*watchOut)(m))
	case census.Message:
		m.begin(now, forCensus, out)
		m.census.Handle(now, id, msg, (*censusOut)(m))
	case flowcontrol.Message:
		m.begin(now, 0, out)
		m.pacer.Handle(now, id, msg, (*pacerOut)(m))
	case peerlist.Message:
		m.begin(now, forMembers, out)
		hear(msg, c.Zone)
		if join, ok := msg.(*peerlist.Join); ok && join.AsSeed {
			m.touch(forWatch)
			m.watch.CalledSeed()
		}
		m.members.Handle(now, id, msg, (*membersOut)(m))
	}
}

// WantsVerdict is that of the tree: see [plumtree.Tree.WantsVerdict].
func (m *Machine) WantsVerdict(id ident.Link, g *plumtree.Gossip) bool {
	return m.tree.WantsVerdict(id, g)
}

// LinkUp takes a link on which greetings were exchanged. d is the wish that it
// answers; nil for a link that was accepted.
func (m *Machine) LinkUp(now time.Time, c peerlist.Conn, d *Dial, out Out) {
	m.begin(now, forMembers|forWatch, out)
	probe := d != nil && d.Probe
	m.conns = append(m.conns, ref{c.Link, &conn{Conn: c, probe: probe}})
	if c.Peer.ID == m.self.ID && c.Peer.Epoch != m.self.Epoch {
		m.meetTwin(now, c, d)
	} else if c.Peer.ID == m.self.ID && d != nil {
		m.watch.MetSelf(now, d.Addr, (*watchOut)(m))
		if probe {
			m.members.MetSelf(now, d.Addr)
		}
	}
	if m.conn(c.Link) == nil {
		return // a probe that has met a twin
	}
	if probe {
		m.watch.LinkUp(now, c.Link, c.Peer.ID, d.Addr, (*watchOut)(m))
		return
	}
	if d != nil && c.Peer.ID != m.self.ID {
		m.watch.Reached(now, d.Addr, (*watchOut)(m))
	}
	m.members.LinkUp(now, c, (*membersOut)(m))
}

// meetTwin takes a link to another life of this node's ID.
func (m *Machine) meetTwin(now time.Time, c peerlist.Conn, d *Dial) {
	at := c.Addr
	if d != nil {
		at = d.Addr
	} else if at == "" {
		at = c.From
	}
	m.out.Conflict(Conflict{By: c, Addr: at, Yields: m.self.Epoch < c.Peer.Epoch, Met: true})
	switch {
	case d == nil:
	case d.Probe:
		m.out.Close(c.Link, peerlist.ReasonSelf)
		m.forget(c.Link)
		m.watch.MetTwin(now, d.Addr, peerlist.ErrTwin, (*watchOut)(m))
	default:
		m.watch.Unanswered(now, d.Addr, peerlist.ErrTwin, (*watchOut)(m))
	}
}

// DialFailed takes the news that a wish to dial came to nothing.
func (m *Machine) DialFailed(now time.Time, d Dial, err error, out Out) {
	m.begin(now, forMembers|forWatch, out)
	if d.Probe {
		m.watch.DialFailed(now, d.Addr, err, (*watchOut)(m))
		return
	}
	m.watch.Unanswered(now, d.Addr, err, (*watchOut)(m))
	m.members.DialFailed(now, d.Addr, err, (*membersOut)(m))
}

// LinkDown takes the end of a link that the machine did not close.
func (m *Machine) LinkDown(now time.Time, id ident.Link, why peerlist.Reason, err error, out Out) {
	c := m.conn(id)
	if c == nil {
		return
	}
	m.begin(now, forMembers|forWatch, out)
	if c.probe {
		m.watch.LinkDown(now, id, err, (*watchOut)(m))
	} else {
		m.members.LinkDown(now, id, why, (*membersOut)(m))
	}
	m.forget(id)
}

// Resolved takes the outcome of a look-up.
func (m *Machine) Resolved(now time.Time, seed string, addrs []string, err error, out Out) {
	m.begin(now, forWatch, out)
	if len(addrs) == 0 && err != nil {
		m.touch(forMembers)
		m.members.Unresolved(now, seed, err)
	}
	m.watch.Resolved(now, seed, addrs, err, (*watchOut)(m))
}

// Emit broadcasts an event and returns its number. The body is copied.
func (m *Machine) Emit(now time.Time, body []byte, out Out) uint64 {
	m.begin(now, forTree, out)
	m.pacer.Charge(now, len(body)+m.verifyCost)
	return m.tree.Emit(now, body, (*treeOut)(m))
}

// Pace is how long this node has to wait before it emits again, so that others
// keep up. That is a request: Emit takes what comes.
func (m *Machine) Pace(now time.Time) time.Duration { return m.pacer.Wait(now) }

// Press says that this node is behind: with what waits for its links, or with its
// handlers. It may be said as often as one likes. Whoever emits, anywhere, emits
// less then; with stop, nothing for so long.
func (m *Machine) Press(now time.Time, stop time.Duration, out Out) {
	m.begin(now, 0, out)
	m.pacer.Throttle(now, stop, (*pacerOut)(m))
}

// Add makes a neighbour of the node at addr; the answer is Out.Added.
func (m *Machine) Add(now time.Time, addr string, token uint64, out Out) {
	m.begin(now, forMembers, out)
	m.members.Add(now, addr, token, (*membersOut)(m))
}

// Withdraw says that the answer to an Add is not wanted any more. The node becomes no
// neighbour for it alone, if that has not come about yet.
func (m *Machine) Withdraw(token uint64) { m.members.Withdraw(token) }

// Remove lets a neighbour go, and reports whether there was such a one.
func (m *Machine) Remove(now time.Time, peer ident.ID, out Out) bool {
	m.begin(now, forMembers, out)
	return m.members.Remove(now, peer, (*membersOut)(m))
}

// Count counts the nodes of the overlay; the answer is Out.Counted.
func (m *Machine) Count(now time.Time, token uint64, out Out) {
	m.begin(now, forCensus, out)
	m.census.Start(now, token, (*censusOut)(m))
}

// SetSelf changes the address that this node tells others.
func (m *Machine) SetSelf(now time.Time, addr string, out Out) {
	m.begin(now, forMembers|forWatch, out)
	m.members.SetSelf(addr)
	m.watch.SetSelf(now, addr, (*watchOut)(m))
}

// Leave says goodbye to the neighbours and closes all links. What a neighbour has sent
// before it knew may still be handed to Handle: its events are delivered.
func (m *Machine) Leave(now time.Time, out Out) {
	m.begin(now, forAll, out)
	m.hasLeft = true
	m.members.Leave(now, (*membersOut)(m))
}

// Fill pushes the events that wait for a link, about room bytes of them, and
// reports whether there are more.
func (m *Machine) Fill(now time.Time, id ident.Link, room int, out Out) (more bool) {
	m.begin(now, 0, out)
	return m.tree.Fill(now, id, room, (*treeOut)(m))
}

// IsShort reports whether this node misses events that nobody will have soon.
func (m *Machine) IsShort(now time.Time) bool { return m.tree.IsShort(now) }

// Lag is how many bytes of events wait to be pushed on a link.
func (m *Machine) Lag(id ident.Link) int { return m.tree.Lag(id) }

// Advance does what is due.
func (m *Machine) Advance(now time.Time, out Out) {
	m.begin(now, 0, out)
	if m.isDue(0) {
		for _, r := range m.conns {
			m.members.Heard(r.conn.heard, r.id)
			m.members.Said(r.conn.said, r.id)
		}
		m.members.Advance(now, (*membersOut)(m))
		m.touch(forMembers)
	}
	if m.isDue(1) {
		m.watch.Advance(now, (*watchOut)(m))
		m.touch(forWatch)
	}
	if m.isDue(2) {
		m.tree.Advance(now, (*treeOut)(m))
		m.touch(forTree)
	}
	if m.isDue(3) {
		m.census.Advance(now, (*censusOut)(m))
		m.touch(forCensus)
	}
}

// Deadline is when Advance is wanted next; not ok while nothing is due ever. It
// may be earlier than what there is to do, and is never later.
func (m *Machine) Deadline() (at time.Time, ok bool) {
	m.ask()
	for i := range m.due {
		if d := &m.due[i]; d.ok && (!ok || d.at.Before(at)) {
			at, ok = d.at, true
		}
	}
	return at, ok
}

func (m *Machine) isDue(part int) bool {
	m.ask()
	return m.due[part].ok && !m.due[part].at.After(m.now)
}

// ask brings the deadlines up to date.
func (m *Machine) ask() {
	if m.stale == 0 {
		return
	}
	if m.stale&forMembers != 0 {
		m.due[0].at, m.due[0].ok = m.members.Deadline()
	}
	if m.stale&forWatch != 0 {
		m.due[1].at, m.due[1].ok = m.watch.Deadline()
	}
	if m.stale&forTree != 0 {
		m.due[2].at, m.due[2].ok = m.tree.Deadline()
	}
	if m.stale&forCensus != 0 {
		m.due[3].at, m.due[3].ok = m.census.Deadline()
	}
	m.stale = 0
}

func (m *Machine) conn(id ident.Link) *conn {
	for i := range m.conns {
		if m.conns[i].id == id {
			return m.conns[i].conn
		}
	}
	return nil
}

func (m *Machine) forget(id ident.Link) {
	m.conns = slices.DeleteFunc(m.conns, func(r ref) bool { return r.id == id })
}

func (m *Machine) touch(p parts) { m.stale |= p }

// Degree is the number of neighbours.
func (m *Machine) Degree() int { return m.members.Degree() }

// Guests is the number of neighbours beyond MaxPeers that nobody can dial.
func (m *Machine) Guests() int { return m.members.Guests() }

// BookLen is the number of addresses in the passive view.
func (m *Machine) BookLen() int { return m.members.BookLen() }

// Anchors are addresses of neighbours for Config.Membership.Anchors of the next
// life of this node.
func (m *Machine) Anchors() []string { return m.members.Anchors() }

// SeedsLost is how many addresses of seeds do not answer.
func (m *Machine) SeedsLost() int { return m.watch.SeedsLost() }

// RTT is the round trip to a neighbour, as it was last measured; see
// [peerlist.Membership.RTT].
func (m *Machine) RTT(id ident.Link) time.Duration { return m.members.RTT(id) }

// Emitted counts the events of this node.
func (m *Machine) Emitted() uint64 { return m.tree.Emitted() }

// FirstHeld is the number of the first event of this node that the history still has,
// or else of the next one.
func (m *Machine) FirstHeld() uint64 { return m.tree.FirstHeld() }

// RefusedContacts counts contacts that were not taken in.
func (m *Machine) RefusedContacts() uint64 { return m.members.RefusedContacts() }

// Book iterates over the addresses of the passive view.
func (m *Machine) Book(yield func(addr string) bool) { m.members.Book(yield) }

// Neighbors iterates over the active view, oldest neighbour first.
func (m *Machine) Neighbors(yield func(peerlist.Conn) bool) { m.members.Neighbors(yield) }

// Component names the component that this node is in; zero if it hears no beacon.
func (m *Machine) Component() ident.ID { return m.watch.Component() }

// IsBeaconing reports whether this node floods beacons.
func (m *Machine) IsBeaconing() bool { return m.watch.IsBeaconing() }

// Eager iterates over the links on which events are pushed.
func (m *Machine) Eager(yield func(ident.Link) bool) { m.tree.Eager(yield) }

// Heard gives the events that were delivered, for the Tree.Heard of the next
// life of this node in the same process.
func (m *Machine) Heard() []plumtree.Range { return m.tree.Heard() }

// Rewind has events delivered that were emitted before this node's start; see
// [plumtree.Tree.Rewind].
func (m *Machine) Rewind(d time.Duration) { m.tree.Rewind(d) }

// Since returns events that the history holds; see [plumtree.Tree.Since].
func (m *Machine) Since(now time.Time, d time.Duration) []*plumtree.Event {
	return m.tree.Since(now, d)
}

// HistoryBytes is what the history holds, as its bound counts it.
func (m *Machine) HistoryBytes() int { return m.tree.HistoryBytes() }

// Stats counts what the broadcast did.
func (m *Machine) Stats() plumtree.Stats { return m.tree.Stats }

func (m *Machine) begin(now time.Time, touched parts, out Out) {
	m.now, m.out = now, out
	m.touch(touched)
}
