// Package overlay composes membership, netsplit healing and broadcast into the one
// machine of a node.
//
// [Machine] does no I/O, owns no goroutine and reads no clock. Its owner (the driver of
// package engine, or the simulator) reports each event with its time, and performs the
// actions that the machine requests through [Out]. The owner's duties:
//
//   - Call the methods from one goroutine at a time, with times that never go
//     back.
//   - Perform the actions of Out in order. They may be performed after the call
//     has returned. None of them may call the machine.
//   - Answer each Dial by exactly one LinkUp or DialFailed, and each Resolve by one
//     Resolved. Report the end of every link by LinkDown, except of those that
//     the machine closed.
//   - Call Advance at Deadline, which may change with every call.
//   - If Out.Ready is called for a link, call Fill as soon as the link has room,
//     and again as long as Fill reports that more events wait.
package overlay

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/census"
	"github.com/smokesignal-go/smokesignal/internal/flowcontrol"
	"github.com/smokesignal-go/smokesignal/internal/hyparview"
	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/netsplit"
)

// Config configures a [Machine]. New fills in the fields Self and Rand of each part from
// the fields here.
type Config struct {
	Self ident.Origin
	Addr string // the address that this node sends to others; may be empty
	// Elsewhere is set if the owner does not listen at Addr. Another node may answer
	// there, for example the one seed whose address all nodes advertise.
	Elsewhere bool
	Seeds     []string
	Rand      *rand.Rand

	Membership hyparview.Config
	Watch      netsplit.Config
	Tree       plumtree.Config

	// Describe adds the owner's figures to the digest that the node sends when it is
	// surveyed. It may be nil.
	Describe func(*census.Digest)
}

// Machine is the protocol logic of a node, without I/O.
type Machine struct {
	self    ident.Origin
	rand    *rand.Rand
	members *hyparview.Membership
	watch   *netsplit.Watch
	tree    *plumtree.Tree
	census  *census.Census
	pacer   *flowcontrol.Pacer
	conns   []ref // all links, oldest first

	left               []goodbye // the latest goodbyes, at most census.MaxLeft
	born               time.Time
	minPeers, maxPeers int
	complete           func(*census.Digest) // Config.Describe

	verifyCost int // bytes that flow control adds to the length of an event that is verified

	// hasLeft is set once this node has said goodbye. The node then has no neighbours,
	// and only takes the events that were on their way to it.
	hasLeft bool

	// due holds the time of each part's next Advance, as the part last reported it. The
	// machine asks a part again only after it has called the part; touch records such
	// parts in stale.
	parts []Part // in the order of the table of protocols
	due   [maxParts]deadline
	stale partSet
	asked partSet  // the parts that were asked for their deadlines last
	rest  deadline // the earliest deadline of all other parts

	// The fields of the current call, which the parts use while it runs.
	now     time.Time
	out     Out
	strikes strikes
	ban     ident.Link // the link of a neighbour that has sent too many false signatures; 0: none
}

// ref is an entry of Machine.conns. The id is next to the pointer, because a scan of a
// few numbers in a row is faster than a map or a look into each conn.
type ref struct {
	id   ident.Link
	conn *conn
}

type conn struct {
	hyparview.Conn
	probe    bool // the link is a probe of netsplit
	neighbor bool
	heard    time.Time // when a frame for another part arrived; reported to membership before its next Advance
	said     time.Time // when an event was last pushed; reported to membership before its next Advance
}

// New makes the machine of one node, born at now. The machine does nothing before Start.
func New(now time.Time, cfg Config) *Machine {
	cfg.Membership.Self = hyparview.Contact{ID: cfg.Self.ID, Addr: cfg.Addr}
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
		rand:    cfg.Rand,
		members: hyparview.New(cfg.Membership),
		watch:   netsplit.NewWatch(cfg.Watch),
		tree:    tree,
		pacer:   flowcontrol.New(cfg.Self),

		verifyCost: cost,

		born:     now,
		minPeers: cfg.Membership.MinPeers,
		maxPeers: cfg.Membership.MaxPeers,
		complete: cfg.Describe,
	}
	m.census = census.New(cfg.Self, func() census.Digest { return m.Describe(m.now) })
	for _, p := range protocols {
		m.parts = append(m.parts, p.part(m))
	}
	return m
}

