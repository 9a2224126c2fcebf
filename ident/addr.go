package ident

import (
	"net/netip"
	"strings"
)

// The address of a node is a string: "ip:port" on IP networks. An IP address can be
// written in several ways, so a node converts each address to one canonical form when
// it receives it: an IPv4-mapped IPv6 address becomes IPv4, IPv6 takes its shortest
// form, and the port loses leading zeros. Any other address, such as a host name or an
// address of another kind of network, stays unchanged.
//
// The zone of an IPv6 address names a network interface of one machine. A node never
// sends a zone to a peer. A link-local address from a peer gets the zone of the link
// that it arrived on.

// CanonicalAddr returns the form of addr in which addresses are compared. It keeps the
// zone of a link-local address and drops any other zone.
func CanonicalAddr(addr string) string {
	ap, err := netip.ParseAddrPort(addr)
	if err != nil {
		return addr
	}
	return format(addr, withZone(ap, ap.Addr().Zone()))
}

// TellAddr returns addr without its zone, as it may be sent to a peer.
func TellAddr(addr string) string {
	if strings.IndexByte(addr, '%') < 0 {
		return addr
	}
	ap, err := netip.ParseAddrPort(addr)
	if err != nil {
		return addr
	}
	return netip.AddrPortFrom(ap.Addr().WithZone(""), ap.Port()).String()
}

// HeardAddr returns the canonical form of addr, which a peer sent on a link with the
// given zone. It returns "" for an address that cannot be dialled: port 0, a multicast
// address, or a link-local address on a link without a zone.
func HeardAddr(addr, zone string) string {
	ap, err := netip.ParseAddrPort(addr)
	if err != nil {
		return addr
	}
	ap = withZone(ap, zone)
	ip := ap.Addr()
	if ap.Port() == 0 || ip.IsMulticast() || isScoped(ip) && ip.Zone() == "" {
		return ""
	}
	return format(addr, ap)
}

// ZoneOf returns the zone of addr, or "" if it has none.
func ZoneOf(addr string) string {
	if strings.IndexByte(addr, '%') < 0 {
		return ""
	}
	ap, err := netip.ParseAddrPort(addr)
	if err != nil {
		return ""
	}
	return ap.Addr().Zone()
}

// withZone returns ap with the zone if its address is link-local, and without a zone if
// not.
func withZone(ap netip.AddrPort, zone string) netip.AddrPort {
	ip := ap.Addr().Unmap()
	if !isScoped(ip) {
		zone = ""
	}
	if ip.Zone() != zone {
		ip = ip.WithZone(zone)
	}
	return netip.AddrPortFrom(ip, ap.Port())
}

// isScoped reports whether an address is valid only together with a zone.
func isScoped(ip netip.Addr) bool {
	return ip.Is6() && (ip.IsLinkLocalUnicast() || ip.IsLinkLocalMulticast())
}

// format returns the text of ap. If it equals text, format returns text itself and
// allocates nothing, which is the usual case.
func format(text string, ap netip.AddrPort) string {
	var room [64]byte
	if b := ap.AppendTo(room[:0]); string(b) != text {
		return string(b)
	}
	return text
}

// IsLoopback reports whether an address (host:port) is valid on its own machine only: a
// loopback or a wildcard address. A node never sends such an address to a peer on
// another machine, and ignores one from such a peer.
func IsLoopback(addr string) bool {
	if ap, err := netip.ParseAddrPort(addr); err == nil {
		ip := ap.Addr().Unmap()
		return ip.IsLoopback() || ip.IsUnspecified()
	}
	end := strings.LastIndexByte(addr, ':')
	if end < 0 {
		return false // not an address
	}
	host := addr[:end]
	return host == "" || IsLoopbackName(host) // a port alone is this machine's
}

// IsLoopbackName reports whether a host name means this machine: RFC 6761, section 6.3.
func IsLoopbackName(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}
