// Package tcp is the default transport of a node: TCP over IPv4 and IPv6.
//
// Small frames leave at once (TCP_NODELAY), since the writer of a link already puts all
// waiting frames into one write. A listener can take its port again right after a
// restart (SO_REUSEADDR on systems where it has that meaning), and never shares the
// port with another listener. Kernel keep-alive finds a dead host on an idle
// connection; the pings of the protocol are faster and do not depend on it.
package tcp

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/smokesignal-go/smokesignal/transport"
)

// Transport is the TCP transport. The zero value is ready for use. Any goroutine may call
// its methods. Its fields must not change while it is in use.
type Transport struct {
	// LocalIP is the IP address from which connections are dialled, such as
	// "10.0.0.5". "", "0.0.0.0" and "::" mean that the system chooses. The port is
	// always a free one. With a LocalIP, only addresses of the same family, IPv4 or
	// IPv6, can be dialled.
	LocalIP string
}

var _ transport.Transport = Transport{}

// keepAlive finds a dead host within about a minute. The first probe goes out after 30 s
// of silence. A link of a node is never silent for so long, because it pings.
// A guess; net's own default is 15 s + 9 × 15 s.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3}

// Listen accepts connections at addr, "ip:port". An empty host, "0.0.0.0" and "::" mean
// all addresses of the machine; port 0 means a free one. An error is a
// [*transport.Error]. Accept returns connections of type *[Conn].
func (t Transport) Listen(ctx context.Context, addr string) (net.Listener, error) {
	config := net.ListenConfig{KeepAliveConfig: keepAlive}
	// Go would ask for Multipath TCP here. It does not help a link, and makes the
	// sockets of both ends slower if the peer speaks it.
	config.SetMultipathTCP(false)
	l, err := config.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, &transport.Error{Op: "listen", Addr: addr, Err: err}
	}
	return listener{l}, nil
}

// Conn is a connection of this transport: Dial and Accept return a *Conn. It is a
// [transport.HalfCloser] and a [transport.Lingerer], and on Unix systems also a
// [transport.TryWriter].
type Conn struct {
	*net.TCPConn
	trying trying
}

var (
	_ transport.HalfCloser = (*Conn)(nil)
	_ transport.Lingerer   = (*Conn)(nil)
)

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

// Dial connects to addr, "ip:port". Without a time limit in ctx it may wait for some
// minutes, which is the limit of TCP itself. An error is a [*transport.Error]. The
// connection is a *[Conn].
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

// local returns the address to dial from. nil leaves the choice to the system.
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
