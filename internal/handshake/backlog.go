package handshake

import (
	"cmp"
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
)

const (
	// maxBacklog is how many connections may be in the handshake at the same time. With
	// 1024 places, during a flood of 1000 connections per second from as many sources, two
	// of three handshakes have the 400 ms that two long round trips take.
	maxBacklog = 1024

	// perSource is how many connections one source may have while at least half of the
	// places are taken. A guess.
	perSource = 8

	// The prefix lengths of the network of a source. Networks are expensive to obtain in
	// large numbers. Guesses.
	wideBits  = 24
	wideBits6 = 48
)

// Backlog holds the accepted connections whose handshake runs. It never makes the caller
// wait: a new connection evicts another one if there is no place. The evicted connection
// belongs to the source that has most, so a source that opens many connections evicts its
// own. It is chosen at random, because the oldest would always be that of an honest node
// with a long round trip.
//
// The zero Backlog has 1024 places. It may be used by many goroutines.
type Backlog struct {
	mu       sync.Mutex // guards all below
	most     int        // places; 0 means maxBacklog
	waiting  []pending
	sources  map[netip.Prefix]*int // how many connections are in the handshake, by source
	networks map[netip.Prefix]*int // how many connections are in the handshake, by network of the source
}

// pending is one connection in the handshake.
type pending struct {
	conn   net.Conn
	cancel context.CancelFunc // ends the handshake, and with it the connection
	source origin
}

// origin is where a connection comes from. The prefixes are zero for this machine and for
// connections without an IP address.
type origin struct {
	source, network     netip.Prefix
	ofSource, ofNetwork *int // counters in the maps of the Backlog
}

// SetPlaces bounds the places, for a process that may open few files.
func (b *Backlog) SetPlaces(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.most = n
}

// Add adds a connection. If another connection is evicted, Add calls evicted with that one,
// then cancels its handshake.
func (b *Backlog) Add(conn net.Conn, cancel context.CancelFunc, evicted func(net.Conn)) {
	from := originOf(conn)
	b.mu.Lock()
	b.count(&from)
	places := cmp.Or(b.most, maxBacklog)
	var out pending
	switch {
	case len(b.waiting) >= places:
		out = b.evict(from)
	case len(b.waiting) >= places/2 && from.source.IsValid() && *from.ofSource > perSource:
		out = b.take(func(o *origin) bool { return o.source == from.source })
	}
	b.waiting = append(b.waiting, pending{conn, cancel, from})
	b.mu.Unlock()
	out.end(evicted)
}

// Relieve evicts one connection, if there is any. The caller uses it if the process has no
// descriptor left.
func (b *Backlog) Relieve(evicted func(net.Conn)) {
	b.mu.Lock()
	var out pending
	if len(b.waiting) > 0 {
		out = b.evict(origin{})
	}
	b.mu.Unlock()
	out.end(evicted)
}

func (p pending) end(evicted func(net.Conn)) {
	if p.conn != nil {
		evicted(p.conn)
		p.cancel()
	}
}

// evict takes out a random connection of the most crowded source of the most crowded
// network. Of equally crowded ones, the network and the source of the newcomer come first.
func (b *Backlog) evict(newcomer origin) pending {
	most := 0
	for i := range b.waiting {
		most = max(most, *b.waiting[i].source.ofNetwork)
	}
	network := newcomer.network
	if newcomer.ofNetwork == nil || *newcomer.ofNetwork < max(most, 2) {
		network = b.any(func(o *origin) bool { return *o.ofNetwork == most }).source.network
	}
	most = 0
	for i := range b.waiting {
		if o := &b.waiting[i].source; o.network == network {
			most = max(most, *o.ofSource)
		}
	}
	own := newcomer.network == network && newcomer.ofSource != nil && *newcomer.ofSource >= max(most, 2)
	return b.take(func(o *origin) bool {
		return o.network == network && (own && o.source == newcomer.source || !own && *o.ofSource == most)
	})
}

// any returns a random one of the connections whose origin from accepts. There must be at
// least one.
func (b *Backlog) any(from func(*origin) bool) *pending {
	n := 0
	for i := range b.waiting {
		if from(&b.waiting[i].source) {
			n++
		}
	}
	n = rand.IntN(n)
	for i := range b.waiting {
		if from(&b.waiting[i].source) {
			if n--; n < 0 {
				return &b.waiting[i]
			}
		}
	}
	panic("unreachable")
}

// take chooses a connection with any, removes it and returns it.
func (b *Backlog) take(from func(*origin) bool) pending {
	p := b.any(from)
	out := *p
	last := len(b.waiting) - 1
	*p, b.waiting[last] = b.waiting[last], pending{}
	b.waiting = b.waiting[:last]
	b.uncount(&out.source)
	return out
}

// count counts a connection for its source and network.
func (b *Backlog) count(o *origin) {
	if b.sources == nil {
		b.sources, b.networks = make(map[netip.Prefix]*int), make(map[netip.Prefix]*int)
	}
	add := func(counts map[netip.Prefix]*int, key netip.Prefix) *int {
		n := counts[key]
		if n == nil {
			n = new(int)
			counts[key] = n
		}
		*n++
		return n
	}
	o.ofSource, o.ofNetwork = add(b.sources, o.source), add(b.networks, o.network)
}

func (b *Backlog) uncount(o *origin) {
	if *o.ofSource--; *o.ofSource == 0 {
		delete(b.sources, o.source)
	}
	if *o.ofNetwork--; *o.ofNetwork == 0 {
		delete(b.networks, o.network)
	}
}

// Remove removes a connection whose handshake is complete or has failed.
func (b *Backlog) Remove(conn net.Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if at := slices.IndexFunc(b.waiting, func(p pending) bool { return p.conn == conn }); at >= 0 {
		b.uncount(&b.waiting[at].source)
		b.waiting = slices.Delete(b.waiting, at, at+1)
	}
}

// originOf returns where a connection comes from. The Doorman counts by the same source.
func originOf(conn net.Conn) origin {
	remote := conn.RemoteAddr().String()
	ap, err := netip.ParseAddrPort(remote)
	if err != nil || IsLoopback(remote) {
		return origin{}
	}
	ip := ap.Addr().Unmap()
	bits := wideBits
	if ip.Is6() {
		bits = wideBits6
	}
	source, err := groupOf(ip)
	network, err2 := ip.WithZone("").Prefix(bits)
	if err != nil || err2 != nil {
		return origin{}
	}
	return origin{source: source, network: network}
}
