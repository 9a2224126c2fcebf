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
// A connection holds at most [Window] bytes in each direction, on the way and
// not yet read together; then Write blocks.
//
// The package starts no goroutines, and whatever waits, waits in a way that
// testing/synctest counts as durably blocked: a test in a bubble runs in virtual
// time. A Network that is used in a bubble must be made in it.
//
// What differs from TCP: a connection never dies of age, so bytes stay on the
// way for as long as a cut lasts and arrive at the moment it heals; a dial
// without an end to its context waits for ever where nobody answers; closing
// with unread bytes is no reset; and one host has one address.
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

// Network is a set of hosts that reach each other. It may be used by many
// goroutines.
type Network struct {
	latency atomic.Int64 // time.Duration, one way
	jitter  atomic.Int64 // time.Duration, at most so much more

	// mu guards everything below, and everything in the hosts and listeners.
	// It is taken before the lock of a link, never after it.
	mu      sync.Mutex
	hosts   map[netip.Addr]*host
	links   map[pair]*link
	cuts    map[[2]netip.Addr]struct{} // both orders are in
	changed chan struct{}              // closed and replaced when a dial that hangs should look again
}

// pair names a connection: who dialled from where, and to where.
type pair struct{ from, to netip.AddrPort }

// New makes a network with no hosts.
func New() *Network {
	return &Network{
		hosts:   make(map[netip.Addr]*host),
		links:   make(map[pair]*link),
		cuts:    make(map[[2]netip.Addr]struct{}),
		changed: make(chan struct{}),
	}
}

// Host gives the host with this address, which it makes when there is none, or
// when the last one was killed. It panics when ip is no IP address: that is a
// mistake in the test.
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

// Latency sets how long bytes travel, one way, from now on. Dialling takes two
// ways. Zero, the start, means that they are there at once.
func (n *Network) Latency(d time.Duration) { n.latency.Store(int64(max(d, 0))) }

// Jitter lets the bytes of each write travel up to d longer than the latency, from
// now on, by chance: each time is as likely as any other. No bytes overtake others
// of their connection, so a late write holds up those behind it. Zero, the start,
// means none.
func (n *Network) Jitter(d time.Duration) { n.jitter.Store(int64(max(d, 0))) }

// delay draws how long something travels, one way.
func (n *Network) delay() time.Duration {
	return time.Duration(n.latency.Load() + rand.Int64N(n.jitter.Load()+1))
}

// Cut makes a black hole between each host of a and each of b, in both
// directions. Nobody is told: bytes that are sent stay on the way, resets and
// the ends of streams do too, and dials hang until their context ends or the
// cut heals. Cuts add up. Addresses that have no host yet may be named.
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

// Heal ends all cuts. What was on the way arrives, in order.
func (n *Network) Heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.cuts)
	n.setCuts()
	n.wake()
}

// Mend ends the cuts between each host of a and each of b, and leaves the others.
// What was on the way between them arrives, in order.
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

// Kill ends the process on a host as SIGKILL would: its listeners and
// connections are gone, both ends of each fail at once, also with bytes that
// had come and were not read, and who dials it is refused. Across a cut the far
// end learns it when the cut heals. The host's Transport does nothing any more;
// [Network.Host] starts the next one at the address.
//
// A host that dies without a word is a host that is cut off for ever.
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

// setCuts tells each link whether bytes pass. The caller holds n.mu.
func (n *Network) setCuts() {
	for name, l := range n.links {
		l.setCut(n.isCut(name.from.Addr(), name.to.Addr()))
	}
}

// isCut reports whether nothing passes between the two. The caller holds n.mu.
func (n *Network) isCut(a, b netip.Addr) bool {
	_, cut := n.cuts[[2]netip.Addr{a, b}]
	return cut
}

// wake lets dials that hang look again. The caller holds n.mu.
func (n *Network) wake() {
	close(n.changed)
	n.changed = make(chan struct{})
}

// forget drops a link of which both ends are done.
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
		panic(fmt.Sprintf("mem: %q is no IP address", ip))
	}
	return addr.Unmap()
}
