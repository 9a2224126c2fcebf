// Package mem is a network held in memory, for tests: hosts with IP addresses,
// connections that behave like TCP's, and faults on demand.
//
//	network := mem.New()
//	a, b := network.Host("10.0.0.1"), network.Host("10.0.0.2")
//	l, err := a.Listen(ctx, "10.0.0.1:8495")
//	conn, err := b.Dial(ctx, "10.0.0.1:8495") // comes from 10.0.0.2
//	network.Cut([]string{"10.0.0.1"}, []string{"10.0.0.2"})
//	network.Heal()
//
// A connection holds at most [Window] bytes in each direction, counting bytes that
// travel and bytes that were not read. When that is full, Write blocks.
//
// The package starts no goroutines. All its waits count as durably blocked for
// [testing/synctest], so a test in a bubble runs in virtual time. A Network that is
// used in a bubble must be made in that bubble.
//
// Four things differ from TCP. A connection never times out by itself, so bytes stay
// on the way while a cut lasts and arrive when it heals. A dial without an answer
// waits until its context ends, however long. Closing a connection with unread bytes
// is not a reset. A host has one address.
package mem

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/smokesignal-go/smokesignal/transport"
)

// Network is a set of hosts that can dial each other, with settings for latency and
// for cuts between them. Any goroutine may call its methods. Make one with [New].
type Network struct {
	latency atomic.Int64 // time.Duration, one way
	jitter  atomic.Int64 // time.Duration, the most that is added to latency

	// mu guards everything below, and everything in the hosts and listeners.
	// It is taken before the lock of a link, never after it.
	mu      sync.Mutex
	hosts   map[netip.Addr]*host
	links   map[pair]*link
	cuts    map[[2]netip.Addr]struct{} // each cut has an entry for both directions
	changed chan struct{}              // closed and replaced when waiting dials should try again
}

// pair identifies a connection by the addresses of the dialling and the accepting end.
type pair struct{ from, to netip.AddrPort }

// New returns a network without hosts, latency, jitter or cuts.
func New() *Network {
	return &Network{
		hosts:   make(map[netip.Addr]*host),
		links:   make(map[pair]*link),
		cuts:    make(map[[2]netip.Addr]struct{}),
		changed: make(chan struct{}),
	}
}

// Host returns the transport of the host with this IP address. If there is no such
// host, or if [Network.Kill] has ended it, Host makes a new one. It panics if ip is
// not an IP address, since that is a mistake in the test.
func (n *Network) Host(ip string) transport.Transport {
	addr := mustParse(ip)
	n.mu.Lock()
	defer n.mu.Unlock()
	h := n.hosts[addr]
	if h == nil || h.dead {
		h = &host{network: n, ip: addr, listeners: make(map[uint16]*listener), nextPort: firstFreePort}
		n.hosts[addr] = h
		n.wake()
	}
	return h
}

// Latency sets for how long bytes travel in one direction, from now on. A dial takes
// twice as long. Zero, the default, means that bytes arrive at once; negative means
// zero.
func (n *Network) Latency(d time.Duration) { n.latency.Store(int64(max(d, 0))) }

// Jitter adds a random duration, uniform between 0 and d, to the latency of each write
// from now on. Bytes of one connection keep their order, so a late write delays the
// writes behind it. Zero, the default, means none; negative means zero.
func (n *Network) Jitter(d time.Duration) { n.jitter.Store(int64(max(d, 0))) }

// delay returns how long the next bytes travel in one direction: latency and random jitter.
func (n *Network) delay() time.Duration {
	return time.Duration(n.latency.Load() + rand.Int64N(n.jitter.Load()+1))
}

// Cut drops the route between each host in a and each host in b, in both directions.
// Neither end gets an error: sent bytes, resets and ends of streams wait, and a dial
// waits until its context ends or the cut heals. Further calls add further cuts. The
// lists may have addresses without a host. Cut panics if one is not an IP address.
func (n *Network) Cut(a, b []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, x := range a {
		for _, y := range b {
			p, q := mustParse(x), mustParse(y)
			if p != q {
				n.cuts[[2]netip.Addr{p, q}] = struct{}{}
				n.cuts[[2]netip.Addr{q, p}] = struct{}{}
			}
		}
	}
	n.setCuts()
}

// Heal ends all cuts. Bytes that waited arrive, in order.
func (n *Network) Heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.cuts)
	n.setCuts()
	n.wake()
}

// Mend ends the cuts between each host in a and each host in b, and leaves other cuts.
// Bytes that waited between them arrive, in order.
func (n *Network) Mend(a, b []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, x := range a {
		for _, y := range b {
			p, q := mustParse(x), mustParse(y)
			delete(n.cuts, [2]netip.Addr{p, q})
			delete(n.cuts, [2]netip.Addr{q, p})
		}
	}
	n.setCuts()
	n.wake()
}

// Kill ends a host as SIGKILL ends a process. Its listeners close, and both ends of each
// of its connections fail at once, even if bytes have arrived that were not read. A
// later dial to it is refused. A peer behind a cut learns of it when the cut heals. The
// transport of the host fails from then on; [Network.Host] makes the next host at that
// address. To simulate a machine that loses power, use [Network.Cut]: its peers get no
// reset.
func (n *Network) Kill(ip string) {
	addr := mustParse(ip)
	n.mu.Lock()
	defer n.mu.Unlock()
	h := n.hosts[addr]
	if h == nil || h.dead {
		return
	}
	h.dead = true
	for _, l := range h.listeners {
		l.shut()
	}
	for name, l := range n.links {
		if name.from.Addr() == addr || name.to.Addr() == addr {
			l.kill(addr)
		}
	}
	n.wake()
}

// setCuts updates each link after a change of the cuts. The caller holds n.mu.
func (n *Network) setCuts() {
	for name, l := range n.links {
		l.setCut(n.isCut(name.from.Addr(), name.to.Addr()))
	}
}

// isCut reports whether a cut separates a and b. The caller holds n.mu.
func (n *Network) isCut(a, b netip.Addr) bool {
	_, cut := n.cuts[[2]netip.Addr{a, b}]
	return cut
}

// wake makes waiting dials try again. The caller holds n.mu.
func (n *Network) wake() {
	close(n.changed)
	n.changed = make(chan struct{})
}

// forget removes a link whose two ends are closed.
func (n *Network) forget(l *link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.links[l.name] == l {
		delete(n.links, l.name)
	}
}

func mustParse(ip string) netip.Addr {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		panic(fmt.Sprintf("mem: %q is not an IP address", ip))
	}
	return addr.Unmap()
}
