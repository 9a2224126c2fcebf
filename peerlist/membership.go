// Package peerlist knows who a node's neighbours are.
//
// [Membership] is the protocol: HyParView (Leitão, Pereira, Rodrigues, DSN
// 2007) fitted to a lower and an upper bound on neighbours. It keeps the active
// view (links in use) between MinPeers and MaxPeers and a passive view (the
// book, addresses to fall back on). It does no I/O: its owner hands it what
// happened and performs what it asks for.
//
// The owner's duties: call the methods of a Membership from one goroutine at a
// time; perform the actions of [Out] in order; answer each Dial by exactly one
// LinkUp or DialFailed; report the end of a link by LinkDown unless the
// Membership closed it; call Advance at Deadline. A link that is not asked for
// anything yet (dialled, or accepted) is not a neighbour; Out.Up and Out.Down
// say when it becomes one and when it ceases to be.
//
// [Peerlist] is the list of neighbours as a program sees it.
package peerlist

import (
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/retry"
)

// Out takes what a [Membership] wants done. Its methods only note it down.
type Out interface {
	Send(ident.Link, Message)
	Dial(addr string)
	Close(ident.Link, Reason) // after what was sent; no LinkDown follows
	Up(ident.Link)            // the link is a neighbour now
	Down(ident.Link, Reason)  // the neighbour is gone; always after its Up
	Added(token uint64, err error)
	// ShutOut says that this node has no neighbour, and what came of its tries. It is
	// repeated every ten seconds until there is one.
	ShutOut(tried []Attempt)
	// Twin says that another life of this node's ID is somewhere, as the peer on a
	// link says. That life's address may be empty. yields: the other life is the one
	// that the peer keeps as a neighbour.
	Twin(by Conn, addr string, yields bool)
}

// Conn describes a link that came up: greetings were exchanged, nothing else.
type Conn struct {
	Link    ident.Link
	Peer    ident.Origin
	Addr    string // what the peer says it can be dialled at; may be empty
	Dialled string // the address we dialled; empty for a link we accepted
	From    string // of a link we accepted: where it comes from, as this end sees it, with any port; may be empty
	Local   bool   // the peer is on this machine: loopback addresses mean something to it
	Zone    string // the IPv6 zone of the link, if it leads to a link-local address
}

// Membership is the machine. It may not be used by two goroutines at once.
type Membership struct {
	cfg         Config
	book        *book
	active      []*link // neighbours, oldest first
	waiting     []*link // links that are not neighbours (yet)
	dials       []*dial
	adds        []add // manual adds that wait for the other side's dial
	lookers     []looker
	seeds       []seed
	anchors     []string
	last        []string // anchors, when there were neighbours last
	costs       sourceCosts
	guests      guests
	shutOut     shutOut
	self        map[string]bool // own addresses, and those at which we met ourselves of late
	resting     retry.Resting   // of those, the ones that are tried again
	twins       retry.Resting   // peers that have another life of this ID as a neighbour
	clock       time.Time       // of the last Advance, or later
	selfRetryAt time.Time       // when an address in self may be tried again; zero: never
	sweep       sweep
	removed     map[ident.ID]shunned

	rounds       int       // fruitless rounds of asking since something new turned up
	roundAt      time.Time // when the next round begins; zero: none is due
	refusals     int       // by full peers, in this round
	refusedAt    time.Time // the first of them; zero: none
	failures     int       // dials that failed in a row
	shuffleAt    time.Time
	shuffleIn    time.Duration // grows while shuffles bring nothing new
	fresh        int           // new contacts since the last shuffle, for which there was room
	rotateAt     time.Time
	rotateIn     time.Duration // grows to its bound
	feelAt       time.Time
	refused      uint64 // see RefusedContacts
	started      time.Time
	lastDeadline time.Time // the deadline last given out
	leaving      bool
}

type link struct {
	Conn
	asked        bool      // our request is under way
	purpose      purpose   // of the dial
	tokens       []uint64  // manual adds that this link answers
	expires      time.Time // for a waiting link: the request or answer must be here by then
	heard        time.Time
	sent         time.Time // an event was pushed, as the owner says
	pingAt       time.Time // only for links that we dialled
	pinged       time.Time
	rtt          time.Duration
	degree       int       // the peer's, as it last said
	protected    time.Time // does not make room before then
	source       uint16    // who is held to account for it
	prefix       uint16    // the network that it comes from; see salt.prefix
	since        time.Time // a neighbour since then
	access       access    // of the peer's address
	atHost       bool      // the peer came from the host of its address
	checked      bool      // the request waits until the access is known
	wanted       bool      // the program asked for it: see Add
	asksKeep     bool      // the peer says that its program did; see isKept
	swaps        swaps
	twinReported time.Time // when it was told that another life of its ID has asked
}

type purpose uint8

const (
	toFill   purpose = iota // the active view is below MinPeers
	toJoin                  // a seed, as a contact node
	toAdd                   // the program asked
	toRotate                // to keep the overlay mixing
	toAnswer                // a walk ended here, or a neighbour offered this place
	toBridge                // over a split; the link began as a probe
	toFeel                  // whether an address of the book answers; the link ends at once
)

