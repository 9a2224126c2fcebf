package peerlist

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/retry"
)

// A guest is a neighbour that no node can dial: behind a NAT, with an address that
// is wrong, or with none. It can't be passed on to another full node, as a newcomer
// that can be dialled is: the neighbour that makes room for that one dials it. So
// guests have places of their own beyond MaxPeers, and the links of a guest that has
// several give way to the only link of another one.
//
// What a guest says of itself is a claim. "I can't be dialled" buys one of at most
// MaxGuests places; where these are used up, the address prefix that has most of
// them gives way to one that has fewer. "I have no link" (a JOIN) ends at most two
// links a minute for each prefix, and never one that this node dialled or that a
// program asked for.

// access is what this node knows of a peer's address.
type access uint8

const (
	unproven access = iota // no dial of this node has been answered there
	open                   // the peer was reached there
	shut                   // the peer tells no address, or was not reached there
)

const (
	// guestReserve is the part of the guest places (one in so many) that only nodes
	// without a link get.
	guestReserve = 4

	// A prefix may have two links ended in a minute for guests that have none, all
	// prefixes together 16.
	evictionsOfPrefix = 2
	evictionsOfAll    = 16
	evictionWindow    = time.Minute

	// keptForNeedy: for so long after a node without links was refused, the last free
	// place is not for nodes that have some. Their rounds of asking are 5 s apart.
	keptForNeedy = 10 * time.Second

	// Addresses that are dialled at one time to see whether a peer can be reached,
	// for all sources and for one.
	maxChecks         = 32
	maxChecksOfSource = 8

	// lookEvery is the gap between the checks of a full node's neighbours.
	checkEvery = 5 * time.Second

	// checkTimeout is when a peer counts as not reached. The peer waits requestTimeout
	// for its answer.
	checkTimeout = requestTimeout / 2

	// maxFindings bounds the peers of which the access is remembered, for findingFor.
	maxFindings         = 256
	maxFindingsOfSource = 16
	findingFor          = 5 * time.Minute
)

// guests holds what a [Membership] knows about guests, their places aside.
type guests struct {
	checks    []*check
	findings  []finding  // oldest first
	evictions []eviction // those of the last minute, oldest first
	needy     time.Time  // until then the last free place is kept
	suspected bool       // there may be guests: a peer is one, a contact was not reached, or a node without links was refused
	nextCheck time.Time  // the next neighbour is checked then
	evicted   uint64
}

// check is a dial that only shows whether a peer can be reached at its address. Its
// request waits for the answer, unless it is a neighbour. A check lasts as long as its
// dial, even if its link is gone: else a peer that hangs up could use up all of them.
type check struct {
	peer   Contact
	source uint16
	link   *link // nil once that was decided
	prio   Priority
	join   bool
	until  time.Time
}

// finding is the outcome of a check.
type finding struct {
	Contact
	source uint16
	access access
	until  time.Time
}

// eviction is a link that was ended for a guest.
type eviction struct {
	prefix uint16
	at     time.Time
}

// guestPlaces is how many guests there may be.
func (m *Membership) guestPlaces() int { return max(m.cfg.MaxGuests, 0) }

// shutPeers counts the neighbours that are known to be guests, also those without a
// guest place.
func (m *Membership) countGuests() (n int) {
	for _, l := range m.active {
		if l.access == shut {
			n++
		}
	}
	return n
}

// Guests is the number of neighbours in guest places. All others are at most
// MaxPeers.
func (m *Membership) Guests() int { return min(m.countGuests(), m.guestPlaces()) }

// regular is the number of neighbours that MaxPeers bounds.
func (m *Membership) countRegular() int { return len(m.active) - m.Guests() }

// hasRoomFor reports whether the peer that asks on a link may become a neighbour
// without another one having to go. join says that it has no link.
func (m *Membership) hasRoomFor(now time.Time, l *link, prio Priority, join bool) bool {
	if l.access == shut {
		places := m.guestPlaces()
		if !join && prio != Bridge {
			places -= places / guestReserve
		}
		if m.countGuests() < places {
			return true
		}
	}
	free := m.cfg.MaxPeers - m.countRegular() - m.pendingRequests()
	if !join && prio == Low && now.Before(m.guests.needy) { // it has a link, another node has none
		free--
	}
	return free > 0
}

