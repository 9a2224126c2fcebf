package mem

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/smokesignal-go/smokesignal/transport"
)

// Ports that listeners with port 0 and dials get: Linux's default range.
const (
	firstFreePort = 32768
	lastFreePort  = 60999
)

// host is one machine with one process on it.
type host struct {
	network *Network
	ip      netip.Addr

	// Guarded by network.mu.
	dead      bool
	listeners map[uint16]*listener
	nextPort  uint16
}

// Listen implements [transport.Transport]. The IP address in addr is the host's, or a
// wildcard.
func (h *host) Listen(ctx context.Context, addr string) (net.Listener, error) {
	l, err := h.listen(ctx, addr)
	if err != nil {
		return nil, &transport.Error{Op: "listen", Addr: addr, Err: err}
	}
	return l, nil
}

func (h *host) listen(ctx context.Context, addr string) (*listener, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	at, err := parse(addr)
	if err != nil {
		return nil, err
	}
	if at.Addr() != h.ip && !at.Addr().IsUnspecified() {
		return nil, syscall.EADDRNOTAVAIL
	}
	n := h.network
	n.mu.Lock()
	defer n.mu.Unlock()
	if h.dead {
		return nil, net.ErrClosed
	}
	port := at.Port()
	if port == 0 {
		if port = h.freePort(func(p uint16) bool { return h.listeners[p] == nil }); port == 0 {
			return nil, syscall.EADDRINUSE
		}
	}
	if h.listeners[port] != nil {
		return nil, syscall.EADDRINUSE
	}
	l := &listener{host: h, addr: netip.AddrPortFrom(at.Addr(), port)}
	l.arrived.L = &n.mu
	h.listeners[port] = l
	return l, nil
}

// Dial implements [transport.Transport].
func (h *host) Dial(ctx context.Context, addr string) (net.Conn, error) {
	c, err := h.dial(ctx, addr)
	if err != nil {
		return nil, &transport.Error{Op: "dial", Addr: addr, Err: err}
	}
	return c, nil
}

func (h *host) dial(ctx context.Context, addr string) (*conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	to, err := parse(addr)
	if err != nil {
		return nil, err
	}
	if d := h.network.delay() + h.network.delay(); d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	for {
		c, changed, err := h.tryDial(to)
		if c != nil || err != nil {
			return c, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// tryDial connects or fails. If there is no answer yet, it returns a channel that closes
// when the caller should try again.
func (h *host) tryDial(to netip.AddrPort) (*conn, <-chan struct{}, error) {
	n := h.network
	n.mu.Lock()
	defer n.mu.Unlock()
	if h.dead {
		return nil, nil, net.ErrClosed
	}
	target := n.hosts[to.Addr()]
	if target == nil || n.isCut(h.ip, to.Addr()) {
		return nil, n.changed, nil
	}
	l := target.listeners[to.Port()]
	if l == nil {
		return nil, nil, syscall.ECONNREFUSED
	}
	if len(l.waiting) == backlog {
		return nil, n.changed, nil
	}
	port := h.freePort(func(p uint16) bool {
		return n.links[pair{netip.AddrPortFrom(h.ip, p), to}] == nil
	})
	if port == 0 {
		return nil, nil, syscall.EADDRNOTAVAIL
	}
	link := newLink(n, pair{netip.AddrPortFrom(h.ip, port), to})
	n.links[link.name] = link
	l.waiting = append(l.waiting, &link.ends[1])
	l.arrived.Signal()
	return &link.ends[0], nil, nil
}

// freePort returns the next port for which isFree returns true, or 0 if there is none. The
// caller holds network.mu.
func (h *host) freePort(isFree func(uint16) bool) uint16 {
	for range lastFreePort - firstFreePort + 1 {
		port := h.nextPort
		if h.nextPort++; h.nextPort > lastFreePort {
			h.nextPort = firstFreePort
		}
		if isFree(port) {
			return port
		}
	}
	return 0
}

func parse(addr string) (netip.AddrPort, error) {
	hostText, portText, err := net.SplitHostPort(addr)
	if err != nil {
		return netip.AddrPort{}, err
	}
	if hostText == "" {
		hostText = "0.0.0.0"
	}
	at, err := netip.ParseAddrPort(net.JoinHostPort(hostText, portText))
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("want ip:port: %w", err)
	}
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port()), nil
}

// backlog is how many connections may wait for Accept. Further dials wait.
const backlog = 128 // Linux's SOMAXCONN before 5.4

// listener accepts the connections to one port of a host.
type listener struct {
	host *host
	addr netip.AddrPort

	// Guarded by host.network.mu.
	arrived sync.Cond // signals that a connection waits or that the listener closed
	waiting []*conn
	closed  bool
}

func (l *listener) Accept() (net.Conn, error) {
	n := l.host.network
	n.mu.Lock()
	defer n.mu.Unlock()
	for len(l.waiting) == 0 && !l.closed {
		l.arrived.Wait()
	}
	if l.closed {
		return nil, &net.OpError{Op: "accept", Net: netName, Addr: l.Addr(), Err: net.ErrClosed}
	}
	if len(l.waiting) == backlog {
		n.wake()
	}
	c := l.waiting[0]
	l.waiting = slices.Delete(l.waiting, 0, 1)
	return c, nil
}

// Close implements net.Listener. Connections that were not accepted are reset.
func (l *listener) Close() error {
	n := l.host.network
	n.mu.Lock()
	defer n.mu.Unlock()
	if l.closed {
		return &net.OpError{Op: "close", Net: netName, Addr: l.Addr(), Err: net.ErrClosed}
	}
	l.shut()
	n.wake()
	return nil
}

// shut ends the listener. The caller holds network.mu.
func (l *listener) shut() {
	l.closed = true
	delete(l.host.listeners, l.addr.Port())
	for _, c := range l.waiting {
		c.link.kill(l.host.ip)
		c.abandon()
	}
	l.waiting = nil
	l.arrived.Broadcast()
}

func (l *listener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.addr) }

// netName is the name of the network in errors of connections.
const netName = "mem"
