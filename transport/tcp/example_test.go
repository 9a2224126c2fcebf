package tcp_test

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/smokesignal-go/smokesignal/transport"
	"github.com/smokesignal-go/smokesignal/transport/tcp"
)

// A listener on a free port, and a connection to it with a time limit for the dial.
func ExampleTransport() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	l, err := tcp.Transport{}.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()

	dialled, err := tcp.Transport{}.Dial(ctx, l.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer dialled.Close()
	accepted, err := l.Accept()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer accepted.Close()

	fmt.Fprint(dialled, "hello")
	dialled.(transport.HalfCloser).CloseWrite()
	text, err := io.ReadAll(accepted)
	fmt.Printf("%s, %v\n", text, err)
	// Output: hello, <nil>
}

// LocalIP chooses the address from which a machine with several addresses dials.
func ExampleTransport_localIP() {
	ctx := context.Background()
	l, err := tcp.Transport{}.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	_, err = tcp.Transport{LocalIP: "10.0.0.256"}.Dial(ctx, l.Addr().String())
	fmt.Println(err != nil)

	conn, err := tcp.Transport{LocalIP: "127.0.0.1"}.Dial(ctx, l.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(conn.Close())
	// Output:
	// true
	// <nil>
}