// isGuestOnly reports whether the end of a link would free a guest place, and no
// other.
func (m *Membership) isGuestOnly(l *link) bool {
	return l.access == shut && m.countGuests() <= m.guestPlaces()
}

// lookUp sets the access of a link as far as it is known.
func (m *Membership) setAccess(now time.Time, l *link) {
	defer func() { m.noteGuest(l) }()
	e := m.book.find(l.Addr)
	switch {
	case l.access != unproven:
	case l.Dialled != "":
		l.access = open
	case l.Addr == "" || l.Addr == m.cfg.Self.Addr || m.self[l.Addr]:
		l.access = shut
	case e != nil && e.worked && e.fails == 0 && e.ID == l.Peer.ID:
		l.access = open
	default:
		for _, f := range m.guests.findings {
			if f.Contact == (Contact{l.Peer.ID, l.Addr}) && now.Before(f.until) {
				l.access = f.access
			}
		}
	}
}

// check finds out whether the peer that insists on a link can be dialled, before a
// place is made for it. It reports whether the request was dealt with: it waits, or
// there is nothing to wait for and it was refused.
//
// Only the host from which the peer came is dialled, so that no peer can have a third
// party dialled. A peer that says to be elsewhere is taken for a guest.
func (m *Membership) deferToCheck(now time.Time, l *link, prio Priority, join bool, out Out) bool {
	if prio != High || l.access != unproven || m.cfg.NoLimits {
		return false
	}
	switch {
	case l.From == "":
		l.access = open // there is nothing to compare; as before there were guests
		return false
	case !l.atHost:
		l.access = shut
		m.noteGuest(l)
		return false
	}
	free := m.countGuests() < m.guestPlaces()
	if !free && m.victimFor(now, l, prio) == nil && !join {
		return m.refuseFull(now, l, prio, join, out) // whatever comes of it
	}
	if !m.startCheck(now, l, prio, join, out) {
		return m.refuseFull(now, l, prio, join, out) // it will ask again
	}
	l.checked = true
	return true
}

// startCheck dials a peer's address, unless too many are dialled already.
func (m *Membership) startCheck(now time.Time, l *link, prio Priority, join bool, out Out) bool {
	ofSource := 0
	for _, c := range m.guests.checks {
		if c.source == l.source {
			ofSource++
		}
	}
	if len(m.guests.checks) >= maxChecks || ofSource >= maxChecksOfSource || m.isChecked(l.Addr) || m.dialFor(l.Addr) != nil {
		return false
	}
	m.guests.checks = append(m.guests.checks, &check{Contact{l.Peer.ID, l.Addr}, l.source, l, prio, join, now.Add(checkTimeout)})
	out.Dial(l.Addr)
	return true
}

// isAtItsHost reports whether the peer says to be at the host that it dialled from.
func isAtItsHost(c Conn) bool {
	if c.From == "" || c.Addr == "" {
		return false
	}
	if from, err := netip.ParseAddrPort(c.From); err == nil {
		addr, err := netip.ParseAddrPort(c.Addr)
		return err == nil && plainIP(from) == plainIP(addr)
	}
	from, ok := hostOf(c.From)
	host, also := hostOf(c.Addr)
	return ok && also && from == host
}

// lookAtNeighbors has a full node check which of the neighbours that came by
// themselves are guests: these leave their places to others, are not told to others,
// and are not rotated out. Each is checked once. Where all nodes can be dialled none
// is: a check is a connection.
func (m *Membership) checkNeighbors(now time.Time, out Out) {
	if at := m.nextCheckAt(); at.IsZero() || now.Before(at) {
		return
	}
	m.guests.nextCheck = now.Add(retry.Blur(checkEvery, m.cfg.Rand))
	for _, l := range m.active { // oldest first
		if m.setAccess(now, l); m.isToBeChecked(l) && m.startCheck(now, l, Low, false, out) {
			l.checked = true
			return
		}
	}
}

