package hyparview

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/retry"
)

// A guest is a neighbour that no node can dial: it is behind a NAT, or advertises a wrong
// address or none. If a newcomer can be dialled, a full node replaces a neighbour with
// it, and that neighbour dials the newcomer. This does not work for a guest. So a node
// accepts guests beyond MaxPeers, in guest places. If all guest places are taken, the
// links of a guest that has several are evicted for the only link of another guest.
//
// A guest's statements are claims. The claim "I cannot be dialled" yields at most one of
// MaxGuests places. If all are taken, the address prefix with most guests loses one to a
// prefix with fewer. The claim "I have no link" (a JOIN) ends at most two links per
// minute and prefix. It never ends a link that this node dialled or that a program asked
// for.

// access is what this node knows about a peer's address.
type access uint8

const (
	unproven access = iota // this node has not reached the peer at its address yet
	open                   // this node has reached the peer at its address
	shut                   // the peer advertises no address, or was not reached at it
)

const (
	// One guest place in guestReserve is reserved for nodes without a link.
	guestReserve = 4

	// These constants bound the links that are evicted per evictionWindow for guests
	// without a link: for the guests of one prefix, and for all guests.
	evictionsOfPrefix = 2
	evictionsOfAll    = 16
	evictionWindow    = time.Minute

	// After a node without links was refused, the last free place is reserved for such
	// nodes for this long. Their rounds of requests are 5 s apart.
	keptForNeedy = 10 * time.Second

	// These constants bound the concurrent checks: for all sources together, and for one
	// source.
	maxChecks         = 32
	maxChecksOfSource = 8

	// checkEvery is the gap between checks of a full node's neighbours.
	checkEvery = 5 * time.Second

	// After checkTimeout without an answer, a peer counts as not reached. The peer itself
	// waits requestTimeout for the answer to its request.
	checkTimeout = requestTimeout / 2

	// maxFindings bounds the peers whose access is remembered. A finding is kept for
	// findingFor.
	maxFindings         = 256
	maxFindingsOfSource = 16
	findingFor          = 5 * time.Minute
)

// guests is the state of a [Membership] about guests, except for the links themselves.
type guests struct {
	checks    []*check
	findings  []finding  // oldest first
	evictions []eviction // the evictions of the last minute, oldest first
	needy     time.Time  // until this time, the last free place is reserved for a node without links
	suspected bool       // there may be guests: a peer is one, a contact was not reached, or a node without links was refused
	nextCheck time.Time  // when the next neighbour is checked
	evicted   uint64
}

// check is a dial that only tests whether a peer can be reached at its address. The
// peer's request waits for the result, unless the peer is a neighbour already. A check
// lasts as long as its dial, even if the link has ended. Otherwise a peer that closes its
// link could exceed the limits.
type check struct {
	peer   Contact
	source uint16
	link   *link // nil once the result is known or no longer needed
	prio   Priority
	join   bool
	until  time.Time
}

// finding is the remembered result of a check.
type finding struct {
	Contact
	source uint16
	access access
	until  time.Time
}

// eviction records that a link was ended for a guest, and when.
type eviction struct {
	prefix uint16
	at     time.Time
}

// guestPlaces returns the number of guest places.
func (m *Membership) guestPlaces() int { return max(m.cfg.MaxGuests, 0) }

// countGuests counts the neighbours that are known to be guests, including those
// without a guest place.
func (m *Membership) countGuests() (n int) {
	for _, l := range m.active {
		if l.access == shut {
			n++
		}
	}
	return n
}

// Guests returns the number of neighbours in guest places. The number of all others is
// at most MaxPeers.
func (m *Membership) Guests() int { return min(m.countGuests(), m.guestPlaces()) }

// countRegular returns the number of neighbours that count for MaxPeers.
func (m *Membership) countRegular() int { return len(m.active) - m.Guests() }

// hasRoomFor reports whether the peer on a link may become a neighbour without an
// eviction. join is set if the peer claims to have no link.
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
	if !join && prio == Low && now.Before(m.guests.needy) { // the peer has a link, and a node without links needs the place
		free--
	}
	return free > 0
}

// isGuestOnly reports whether the end of a link would free only a guest place.
func (m *Membership) isGuestOnly(l *link) bool {
	return l.access == shut && m.countGuests() <= m.guestPlaces()
}

// setAccess sets the access of a link by the peer's address and by earlier results.
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

