// Package hyparview decides which neighbours a node has.
//
// [Membership] is the protocol: HyParView (Leitão, Pereira, Rodrigues, DSN 2007), adapted
// to a lower and an upper bound on neighbours. It keeps the active view (links in use)
// between MinPeers and MaxPeers. It also keeps a passive view (the book, addresses of
// further nodes). It does no I/O: its owner reports each event and performs the actions
// that it requests.
//
// The owner must call the methods of a Membership from one goroutine at a time, and
// perform the actions of [Out] in order. It must answer each Dial with exactly one LinkUp
// or DialFailed, and report the end of a link with LinkDown unless the Membership closed
// it. It must call Advance at the time that Deadline returns. A new link is not a
// neighbour: Out.Up and Out.Down report when a link becomes a neighbour and when it
// ceases to be one.
package hyparview

import (
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/retry"
)

// Out receives the actions of a [Membership]. Its methods only record them.
type Out interface {
	Send(ident.Link, Message)
	Dial(addr string)
	Close(ident.Link, Reason) // close the link after the frames that were sent before; no LinkDown follows
	Up(ident.Link)            // the link is now a neighbour
	Down(ident.Link, Reason)  // the link is not a neighbour any more; always after its Up
	Added(token uint64, err error)
	// ShutOut reports that this node has no neighbour, with the outcome of its attempts.
	// The report repeats every ten seconds until there is a neighbour.
	ShutOut(tried []Attempt)
	// Twin reports that the peer on a link knows another node, or another run of this
	// node, with this node's ID. The address of that node may be empty. yields is true if
	// the peer keeps the other one as its neighbour and not this one.
	Twin(by Conn, addr string, yields bool)
}

// Conn describes a link after its handshake.
type Conn struct {
	Link    ident.Link
	Peer    ident.Origin
	Addr    string // the address that the peer advertises; may be empty
	Dialled string // the address that this node dialled; empty for an accepted link
	From    string // for an accepted link: the remote address seen by this node, with any port; may be empty
	Local   bool   // the peer is on this machine: loopback addresses are valid for it
	Zone    string // the IPv6 zone of the link, if the peer has a link-local address
}

// Membership is the protocol state of one node. Only one goroutine at a time may use
// it.
type Membership struct {
	cfg         Config
	book        *book
	active      []*link // neighbours, oldest first
	waiting     []*link // links that are not neighbours, or not yet
	dials       []*dial
	adds        []add // calls of Add that wait until the peer's own dial arrives
	lookers     []looker
	seeds       []seed
	anchors     []string
	last        []string // result of Anchors when the last neighbour left
	costs       sourceCosts
	guests      guests
	shutOut     shutOut
	self        map[string]bool // own addresses, and addresses at which this node has met itself
	resting     retry.Resting   // until when these addresses are not dialled
	twins       retry.Resting   // peers that have a neighbour with the same ID as this node
	clock       time.Time       // time of the last Advance, or later
	selfRetryAt time.Time       // when an address in self may be dialled again; zero: never
	sweep       sweep
	removed     map[ident.ID]shunned

	rounds       int       // rounds of requests without a new neighbour
	roundAt      time.Time // when the next round begins; zero: none is due
	refusals     int       // refusals in this round by peers without a free place
	refusedAt    time.Time // time of the first such refusal; zero: none
	failures     int       // failed dials in a row
	shuffleAt    time.Time
	shuffleIn    time.Duration // current gap between shuffles; it grows while they bring no new contacts
	fresh        int           // new contacts since the last shuffle, counted only while the book had room
	rotateAt     time.Time
	rotateIn     time.Duration // current gap between rotations; it grows up to RotateInterval
	feelAt       time.Time
	refused      uint64 // see RefusedContacts
	started      time.Time
	lastDeadline time.Time // the last result of Deadline
	leaving      bool
}

type link struct {
	Conn
	asked        bool      // this node has sent its request
	purpose      purpose   // why this node dialled the link
	tokens       []uint64  // tokens of the calls of Add that wait for this link
	expires      time.Time // when a waiting link times out
	heard        time.Time
	sent         time.Time // when the owner last pushed an event on the link
	pingAt       time.Time // when the next ping is due; only set for links that this node dialled
	pinged       time.Time
	rtt          time.Duration
	degree       int       // the peer's degree, as last reported
	protected    time.Time // the link is not evicted before this time
	source       uint16    // number of the peer that is accountable for the link; see salt.source
	prefix       uint16    // number of the network that the link comes from; see salt.prefix
	since        time.Time // when the link became a neighbour
	access       access    // whether the peer can be dialled, as far as this node knows
	atHost       bool      // the peer dialled from the same host that it advertises
	checked      bool      // the peer's request waits for a check, or a check was made
	wanted       bool      // this node's program asked for the link; see Add
	asksKeep     bool      // the peer claims that its program asked for the link; see isKept
	swaps        swaps
	twinReported time.Time // when the peer was last informed of another node with its ID
}

