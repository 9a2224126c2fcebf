package handshake

import (
	"net/netip"
	"time"

	"golang.org/x/time/rate"
)

const (
	// Limits of the connections that one IPv4 address, or one customer's network of IPv6
	// addresses, may open. Connections from this machine are not counted, because a hundred
	// nodes may start on it at once. A guess: a rack behind one address starts within the
	// burst, and a handshake takes a millisecond.
	dialsPerSecond = 8
	dialsAtOnce    = 64
	customerBits   = 56 // RFC 6177: the prefix that a site is assigned

	// maxAddresses bounds the addresses in each of the two maps of a Doorman.
	maxAddresses = 4096
)

// Doorman limits the connections of each address. It belongs to the goroutine that accepts.
type Doorman struct {
	young, old map[netip.Prefix]*rate.Limiter // when young is full, it replaces old
}

// Admits reports whether an address may open another connection.
func (d *Doorman) Admits(now time.Time, remote string) bool {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil || IsLoopback(remote) {
		return true // no IP network, or this machine
	}
	group, err := groupOf(ap.Addr().Unmap())
	if err != nil {
		return true
	}
	limiter := d.young[group]
	if limiter == nil {
		if limiter = d.old[group]; limiter == nil {
			limiter = rate.NewLimiter(dialsPerSecond, dialsAtOnce)
		}
		if len(d.young) >= maxAddresses || d.young == nil {
			d.old, d.young = d.young, make(map[netip.Prefix]*rate.Limiter)
		}
		d.young[group] = limiter
	}
	return limiter.AllowN(now, 1)
}

// groupOf returns the prefix for which an address counts: the address itself, or the
// network of its customer.
func groupOf(ip netip.Addr) (netip.Prefix, error) {
	bits := ip.BitLen()
	if ip.Is6() {
		bits = customerBits
	}
	return ip.WithZone("").Prefix(bits)
}
