package dns_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/smokesignal-go/smokesignal/discovery"
	"github.com/smokesignal-go/smokesignal/discovery/dns"
)

// oneName is a DNS server that knows one name. A program leaves Resolver.Server empty,
// which means that of the system.
type oneName struct{}

func (oneName) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	if host != "chat" {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return []netip.Addr{netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("10.0.0.1")}, nil
}

func (oneName) LookupSRV(_ context.Context, _, _, name string) (string, []*net.SRV, error) {
	return "", nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

// A name stands for all its addresses. They are sorted.
func ExampleResolver() {
	r := dns.Resolver{Server: oneName{}}
	fmt.Println(r.Lookup(context.Background(), "dns://chat:8495"))
	_, err := r.Lookup(context.Background(), "srv://_chat._tcp.example.org")
	_, ok := errors.AsType[*discovery.LookupError](err)
	fmt.Println(ok)
	// Output:
	// [10.0.0.1:8495 10.0.0.2:8495] <nil>
	// true
}