type purpose uint8

const (
	toFill   purpose = iota // the active view is below MinPeers
	toJoin                  // to join through a seed as the contact node
	toAdd                   // to serve an Add of the program
	toRotate                // to keep the overlay mixed
	toAnswer                // because a FORWARDJOIN ended here, or a neighbour's DISCONNECT offered the contact
	toBridge                // to bridge a split; the link began as a probe
	toFeel                  // to test an address of the book; the link ends at once
)

type dial struct {
	addr    string
	purpose purpose
	tokens  []uint64
}

// looker is a node that this node had to refuse. It has room for a neighbour, so this
// node advertises it to others.
type looker struct {
	Contact
	until time.Time
}

type seed struct {
	addr  string
	tried bool // the address was dialled in this round
}

// New returns the Membership of one node. It does nothing until Start is called.
func New(cfg Config) *Membership {
	cfg = cfg.withDefaults()
	book := newBook(cfg.BookSize, salt(cfg.Rand.Uint64()))
	book.noRanks, book.noLimits = cfg.NoRanks, cfg.NoLimits
	return &Membership{
		cfg:     cfg,
		book:    book,
		anchors: cfg.Anchors,
		self:    map[string]bool{cfg.Self.Addr: !cfg.Elsewhere},
		removed: make(map[ident.ID]shunned),
	}
}

// Start begins the search for neighbours.
func (m *Membership) Start(now time.Time, out Out) {
	m.started = now
	m.shutOut.since = now
	m.shuffleIn = m.cfg.ShuffleInterval
	if m.shuffleIn > 0 {
		m.shuffleAt = now.Add(retry.Blur(m.shuffleIn, m.cfg.Rand))
	}
	if m.cfg.RotateInterval > 0 {
		m.rotateIn = m.cfg.RotateInterval / firstRotation
		m.rotateAt = now.Add(retry.Blur(2*m.rotateIn, m.cfg.Rand))
	}
	if m.cfg.FeelerInterval > 0 {
		m.feelAt = now.Add(retry.Blur(m.cfg.FeelerInterval/3*4, m.cfg.Rand))
	}
	m.fill(now, out)
}

// SetSeeds replaces the addresses of contact nodes. Addresses of this node are ignored.
func (m *Membership) SetSeeds(now time.Time, addrs []string, out Out) {
	var seeds []seed
	for _, addr := range addrs {
		if m.listensAt(addr) || slices.ContainsFunc(seeds, func(s seed) bool { return s.addr == addr }) {
			continue
		}
		at := slices.IndexFunc(m.seeds, func(s seed) bool { return s.addr == addr })
		seeds = append(seeds, seed{addr: addr, tried: at >= 0 && m.seeds[at].tried})
	}
	m.seeds = seeds
	m.orderSeeds()
	m.fill(now, out)
}

// listensAt reports whether this node itself listens at addr, the address that it
// advertises.
func (m *Membership) listensAt(addr string) bool { return addr == m.cfg.Self.Addr && !m.cfg.Elsewhere }

// SetSelf changes the address that this node advertises.
func (m *Membership) SetSelf(addr string) {
	if !m.resting.Has(m.clock, m.cfg.Self.Addr) {
		delete(m.self, m.cfg.Self.Addr)
	}
	m.cfg.Self.Addr = addr
	m.self[addr] = true
	m.book.forget(addr)
}

// Handle processes a frame that arrived on a link.
func (m *Membership) Handle(now time.Time, id ident.Link, msg Message, out Out) {
	l := m.find(id)
	if l == nil {
		return // the link was closed while the frame was in flight
	}
	l.heard = now
	switch msg := msg.(type) {
	case *Join:
		m.onRequest(now, l, msg.Priority, true, out)
	case *Neighbor:
		l.asksKeep = l.asksKeep || msg.Kept
		m.onRequest(now, l, msg.Priority, false, out)
	case *NeighborReply:
		m.onReply(now, l, msg, out)
	case *Disconnect:
		m.onDisconnect(now, l, msg, out)
	case *ForwardJoin:
		if m.isNeighbor(l) { // random walks lead through active views only
			m.onForwardJoin(now, l, msg, out)
		}
	case *Shuffle:
		if m.isNeighbor(l) {
			m.onShuffle(now, l, msg, out)
		}
	case *Ping:
		l.degree = int(msg.Degree)
		out.Send(id, &Pong{Degree: m.degree(), Sent: msg.Sent})
	case *Pong:
		l.degree = int(msg.Degree)
		m.onPong(now, l, msg)
	}
	m.fill(now, out)
}

