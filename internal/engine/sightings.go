package engine

import (
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/logging"
)

// A node that listens on all addresses of its machine and has no Options.Advertise learns
// its address from its peers: each HELLO names the address at which the sender sees the
// receiver. Only addresses of this machine count, so that a lying peer can't direct other
// nodes to another machine. A machine may have several addresses, so the node takes the
// address with the most votes of the last few peers.

// lastSightings is how many peers vote. A guess: about as many as a node has neighbours.
const lastSightings = 8

// sighting is the address at which a peer sees this node.
type sighting struct {
	by ident.ID
	at netip.Addr // the zero Addr if the peer has no vote
}

// ownAddr returns the address at which a peer says that it sees this node. It does so
// only if the address is one of this machine's and if the node learns its address from
// peers. It asks the operating system, so the caller must not hold mu.
func (d *Driver) ownAddr(seen string) netip.Addr {
	if !d.isOpenToSightings() {
		return netip.Addr{}
	}
	ap, err := netip.ParseAddrPort(seen)
	ip := ap.Addr().Unmap().WithZone("") // a zone is only meaningful on the peer's machine
	if err != nil || ip.IsLoopback() || ip.IsUnspecified() {
		return netip.Addr{}
	}
	ours, err := d.addresses()
	if err != nil {
		d.log.Debug("can't tell the addresses of this machine", logging.Fields{"error": err})
		return netip.Addr{}
	}
	if !slices.ContainsFunc(ours, func(a net.Addr) bool {
		p, err := netip.ParsePrefix(a.String())
		return err == nil && p.Addr().Unmap() == ip
	}) {
		return netip.Addr{} // there is an address translation between the nodes, so the port would be wrong
	}
	return ip
}

// isOpenToSightings reports whether this node learns its address from its peers.
func (d *Driver) isOpenToSightings() bool { return d.hello != "" && d.hello[0] == ':' }

// seenAs records the address at which a peer sees this node. The caller holds mu.
func (d *Driver) seenAs(now time.Time, s sighting) {
	if !s.at.IsValid() {
		return
	}
	d.sightings = slices.DeleteFunc(d.sightings, func(old sighting) bool { return old.by == s.by }) // each peer has one vote
	d.sightings = append(d.sightings, s)
	d.sightings = d.sightings[max(0, len(d.sightings)-lastSightings):]
	present, _ := netip.ParseAddrPort(d.advertised) // if it is empty, this is the zero Addr, which gets no vote
	addr := net.JoinHostPort(elect(d.sightings, present.Addr().Unmap()).String(), d.hello[1:])
	if addr == d.advertised {
		return
	}
	d.advertised = addr
	d.machine.SetSelf(now, addr, d.out())
}

// elect returns the address with the most votes. In a tie, it returns the present
// address.
func elect(votes []sighting, present netip.Addr) netip.Addr {
	count := make(map[netip.Addr]int)
	for _, v := range votes {
		count[v.at]++
	}
	best, most, isTie := present, 0, false
	for at, n := range count { // the order does not matter, because a tie is a tie in any order
		switch {
		case n > most:
			best, most, isTie = at, n, false
		case n == most:
			isTie = true
		}
	}
	if isTie {
		return present
	}
	return best
}
