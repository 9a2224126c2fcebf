package handshake

import (
	"net/netip"
	"time"

	"golang.org/x/time/rate"
)

const (
	// Connections that one address may open, or one network of IPv6 addresses such
	// as a provider gives to one customer. This machine's own are not counted: a
	// hundred nodes may start on it at once. A guess: a rack behind one address
	// starts within the burst, and a handshake takes a millisecond.
	dialsPerSecond = 8
	dialsAtOnce    = 64
	customerBits   = 56 // RFC 6177: what a site is given

	// maxAddresses bounds the addresses that are remembered for it, twice.
	maxAddresses = 4096
)

// Doorman limits the connections of each address. It belongs to the goroutine that accepts.
type Doorman struct {
	young, old map[netip.Prefix]*rate.Limiter // young goes into old when it is full
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

// groupOf returns what an address is counted as: itself, or the network of its customer.
func groupOf(ip netip.Addr) (netip.Prefix, error) {
	bits := ip.BitLen()
	if ip.Is6() {
		bits = customerBits
	}
	return ip.WithZone("").Prefix(bits)
}
