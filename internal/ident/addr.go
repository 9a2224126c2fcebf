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
		ip := ap.Addr().Unmap()
		return ip.IsLoopback() || ip.IsUnspecified()
	}
	end := strings.LastIndexByte(addr, ':')
	if end < 0 {
		return false // no address at all
	}
	host := strings.TrimSuffix(strings.ToLower(addr[:end]), ".")
	// A port alone is this machine's; the names are those of RFC 6761, section 6.3.
	return host == "" || host == "localhost" || strings.HasSuffix(host, ".localhost")
}
