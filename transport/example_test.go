package transport_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"syscall"

	"github.com/smokesignal-go/smokesignal/transport"
	"github.com/smokesignal-go/smokesignal/transport/mem"
)

// connect returns the two ends of a connection from host 10.0.0.2 to host 10.0.0.1.
func connect(network *mem.Network) (accepted, dialled net.Conn, err error) {
	ctx := context.Background()
	l, err := network.Host("10.0.0.1").Listen(ctx, "10.0.0.1:8495")
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	if dialled, err = network.Host("10.0.0.2").Dial(ctx, "10.0.0.1:8495"); err != nil {
		return nil, nil, err
	}
	accepted, err = l.Accept()
	return accepted, dialled, err
}

// counted is a transport of the program's own. It counts the dials of another one.
type counted struct {
	transport.Transport
	dials atomic.Int64
}

func (c *counted) Dial(ctx context.Context, addr string) (net.Conn, error) {
	c.dials.Add(1)
	return c.Transport.Dial(ctx, addr)
}

// A program gives its own transport to a node by Options.Transport.
func ExampleTransport() {
	network := mem.New()
	wrapped := &counted{Transport: network.Host("10.0.0.2")}
	var own transport.Transport = wrapped

	l, err := network.Host("10.0.0.1").Listen(context.Background(), "10.0.0.1:8495")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	conn, err := own.Dial(context.Background(), l.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	_, err = own.Listen(context.Background(), "10.0.0.2:8495")
	fmt.Println(conn.RemoteAddr(), wrapped.dials.Load(), err)
	// Output: 10.0.0.1:8495 1 <nil>
}

// A host that runs refuses a dial at once if no program listens at the address.
func ExampleIsRefused() {
	network := mem.New()
	network.Host("10.0.0.1") // it runs, and listens nowhere
	_, err := network.Host("10.0.0.2").Dial(context.Background(), "10.0.0.1:8495")
	fmt.Println(transport.IsRefused(err), transport.IsTimeout(err))
	// Output: true false
}

// Two programs can't listen at one address.
func ExampleIsAddrInUse() {
	host := mem.New().Host("10.0.0.1")
	l, err := host.Listen(context.Background(), "10.0.0.1:8495")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	_, err = host.Listen(context.Background(), "10.0.0.1:8495")
	fmt.Println(transport.IsAddrInUse(err))
	// Output: true
}

// A process that is killed closes nothing, and its peers get a reset.
func ExampleIsReset() {
	network := mem.New()
	killed, conn, err := connect(network)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer killed.Close()
	defer conn.Close()
	network.Kill("10.0.0.1")
	_, err = conn.Read(make([]byte, 1))
	fmt.Println(transport.IsReset(err))
	// Output: true
}

// After a temporary error, a program calls Accept again. After any other it stops.
func ExampleIsTemporary() {
	full := &transport.Error{Op: "listen", Addr: "10.0.0.1:8495", Err: syscall.EMFILE}
	fmt.Println(transport.IsTemporary(full), transport.IsTemporary(net.ErrClosed))
	// Output: true false
}

// No answer at all means that the host is down, slow, or behind a cut.
func ExampleIsTimeout() {
	network := mem.New()
	network.Host("10.0.0.1")
	network.Cut([]string{"10.0.0.1"}, []string{"10.0.0.2"})
	ctx, cancel := context.WithTimeout(context.Background(), 1)
	defer cancel()
	_, err := network.Host("10.0.0.2").Dial(ctx, "10.0.0.1:8495")
	fmt.Println(transport.IsRefused(err), transport.IsTimeout(err))
	// Output: false true
}

// TryWrite returns a short count instead of waiting for a peer that reads nothing.
func ExampleTryWriter() {
	idle, conn, err := connect(mem.New())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer idle.Close()
	defer conn.Close()

	if try, ok := conn.(transport.TryWriter); ok {
		n, err := try.TryWrite(make([]byte, mem.Window+1))
		fmt.Println(n == mem.Window, err)
		n, err = try.TryWrite([]byte("more"))
		fmt.Println(n, err)
	}
	// Output:
	// true <nil>
	// 0 <nil>
}

// CloseWrite ends one direction. The peer reads to the end and can still answer.
func ExampleHalfCloser() {
	peer, conn, err := connect(mem.New())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	go func() { // ends when the direction to peer has ended
		defer peer.Close()
		io.Copy(peer, peer)
	}()

	fmt.Fprint(conn, "last words")
	if half, ok := conn.(transport.HalfCloser); ok {
		half.CloseWrite()
	}
	answer, err := io.ReadAll(conn)
	fmt.Printf("%s, %v\n", answer, err)
	// Output: last words, <nil>
}

// SetLinger(0) makes Close a reset, which does not wait for a silent peer.
func ExampleLingerer() {
	cutOff := func(conn net.Conn) error {
		if lingerer, ok := conn.(transport.Lingerer); ok {
			lingerer.SetLinger(0)
		}
		return conn.Close()
	}
	near, far := net.Pipe() // has no SetLinger, which is optional
	defer far.Close()
	fmt.Println(cutOff(near))
	// Output: <nil>
}
