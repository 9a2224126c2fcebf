package ident

import (
	"net/netip"
	"strings"
)

// IsLoopback reports whether an address (host:port) means something on its own
// machine only: a loopback or a wildcard address. Such an address is never told
// to a peer on another machine, nor believed from one.
func IsLoopback(addr string) bool {
	if ap, err := netip.ParseAddrPort(addr); err == nil {
		return ap.Addr().Unmap().IsLoopback() || ap.Addr().IsUnspecified()
	}
	return strings.HasPrefix(addr, "localhost:")
}
