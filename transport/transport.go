// Package transport defines what the links of a node run over.
//
// A [Transport] listens and dials. It returns a [net.Listener] and [net.Conn]s, so
// TCP, TLS, unix sockets, web sockets and a network in memory all fit behind the
// same two methods. Programs use package tcp, tests use package mem. Package
// transporttest has the test suite that every transport must pass.
//
// # The contract
//
// A connection is a reliable, ordered stream of bytes in both directions. It
// has no message boundaries: one Write may arrive as many Reads.
//
//   - Read, Write, Close and the deadlines may be called from any goroutine. A
//     Write is never interleaved with another Write.
//   - Write blocks while the peer reads nothing and the buffers are full. A
//     connection holds a bounded number of bytes between the two ends.
//   - Close makes a Read or Write that waits at this end return at once with an
//     error that is [net.ErrClosed]. Bytes that were written before Close still
//     arrive. After them the peer reads [io.EOF], and its writes fail as soon as
//     its end has learned of the Close. A second Close does no harm.
//   - Deadlines are required. When one passes, the call returns an error that is
//     [os.ErrDeadlineExceeded]. The connection stays as it is, and a later
//     deadline (the zero time means none) makes it usable again.
//   - Closing a listener makes Accept return an error that is [net.ErrClosed].
//     Accepted connections stay open.
//   - LocalAddr and RemoteAddr return addresses whose String can be dialled or
//     compared: for IP networks "ip:port".
//
// A connection may have more methods: [HalfCloser], [TryWriter] and [Lingerer] are
// optional, and a node uses each that it finds.
//
// Addresses are text: "host:port" for IP networks, where host is an IP address.
// Package discovery turns names into addresses. Listen with port 0 takes a free
// port; the listener's Addr returns it.
//
// # Errors
//
// Listen and Dial fail with an [*Error], which holds the operation and the address.
// A node must distinguish two outcomes of a dial: [IsRefused], where a running host
// answered that no program listens at the address, and [IsTimeout], where no answer
// came. A transport of your own supports this if its errors wrap
// [syscall.ECONNREFUSED], or have a method Timeout that returns true.
package transport

import (
	"context"
	"net"
)

// Transport opens links. Any goroutine may call its methods.
type Transport interface {
	// Listen accepts connections at addr until the listener is closed. ctx limits
	// only the call itself, not the life of the listener. An error is an [*Error].
	Listen(ctx context.Context, addr string) (net.Listener, error)

	// Dial connects to addr. It returns when the connection is established, when
	// the attempt has failed, or when ctx ends. After that, ctx has no effect on the
	// connection. Callers must set a time limit in ctx: Dial itself need not have
	// one. An error is an [*Error].
	Dial(ctx context.Context, addr string) (net.Conn, error)
}