// Start begins the search for neighbours.
func (m *Machine) Start(now time.Time, out Out) {
	m.begin(now, forAll, out)
	m.members.Start(now, (*membersPart)(m))
	m.watch.Start(now, (*watchPart)(m))
}

// LinkUp reports a link on which both ends have sent their HELLO. d is the Dial that this
// call answers; nil for a link that was accepted.
func (m *Machine) LinkUp(now time.Time, c hyparview.Conn, d *Dial, out Out) {
	m.begin(now, forMembers|forWatch, out)
	probe := d != nil && d.Probe
	m.conns = append(m.conns, ref{c.Link, &conn{Conn: c, probe: probe}})
	if c.Peer.ID == m.self.ID && c.Peer.Epoch != m.self.Epoch {
		m.meetTwin(now, c, d)
	} else if c.Peer.ID == m.self.ID && d != nil {
		m.watch.MetSelf(now, d.Addr, (*watchPart)(m))
		if probe {
			m.members.MetSelf(now, d.Addr)
		}
	}
	if m.conn(c.Link) == nil {
		return // the link was a probe of a twin, and meetTwin has closed it
	}
	if probe {
		m.watch.LinkUp(now, c.Link, c.Peer.ID, d.Addr, (*watchPart)(m))
		return
	}
	if d != nil && c.Peer.ID != m.self.ID {
		m.watch.Reached(now, d.Addr, (*watchPart)(m))
	}
	m.members.LinkUp(now, c, (*membersPart)(m))
}

// meetTwin handles a link to another node, or another run of this node, that has this
// node's ID.
func (m *Machine) meetTwin(now time.Time, c hyparview.Conn, d *Dial) {
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
		m.out.Close(c.Link, hyparview.ReasonSelf)
		m.forget(c.Link)
		m.watch.MetTwin(now, d.Addr, hyparview.ErrTwin, (*watchPart)(m))
	default:
		m.watch.Unanswered(now, d.Addr, hyparview.ErrTwin, (*watchPart)(m))
	}
}

// DialFailed reports that a dial failed.
func (m *Machine) DialFailed(now time.Time, d Dial, err error, out Out) {
	m.begin(now, forMembers|forWatch, out)
	if d.Probe {
		m.watch.DialFailed(now, d.Addr, err, (*watchPart)(m))
		return
	}
	m.watch.Unanswered(now, d.Addr, err, (*watchPart)(m))
	m.members.DialFailed(now, d.Addr, err, (*membersPart)(m))
}

// LinkDown reports the end of a link that the machine did not close.
func (m *Machine) LinkDown(now time.Time, id ident.Link, why hyparview.Reason, err error, out Out) {
	c := m.conn(id)
	if c == nil {
		return
	}
	m.begin(now, forMembers|forWatch, out)
	if c.probe {
		m.watch.LinkDown(now, id, err, (*watchPart)(m))
	} else {
		m.members.LinkDown(now, id, why, (*membersPart)(m))
	}
	m.forget(id)
}

// Resolved reports the result of a Resolve.
func (m *Machine) Resolved(now time.Time, seed string, addrs []string, err error, out Out) {
	m.begin(now, forWatch, out)
	if len(addrs) == 0 && err != nil {
		m.touch(forMembers)
		m.members.Unresolved(now, seed, err)
	}
	m.watch.Resolved(now, seed, addrs, err, (*watchPart)(m))
}

// SetSelf changes the address that this node sends to others.
func (m *Machine) SetSelf(now time.Time, addr string, out Out) {
	m.begin(now, forMembers|forWatch, out)
	m.members.SetSelf(addr)
	m.watch.SetSelf(now, addr, (*watchPart)(m))
}

// Leave says goodbye to the neighbours and closes all links. Frames that a neighbour sent
// before it received the goodbye may still be passed to Handle: their events are
// delivered.
func (m *Machine) Leave(now time.Time, out Out) {
	m.begin(now, forAll, out)
	m.hasLeft = true
	m.members.Leave(now, (*membersPart)(m))
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

func (m *Machine) begin(now time.Time, touched partSet, out Out) {
	m.now, m.out = now, out
	m.touch(touched)
}
