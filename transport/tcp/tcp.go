// Package tcp is the transport that programs use: plain TCP over IPv4 and IPv6.
//
// Small frames leave at once (TCP_NODELAY): the writer of a link already takes
// all that is waiting into one call, so the kernel need not collect. A listener
// may take its port again right after a restart (SO_REUSEADDR where that means
// so), and never shares it with another living one. Kernel keep-alive finds a
// dead host on a link that says nothing for long; the protocol's own pings are
// faster and do not depend on it.
package tcp

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/smokesignal-go/smokesignal/transport"
)

// Transport is TCP. The zero value is ready for use; do not change a value that
// is in use. It may be used by many goroutines.
type Transport struct {
	// LocalIP is the address that dialled connections come from, such as
	// "10.0.0.5". Empty, "0.0.0.0" and "::" leave the choice to the system. The
	// port is always a free one. With a LocalIP, only addresses of its own
	// family can be dialled.
	LocalIP string
}

var _ transport.Transport = Transport{}

// keepAlive finds a dead host within about a minute. The first probe goes out
// after 30 s of silence, which a link that pings never has.
// A guess; net's own default is 15 s + 9 × 15 s.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3}

// Listen takes connections at addr, "ip:port". An empty host, "0.0.0.0" or "::"
// listens on all addresses of the machine.
func (t Transport) Listen(ctx context.Context, addr string) (net.Listener, error) {
	config := net.ListenConfig{KeepAliveConfig: keepAlive}
	// Multipath TCP, which Go would ask for here, gains a link nothing and
	// makes both of its ends slower sockets where the peer speaks it.
	config.SetMultipathTCP(false)
	l, err := config.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, &transport.Error{Op: "listen", Addr: addr, Err: err}
	}
	return listener{l}, nil
}

// Conn is a connection of this transport: those of Dial and of a listener's Accept
// are *Conn. On systems that are like Unix it has the method TryWrite.
type Conn struct {
	*net.TCPConn
	trying trying
}

func newConn(c *net.TCPConn) *Conn {
	own := &Conn{TCPConn: c}
	own.trying.init(c)
	return own
}

type listener struct{ net.Listener }

func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return newConn(c.(*net.TCPConn)), nil
}

// Dial connects to addr, "ip:port". TCP gives up by itself after some minutes,
// so bound the wait with ctx.
func (t Transport) Dial(ctx context.Context, addr string) (net.Conn, error) {
	dialer := net.Dialer{KeepAliveConfig: keepAlive}
	dialer.SetMultipathTCP(false)
	local, err := t.local()
	if err != nil {
		return nil, &transport.Error{Op: "dial", Addr: addr, Err: err}
	}
	if local != nil {
		dialer.LocalAddr = local
		dialer.Control = portAtConnect
	}
	c, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, &transport.Error{Op: "dial", Addr: addr, Err: err}
	}
	return newConn(c.(*net.TCPConn)), nil
}

// local gives the address to dial from, nil for the system's choice.
func (t Transport) local() (*net.TCPAddr, error) {
	if t.LocalIP == "" {
		return nil, nil
	}
	ip, err := netip.ParseAddr(t.LocalIP)
	if err != nil {
		return nil, fmt.Errorf("local address %q: want an IP address: %w", t.LocalIP, err)
	}
	if ip.IsUnspecified() {
		return nil, nil
	}
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, 0)), nil
}