type dial struct {
	addr    string
	purpose purpose
	tokens  []uint64
}

// looker is a node that we had to refuse: it has room, so others hear of it.
type looker struct {
	Contact
	until time.Time
}

type seed struct {
	addr  string
	tried bool // in this round
}

// NewMembership makes the machine of one node. It does nothing before Start.
func NewMembership(cfg Config) *Membership {
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

// Start begins to look for neighbours.
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

// SetSeeds replaces the addresses of contact nodes. Our own are left out.
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

// listensAt reports whether this node itself listens at an address that it tells others.
func (m *Membership) listensAt(addr string) bool { return addr == m.cfg.Self.Addr && !m.cfg.Elsewhere }

// SetSelf changes the address that this node tells others.
func (m *Membership) SetSelf(addr string) {
	if !m.resting.Has(m.clock, m.cfg.Self.Addr) {
		delete(m.self, m.cfg.Self.Addr)
	}
	m.cfg.Self.Addr = addr
	m.self[addr] = true
	m.book.forget(addr)
}

// Handle takes a frame that came on a link.
func (m *Membership) Handle(now time.Time, id ident.Link, msg Message, out Out) {
	l := m.find(id)
	if l == nil {
		return // closed meanwhile; the frame was already on its way
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
		if m.isNeighbor(l) { // walks lead through active views only
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

// Heard notes that something came on a link, if only another protocol's frame.
// It may be told late, as long as it is told before Advance.
func (m *Membership) Heard(at time.Time, id ident.Link) {
	if l := m.find(id); l != nil && at.After(l.heard) {
		l.heard = at
	}
}

// Said notes that an event was pushed on a link: where both ends
// hear from each other anyway, pings are rare. It may be told late too.
func (m *Membership) Said(at time.Time, id ident.Link) {
	if l := m.find(id); l != nil && at.After(l.sent) {
		l.sent = at
	}
}

// LinkDown takes the end of a link that the Membership did not close.
func (m *Membership) LinkDown(now time.Time, id ident.Link, why Reason, out Out) {
	l := m.find(id)
	if l == nil {
		return
	}
	if m.remove(l) {
		out.Down(id, why)
		// It was alive a moment ago: worth another try, but not at once.
		m.book.rest(now, l.reach(), retry.Blur(time.Second, m.cfg.Rand))
	} else if l.Dialled != "" {
		m.recordFailure(now, l.reach())
		m.answerAdds(l.tokens, ErrRefused, out)
	}
	m.fill(now, out)
}

// Advance does what is due.
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

// Deadline is when Advance is wanted next.
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
		sooner(m.waiting[0].expires) // all wait equally long, and the first came first
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

// RTT is the round trip on a link, as it was last measured: by the end that dialled,
// and zero at the other one.
func (m *Membership) RTT(id ident.Link) time.Duration {
	if l := m.find(id); l != nil {
		return l.rtt
	}
	return 0
}

// Self is how others know this node.
func (m *Membership) Self() Contact { return m.cfg.Self }

// Degree is the number of neighbours.
func (m *Membership) Degree() int { return len(m.active) }

// Anchors are where up to two neighbours can be dialled, or where the last ones
// could if there are none. A node that restarts and is given them as Config.Anchors
// begins where it was, also if the books of others have been filled meanwhile.
//
// Neighbours that this node dialled by its own choice come first, then those at whose
// address a dial of this node was answered once, then those of which only they
// themselves say where they are. Of equals those come first that have been neighbours
// longest.
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

// BookLen is the number of addresses in the passive view.
func (m *Membership) BookLen() int { return len(m.book.entries) }

// Leave tells the neighbours that this node stops, and offers them one
// another. Every link is closed; nothing is dialled any more.
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

// requests counts the places that our own requests may take up any moment.
func (m *Membership) pendingRequests() (n int) {
	for _, l := range m.waiting {
		if l.asked {
			n++
		}
	}
	return n
}

func (m *Membership) hasRoom() bool { return m.countRegular()+m.pendingRequests() < m.cfg.MaxPeers }

// remove takes the link out of the views and reports whether it was a neighbour.
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

// drop closes a link that is no neighbour.
func (m *Membership) drop(l *link, why Reason, out Out) {
	m.remove(l)
	out.Close(l.Link, why)
}

// letGo ends a neighbour in good manners: it learns why, and whom to try instead.
func (m *Membership) disconnect(now time.Time, l *link, why Reason, try []Contact, out Out) {
	m.remove(l)
	out.Send(l.Link, &Disconnect{Reason: why, Try: try})
	out.Close(l.Link, why)
	out.Down(l.Link, why)
	m.book.rest(now, l.reach(), retry.Blur(4*time.Second, m.cfg.Rand))
}

// sample draws contacts to tell the peer on link to: first nodes that look for
// neighbours themselves, then neighbours, then the book.
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