// deferToCheck tests whether a peer with a high-priority request can be dialled, before
// another link is evicted for it. It returns true if the request needs no further
// handling now: it waits for the check, or it was refused.
//
// Only the host that the peer came from is dialled, so that no peer can make this node
// dial a third party. A peer that advertises another host counts as a guest.
func (m *Membership) deferToCheck(now time.Time, l *link, prio Priority, join bool, out Out) bool {
	if prio != High || l.access != unproven || m.cfg.NoLimits {
		return false
	}
	switch {
	case l.From == "":
		l.access = open // there is no address to compare with; handle the request as if guests did not exist
		return false
	case !l.atHost:
		l.access = shut
		m.noteGuest(l)
		return false
	}
	free := m.countGuests() < m.guestPlaces()
	if !free && m.victimFor(now, l, prio) == nil && !join {
		return m.refuseFull(now, l, prio, join, out) // no result of a check could help
	}
	if !m.startCheck(now, l, prio, join, out) {
		return m.refuseFull(now, l, prio, join, out) // the peer will ask again
	}
	l.checked = true
	return true
}

// startCheck dials a peer's address, unless too many checks are running.
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

// isAtItsHost reports whether the peer advertises the host that it dialled from.
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

// checkNeighbors makes a full node check which of the neighbours that dialled it are
// guests. Guests move to guest places, are not advertised to other nodes, and are not
// rotated out. Each neighbour is checked once. If there is no sign of guests, no
// neighbour is checked, because a check costs a connection.
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

// nextCheckAt returns when the next neighbour must be checked, or the zero time if none
// must be.
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

// noteGuest records that there are guests, if the peer on the link is one.
func (m *Membership) noteGuest(l *link) {
	if l.access == shut {
		m.guests.suspected = true
	}
}

// hostOf returns the host of an address. An IP address is in canonical form.
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

// plainIP returns the IP address in canonical form, without its zone.
func plainIP(ap netip.AddrPort) netip.Addr { return ap.Addr().Unmap().WithZone("") }

// takeCheck removes and returns the check of an address, or returns nil if there is none.
func (m *Membership) takeCheck(addr string) *check {
	for i, c := range m.guests.checks {
		if c.peer.Addr == addr {
			m.guests.checks = append(m.guests.checks[:i], m.guests.checks[i+1:]...)
			return c
		}
	}
	return nil
}

// isChecked reports whether a check of the address is running.
func (m *Membership) isChecked(addr string) bool {
	for _, c := range m.guests.checks {
		if c.peer.Addr == addr {
			return true
		}
	}
	return false
}

// conclude applies the result of a check and decides the request that waited for it.
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

// forgetUntried drops the address of c from the book, if no dial of it ever worked and
// the book does not expect another node there. It is called after a check has failed to
// find c at its address.
func (m *Membership) forgetUntried(c Contact) {
	if e := m.book.find(c.Addr); e != nil && !e.worked && (e.ID == c.ID || e.ID.IsZero()) {
		m.book.forget(c.Addr)
	}
}

// keepFinding remembers the result of a check. If a source has too many results, its
// oldest one is dropped. If all sources together have too many, the oldest of all is
// dropped.
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

// expireChecks decides each request whose check takes too long. The dial itself ends
// later.
func (m *Membership) expireChecks(now time.Time, out Out) {
	for _, c := range m.guests.checks {
		if c.link != nil && !now.Before(c.until) {
			m.conclude(now, c, shut, out)
			return // onRequest may have changed the list; the next Advance continues
		}
	}
}

// dropCheck detaches a link from its check.
func (m *Membership) dropCheck(l *link) {
	for _, c := range m.guests.checks {
		if c.link == l {
			c.link = nil
		}
	}
}

// evictForGuest ends a neighbour's link for a guest, if a link qualifies. The first
// choice is a link of a source that floods this node. If the guest has no link and asks
// with high priority, there are two further choices. The second is a link of a peer with
// several links, guests first. The third is a link of the prefix with most guests, if
// that prefix has at least two more guests than the newcomer's.
//
// For the second choice, the newcomer's prefix must have fewer links than the prefix that
// loses one, unless both are the same prefix. Otherwise an attacker could take all second
// links of honest nodes, a few per minute.
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

// mayEvict reports whether one more link may be evicted for a guest of the newcomer's
// prefix.
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

// guestOfCrowdedPrefix returns the youngest guest of the prefix with most guests, if that
// prefix has at least two more guests than the newcomer's.
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

// EvictedForGuests returns the number of links that were ended for guests.
func (m *Membership) EvictedForGuests() uint64 { return m.guests.evicted }

// prefix returns the network of the peer's address, as a salted number. The network is
// the group of a public address (see groupOf), the /24 of any other IPv4 address, or the
// /56 of any other IPv6 address.
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