// Heard records that a frame of any protocol arrived on a link. The owner may report it
// late, but before the next call of Advance.
func (m *Membership) Heard(at time.Time, id ident.Link) {
	if l := m.find(id); l != nil && at.After(l.heard) {
		l.heard = at
	}
}

// Said records that an event was pushed on a link. If both ends receive events from each
// other, pings are rare. The owner may report it late, but before the next call of
// Advance.
func (m *Membership) Said(at time.Time, id ident.Link) {
	if l := m.find(id); l != nil && at.After(l.sent) {
		l.sent = at
	}
}

// LinkDown processes the end of a link that the Membership did not close.
func (m *Membership) LinkDown(now time.Time, id ident.Link, why Reason, out Out) {
	l := m.find(id)
	if l == nil {
		return
	}
	if m.remove(l) {
		out.Down(id, why)
		// The peer was alive a moment ago, so it is worth another dial, but not
		// immediately.
		m.book.rest(now, l.reach(), retry.Blur(time.Second, m.cfg.Rand))
	} else if l.Dialled != "" {
		m.recordFailure(now, l.reach())
		m.answerAdds(l.tokens, ErrRefused, out)
	}
	m.fill(now, out)
}

// Advance performs every action whose time has come.
func (m *Membership) Advance(now time.Time, out Out) {
	m.keepAlive(now, out)
	m.expireChecks(now, out)
	m.checkNeighbors(now, out)
	m.expire(now, out)
	m.shuffle(now, out)
	m.rotate(now, out)
	m.dialFeeler(now, out)
	m.retrySelfAddrs(now)
	m.fill(now, out)
}

// Deadline returns the time of the next Advance.
func (m *Membership) Deadline() (at time.Time, ok bool) {
	sooner := func(t time.Time) {
		if !t.IsZero() && (!ok || t.Before(at)) {
			at, ok = t, true
		}
	}
	for _, l := range m.active {
		sooner(m.deadAt(l))
		sooner(l.pingAt)
	}
	if len(m.waiting) > 0 {
		sooner(m.waiting[0].expires) // all waiting links have the same timeout, so the first one expires first
	}
	for _, a := range m.adds {
		sooner(a.expires)
	}
	if len(m.active) > 0 {
		sooner(m.shuffleAt)
		sooner(m.rotateAt)
		sooner(m.feelAt)
	}
	for _, c := range m.guests.checks {
		if c.link != nil {
			sooner(c.until)
		}
	}
	sooner(m.nextCheckAt())
	sooner(m.roundAt)
	if m.roundAt.IsZero() {
		sooner(m.roundEndsAt())
	}
	sooner(m.shutOutAt())
	sooner(m.selfRetryAt)
	sooner(m.sweep.widenAt)
	m.lastDeadline = at
	return at, ok
}

// Neighbors iterates over the active view, oldest neighbour first.
func (m *Membership) Neighbors(yield func(Conn) bool) {
	for _, l := range m.active {
		if !yield(l.Conn) {
			return
		}
	}
}

// RTT returns the last measured round-trip time of a link. Only the end that dialled the
// link measures it; at the other end, RTT returns 0.
func (m *Membership) RTT(id ident.Link) time.Duration {
	if l := m.find(id); l != nil {
		return l.rtt
	}
	return 0
}

// Self returns the ID of this node and the address that it advertises.
func (m *Membership) Self() Contact { return m.cfg.Self }

// Degree returns the number of neighbours.
func (m *Membership) Degree() int { return len(m.active) }

// Anchors returns the addresses of up to two neighbours. If the node has no neighbour, it
// returns those of its last neighbours. A node that restarts with them as Config.Anchors
// returns to its neighbours, even if an attacker has meanwhile flooded the books of
// others.
//
// Neighbours that this node chose and dialled come first. Then come those at whose
// address a dial of this node has worked, then those whose address is only their own
// claim. Within each class, older neighbours come first.
func (m *Membership) Anchors() []string {
	if len(m.active) == 0 {
		return m.last
	}
	var addrs []string
	add := func(addr string) {
		if addr != "" && !m.self[addr] && len(addrs) < maxAnchors && !slices.Contains(addrs, addr) {
			addrs = append(addrs, addr)
		}
	}
	for _, l := range m.active { // oldest first
		if l.isOwn() {
			add(l.Dialled)
		}
	}
	for _, l := range m.active {
		add(l.Dialled)
		if e := m.book.find(l.Addr); e != nil && e.worked && e.ID == l.Peer.ID {
			add(l.Addr)
		}
	}
	for _, l := range m.active {
		if l.access != shut {
			add(l.Addr)
		}
	}
	return addrs
}

