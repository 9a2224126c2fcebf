package mem_test

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/smokesignal-go/smokesignal/transport"
	"github.com/smokesignal-go/smokesignal/transport/mem"
)

// pair returns the two ends of a connection from host b to host a.
func pair(network *mem.Network) (a, b net.Conn, err error) {
	ctx := context.Background()
	l, err := network.Host("10.0.0.1").Listen(ctx, "10.0.0.1:8495")
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	if b, err = network.Host("10.0.0.2").Dial(ctx, "10.0.0.1:8495"); err != nil {
		return nil, nil, err
	}
	a, err = l.Accept()
	return a, b, err
}

// A network of two hosts, and a connection between them.
func Example() {
	a, b, err := pair(mem.New())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer a.Close()
	defer b.Close()

	fmt.Fprint(b, "hello")
	text := make([]byte, 5)
	n, err := a.Read(text)
	fmt.Printf("%s from %v, %v\n", text[:n], a.RemoteAddr().(*net.TCPAddr).IP, err)
	// Output: hello from 10.0.0.2, <nil>
}

// Bytes that are sent during a cut arrive when it heals.
func ExampleNetwork_Cut() {
	network := mem.New()
	a, b, err := pair(network)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer a.Close()
	defer b.Close()

	network.Cut([]string{"10.0.0.1"}, []string{"10.0.0.2"})
	fmt.Fprint(b, "hello")
	a.SetReadDeadline(time.Now().Add(time.Millisecond))
	text := make([]byte, 5)
	_, err = a.Read(text)
	fmt.Println("cut:", transport.IsTimeout(err))

	network.Heal()
	a.SetReadDeadline(time.Time{})
	n, err := a.Read(text)
	fmt.Printf("healed: %s, %v\n", text[:n], err)
	// Output:
	// cut: true
	// healed: hello, <nil>
}

// Kill resets all connections of a host. Its peers learn of it at once.
func ExampleNetwork_Kill() {
	network := mem.New()
	a, b, err := pair(network)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer a.Close()
	defer b.Close()

	network.Kill("10.0.0.1")
	_, err = b.Read(make([]byte, 1))
	fmt.Println(transport.IsReset(err))
	_, err = network.Host("10.0.0.2").Dial(context.Background(), "10.0.0.1:8495")
	fmt.Println(transport.IsRefused(err))
	// Output:
	// true
	// true
}

// With a latency of 1 ms a dial takes 2 ms, and each message 1 ms.
func ExampleNetwork_Latency() {
	network := mem.New()
	network.Latency(time.Millisecond)
	begin := time.Now()
	a, b, err := pair(network)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer a.Close()
	defer b.Close()
	fmt.Println(time.Since(begin) >= 2*time.Millisecond)
	// Output: true
}

// Mend ends some of the cuts.
func ExampleNetwork_Mend() {
	network := mem.New()
	network.Jitter(time.Microsecond)
	a, b, err := pair(network)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer a.Close()
	defer b.Close()

	others := []string{"10.0.0.2", "10.0.0.3"}
	network.Cut([]string{"10.0.0.1"}, others)
	fmt.Fprint(b, "hello")
	network.Mend([]string{"10.0.0.1"}, others[:1]) // 10.0.0.3 is still cut off
	text := make([]byte, 5)
	n, err := a.Read(text)
	fmt.Printf("%s, %v\n", text[:n], err)
	// Output: hello, <nil>
}
