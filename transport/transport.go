// Package transport says what the links of a node run over.
//
// A [Transport] listens and dials. What it hands out are a [net.Listener] and
// [net.Conn]s, so that TCP, TLS, unix sockets, web sockets and a network held
// in memory all fit behind the same two methods. Package tcp is what programs
// use, package mem is a whole network inside one test, and package
// transporttest holds the suite that each of them passes.
//
// # The contract
//
// A connection is a reliable, ordered stream of bytes in both directions. It
// has no message boundaries: one Write may arrive as many Reads.
//
//   - Read, Write, Close and the deadlines may be called from any goroutine. A
//     Write is never interleaved with another Write.
//   - Write blocks when the peer takes nothing in. A connection holds a bounded
//     number of bytes on the way, never all that was written.
//   - Close makes the Read and the Write that wait on this end return at once
//     with an error that is [net.ErrClosed]. What was written before Close is
//     still delivered; after it the peer reads [io.EOF], and its writes fail
//     once it can know. Closing twice does no harm.
//   - Deadlines are required. When one passes, the call returns an error that is
//     [os.ErrDeadlineExceeded], the connection stays as it is, and a later
//     deadline (the zero time means none) makes it usable again.
//   - A connection that can also end its own direction alone has the method
//     CloseWrite() error, as *net.TCPConn and *tls.Conn do. It is optional.
//   - So is TryWrite([]byte) (int, error), which writes as much as the connection
//     takes without waiting, perhaps nothing. With it a node passes events on
//     without the switch to another goroutine. A write deadline that has passed is
//     an error here as for Write.
//   - Closing a listener makes Accept return with an error that is
//     [net.ErrClosed]. Accepted connections are not touched.
//   - LocalAddr and RemoteAddr give addresses whose String can be dialled or
//     compared: for IP networks "ip:port".
//
// Addresses are text: "host:port" for IP networks, where host is an IP address
// (turning names into addresses is the work of package discovery). Port 0 in
// Listen takes a free port; the listener's Addr tells which.
//
// # Errors
//
// Listen and Dial fail with an [*Error], which says what was tried and where.
// Two outcomes of a dial mean different things to a node and must be told apart:
// [IsRefused] (a living host said that nobody listens there) and [IsTimeout]
// (nobody answered). A transport of one's own makes that work by wrapping
// syscall.ECONNREFUSED and by returning errors whose Timeout method says true.
package transport

import (
	"context"
	"net"
)

// A Transport opens links. It may be used by many goroutines.
type Transport interface {
	// Listen takes connections at addr until the listener is closed. The
	// context bounds the setting up and not the life of the listener.
	Listen(ctx context.Context, addr string) (net.Listener, error)

	// Dial connects to addr. It returns when the connection stands, when it
	// has failed, or when ctx ends; after it has returned the context has no
	// power over the connection. Dial brings no time limit of its own that a
	// caller could rely on.
	Dial(ctx context.Context, addr string) (net.Conn, error)
}
