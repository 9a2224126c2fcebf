package transport_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync/atomic"

	"github.com/smokesignal-go/smokesignal/transport"
	"github.com/smokesignal-go/smokesignal/transport/mem"
)

// echoOnce accepts one connection and sends back what arrives on it.
func echoOnce(l net.Listener) {
	conn, err := l.Accept()
	if err != nil {
		return
	}
	defer conn.Close()
	io.Copy(conn, conn)
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
	ctx := context.Background()
	network := mem.New()
	l, err := network.Host("10.0.0.1").Listen(ctx, "10.0.0.1:8495")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	go echoOnce(l)

	own := &counted{Transport: network.Host("10.0.0.2")}
	conn, err := own.Dial(ctx, "10.0.0.1:8495")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	fmt.Fprint(conn, "hello")
	answer := make([]byte, 5)
	io.ReadFull(conn, answer)
	fmt.Printf("%s after %d dial\n", answer, own.dials.Load())
	// Output: hello after 1 dial
}

// A host that runs refuses a dial at once if no program listens at the address.
func ExampleIsRefused() {
	network := mem.New()
	network.Host("10.0.0.1") // it runs, and listens nowhere
	_, err := network.Host("10.0.0.2").Dial(context.Background(), "10.0.0.1:8495")
	fmt.Println(transport.IsRefused(err), transport.IsTimeout(err))
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
	ctx := context.Background()
	network := mem.New()
	l, err := network.Host("10.0.0.1").Listen(ctx, "10.0.0.1:8495")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	conn, err := network.Host("10.0.0.2").Dial(ctx, "10.0.0.1:8495")
	if err != nil {
		fmt.Println(err)
		return
	}
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
	ctx := context.Background()
	network := mem.New()
	l, err := network.Host("10.0.0.1").Listen(ctx, "10.0.0.1:8495")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	go echoOnce(l)
	conn, err := network.Host("10.0.0.2").Dial(ctx, "10.0.0.1:8495")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()

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