// nextLook is when the next neighbour is to be checked; zero if none is.
func (m *Membership) nextCheckAt() time.Time {
	if !m.guests.suspected || m.leaving || m.cfg.NoLimits || m.guestPlaces() == 0 || m.hasRoom() || !slices.ContainsFunc(m.active, m.isToBeChecked) {
		return time.Time{}
	}
	if m.guests.nextCheck.IsZero() {
		return m.started.Add(checkEvery)
	}
	return m.guests.nextCheck
}

func (m *Membership) isToBeChecked(l *link) bool {
	return l.access == unproven && !l.checked && l.atHost
}

// noteGuest remembers that there are guests, if a link is one of a guest.
func (m *Membership) noteGuest(l *link) {
	if l.access == shut {
		m.guests.suspected = true
	}
}

// hostOf is the host in an address; an IP address in one form.
func hostOf(addr string) (host string, ok bool) {
	if ap, err := netip.ParseAddrPort(addr); err == nil {
		return plainIP(ap).String(), true
	}
	end := strings.LastIndexByte(addr, ':')
	if end <= 0 {
		return "", false
	}
	return addr[:end], true
}

// plainIP is an IP address in one form.
func plainIP(ap netip.AddrPort) netip.Addr { return ap.Addr().Unmap().WithZone("") }

// checkOf takes the check of an address off the list.
func (m *Membership) takeCheck(addr string) *check {
	for i, c := range m.guests.checks {
		if c.peer.Addr == addr {
			m.guests.checks = append(m.guests.checks[:i], m.guests.checks[i+1:]...)
			return c
		}
	}
	return nil
}

// isChecked reports whether a check dials the address at the moment.
func (m *Membership) isChecked(addr string) bool {
	for _, c := range m.guests.checks {
		if c.peer.Addr == addr {
			return true
		}
	}
	return false
}

// concludes takes the outcome of a check: the request that waited for it is decided.
func (m *Membership) conclude(now time.Time, c *check, found access, out Out) {
	if l := c.link; l != nil {
		c.link = nil
		m.keepFinding(finding{c.peer, l.source, found, now.Add(findingFor)})
		l.access = found
		m.noteGuest(l)
		if found == shut {
			m.forgetUntried(c.peer)
		}
		if m.isNeighbor(l) {
			return
		}
		l.checked = false
		m.onRequest(now, l, c.prio, c.join, out)
	}
}

// forgetUntried drops an address that has never worked and at which the peer is not.
func (m *Membership) forgetUntried(c Contact) {
	if e := m.book.find(c.Addr); e != nil && !e.worked && (e.ID == c.ID || e.ID.IsZero()) {
		m.book.forget(c.Addr)
	}
}

// keepFinding remembers the outcome of a check. The oldest ones go: those of the same
// source where it has many, else of all.
func (m *Membership) keepFinding(f finding) {
	list := m.guests.findings
	ofSource, first, same := 0, -1, -1
	for i := range list {
		if list[i].source == f.source {
			if ofSource++; first < 0 {
				first = i
			}
		}
		if list[i].Contact == f.Contact {
			same = i
		}
	}
	switch {
	case same >= 0:
		list = append(list[:same], list[same+1:]...)
	case ofSource >= maxFindingsOfSource:
		list = append(list[:first], list[first+1:]...)
	case len(list) >= maxFindings:
		list = append(list[:0], list[1:]...)
	}
	m.guests.findings = append(list, f)
}

// expireChecks decides what waits for a check that takes too long. The dial itself
// is answered some time.
func (m *Membership) expireChecks(now time.Time, out Out) {
	for _, c := range m.guests.checks {
		if c.link != nil && !now.Before(c.until) {
			m.conclude(now, c, shut, out)
			return // onRequest may have changed the list; the next Advance goes on
		}
	}
}

// dropCheck forgets that a link waits for a check.
func (m *Membership) dropCheck(l *link) {
	for _, c := range m.guests.checks {
		if c.link == l {
			c.link = nil
		}
	}
}

