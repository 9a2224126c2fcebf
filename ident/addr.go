package ident

import (
	"net/netip"
	"strings"
)

// An address of a node is text: "ip:port" on IP networks. One machine can be
// written in several ways, so an address is brought into one form where it enters
// a node: an IPv4-mapped IPv6 address as IPv4, IPv6 in its shortest form, the port
// without leading zeros. An address that is no "ip:port", such as a name or that of
// another kind of network, stays as it is.
//
// The zone of an IPv6 address names an interface of one machine. It is never sent to
// a peer. A link-local address from a peer gets the zone of the link that it came on.

// CanonicalAddr returns addr in the form in which addresses are compared. The zone
// of a link-local address stays, any other zone is dropped.
func CanonicalAddr(addr string) string {
	ap, err := netip.ParseAddrPort(addr)
	if err != nil {
		return addr
	}
	return format(addr, withZone(ap, ap.Addr().Zone()))
}

// TellAddr returns addr as it may be sent to a peer: without a zone.
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

// HeardAddr returns addr, which came from a peer, in its canonical form. zone is that
// of the link that it came on. It returns "" for an address that cannot be dialled:
// with port 0, a multicast address, or a link-local address on a link without a zone.
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

// ZoneOf returns the zone of addr; "" if it has none.
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

// withZone returns ap with the zone if its address needs one, else without.
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

// isScoped reports whether an address means something together with a zone only.
func isScoped(ip netip.Addr) bool {
	return ip.Is6() && (ip.IsLinkLocalUnicast() || ip.IsLinkLocalMulticast())
}

// format returns the text of ap, and text itself if it is the same: addresses of
// peers are many, and nearly all are canonical.
func format(text string, ap netip.AddrPort) string {
	var room [64]byte
	if b := ap.AppendTo(room[:0]); string(b) != text {
		return string(b)
	}
	return text
}

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