// Book iterates over the addresses of the passive view.
func (m *Membership) Book(yield func(addr string) bool) {
	for i := range m.book.entries {
		if !yield(m.book.entries[i].Addr) {
			return
		}
	}
}

// BookLen returns the number of addresses in the passive view.
func (m *Membership) BookLen() int { return len(m.book.entries) }

// Leave sends a DISCONNECT to each neighbour, with contacts of the others, and closes
// every link. Afterwards the Membership starts no dial.
func (m *Membership) Leave(now time.Time, out Out) {
	m.leaving = true
	for _, l := range slices.Clone(m.active) {
		m.disconnect(now, l, ReasonLeave, m.sample(leaveSample, l), out)
	}
	for _, l := range m.waiting {
		m.answerAdds(l.tokens, ErrLeaving, out)
		out.Close(l.Link, ReasonLeave)
	}
	m.waiting = nil
	for _, d := range m.dials {
		m.answerAdds(d.tokens, ErrLeaving, out)
	}
	for _, a := range m.adds {
		out.Added(a.token, ErrLeaving)
	}
	m.dials, m.adds, m.guests.checks, m.roundAt = nil, nil, nil, time.Time{}
}

func (m *Membership) degree() uint8 { return uint8(min(len(m.active), 255)) }

func (m *Membership) find(id ident.Link) *link {
	for _, l := range m.active {
		if l.Link == id {
			return l
		}
	}
	for _, l := range m.waiting {
		if l.Link == id {
			return l
		}
	}
	return nil
}

func (m *Membership) neighbor(peer ident.ID) *link {
	for _, l := range m.active {
		if l.Peer.ID == peer {
			return l
		}
	}
	return nil
}

func (m *Membership) isNeighbor(l *link) bool { return slices.Contains(m.active, l) }

func (m *Membership) request(peer ident.ID) *link {
	for _, l := range m.waiting {
		if l.asked && l.Peer.ID == peer {
			return l
		}
	}
	return nil
}

// pendingRequests counts this node's unanswered requests. Each may soon add a neighbour.
func (m *Membership) pendingRequests() (n int) {
	for _, l := range m.waiting {
		if l.asked {
			n++
		}
	}
	return n
}

func (m *Membership) hasRoom() bool { return m.countRegular()+m.pendingRequests() < m.cfg.MaxPeers }

// remove takes a link out of the views and reports whether it was a neighbour.
func (m *Membership) remove(l *link) bool {
	if l.checked {
		m.dropCheck(l)
	}
	if at := slices.Index(m.active, l); at >= 0 {
		if len(m.active) == 1 {
			m.last = m.Anchors()
		}
		m.active = slices.Delete(m.active, at, at+1)
		return true
	}
	if at := slices.Index(m.waiting, l); at >= 0 {
		m.waiting = slices.Delete(m.waiting, at, at+1)
	}
	return false
}

// drop closes a link that is not a neighbour.
func (m *Membership) drop(l *link, why Reason, out Out) {
	m.remove(l)
	out.Close(l.Link, why)
}

// disconnect ends a neighbour's link with a DISCONNECT. That frame holds the reason, and
// contacts to try instead.
func (m *Membership) disconnect(now time.Time, l *link, why Reason, try []Contact, out Out) {
	m.remove(l)
	out.Send(l.Link, &Disconnect{Reason: why, Try: try})
	out.Close(l.Link, why)
	out.Down(l.Link, why)
	m.book.rest(now, l.reach(), retry.Blur(4*time.Second, m.cfg.Rand))
}

// sample draws up to n contacts to report to the peer on a link. It takes nodes that look
// for neighbours first, then neighbours, then addresses of the book.
func (m *Membership) sample(n int, to *link) []Contact {
	list := make([]Contact, 0, n)
	skip := func(c Contact) bool {
		return c.Addr == "" || c.ID == to.Peer.ID || c.Addr == to.Addr || !to.Local && ident.IsLoopback(c.Addr)
	}
	add := func(c Contact) {
		if len(list) < n && !skip(c) && !has(list, c.Addr) {
			list = append(list, c)
		}
	}
	for i := len(m.lookers) - 1; i >= 0 && len(list) < n/2; i-- {
		add(m.lookers[i].Contact)
	}
	if k := len(m.active); k > 0 {
		for i, start := 0, m.cfg.Rand.IntN(k); i < min(k, shuffleActive); i++ {
			if l := m.active[(start+i)%k]; l.access != shut {
				add(Contact{l.Peer.ID, l.Addr})
			}
		}
	}
	return m.book.sample(list, n-len(list), m.cfg.Rand, skip)
}

func (m *Membership) isUsable(c Contact, from *link) bool {
	return c.Addr != "" && c.ID != m.cfg.Self.ID && !m.self[c.Addr] && (from.Local || !ident.IsLoopback(c.Addr))
}