// makeRoomForGuest ends a neighbour's link for a guest, if there is one that may go:
// the link of a source that floods this node; or, for a guest that has none and
// insists, one of several that a neighbour has, rather a guest's; or one of the prefix
// that has most guests, if that has at least two more than the newcomer's.
//
// Unless it is the same one, the newcomer's prefix never gets more links in this way
// than the prefix has that loses one. Else an attacker would take all links that
// honest nodes have twice, a few in a minute.
func (m *Membership) evictForGuest(now time.Time, newcomer *link, prio Priority, join bool, out Out) {
	if m.isFlooding(now, newcomer) {
		return
	}
	may := func(l *link) bool { return l.Dialled == "" && (join || l.access != shut) }
	victim := m.leastNeeded(now, 0, func(l *link) bool { return may(l) && m.isFlooding(now, l) })
	if victim == nil {
		if prio != High || !join || !m.mayEvict(now, newcomer) {
			return
		}
		own := m.linksOf(newcomer.prefix)
		fair := func(l *link) bool {
			return may(l) && (l.prefix == newcomer.prefix || m.linksOf(l.prefix) > own)
		}
		victim = m.leastNeeded(now, 2, func(l *link) bool { return l.access == shut && fair(l) })
		if victim == nil {
			victim = m.leastNeeded(now, 2, fair)
		}
		if victim == nil {
			victim = m.guestOfCrowdedPrefix(now, newcomer, may)
		}
		if victim == nil {
			return
		}
		m.guests.evictions = append(m.guests.evictions, eviction{newcomer.prefix, now})
	}
	m.guests.evicted++
	m.disconnect(now, victim, ReasonMakeRoom, m.sample(leaveSample, victim), out)
}

// mayEvict reports whether one more link may end for a guest from that prefix.
func (m *Membership) mayEvict(now time.Time, newcomer *link) bool {
	for len(m.guests.evictions) > 0 && now.Sub(m.guests.evictions[0].at) >= evictionWindow {
		m.guests.evictions = m.guests.evictions[1:]
	}
	n := 0
	for _, e := range m.guests.evictions {
		if e.prefix == newcomer.prefix {
			n++
		}
	}
	return n < evictionsOfPrefix && len(m.guests.evictions) < evictionsOfAll
}

// linksOf counts the neighbours of a prefix.
func (m *Membership) linksOf(prefix uint16) (n int) {
	for _, l := range m.active {
		if l.prefix == prefix {
			n++
		}
	}
	return n
}

// ofCrowdedPrefix is the youngest guest of the prefix that has most, if it has at
// least two more than that of the newcomer has.
func (m *Membership) guestOfCrowdedPrefix(now time.Time, newcomer *link, may func(*link) bool) (victim *link) {
	count := func(prefix uint16) (n int) {
		for _, l := range m.active {
			if l.access == shut && l.prefix == prefix {
				n++
			}
		}
		return n
	}
	most := count(newcomer.prefix) + 1
	for _, l := range m.active { // oldest first
		if l.access != shut || !may(l) || !m.isEvictable(now, l) {
			continue
		}
		if n := count(l.prefix); n > most || victim != nil && n == most && l.prefix == victim.prefix {
			victim, most = l, n
		}
	}
	return victim
}

// EvictedForGuests counts the links that were ended to make room for a guest.
func (m *Membership) EvictedForGuests() uint64 { return m.guests.evicted }

// prefix is the network that a link comes from or leads to: the group of a public
// address (see groupOf), the /24 of another IPv4 address, the /56 of another IPv6
// address.
func (s salt) prefix(c Conn) uint16 {
	where := c.Dialled
	if where == "" {
		where = c.From
	}
	if where == "" {
		where = c.Addr
	}
	group, public := groupOf(where)
	if ap, err := netip.ParseAddrPort(where); err == nil && !public {
		ip, bits := ap.Addr().Unmap().WithZone(""), 24
		switch {
		case ip.IsLoopback():
			return s.fold(1)
		case ip.Is6():
			bits = 56
		}
		p, err := ip.Prefix(bits)
		if err == nil {
			b := p.Addr().As16()
			return s.fold(uint64(hashOf(string(b[:]))) | 2<<40)
		}
	}
	return s.fold(group)
}
