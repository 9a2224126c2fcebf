package handshake

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/smokesignal-go/smokesignal/discovery"
	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/wire"
)

// NoAddress, as the value of the option Advertise, means that the node advertises no
// address.
const NoAddress = "-"

// Place is a host, and a port if one was written.
type Place struct {
	Host string     // canonical, without brackets
	IP   netip.Addr // the host as an address; the zero Addr if the host is a name
	Port int        // 0: there is none
}

// String returns the place in the form that ReadPlace takes and package net uses.
func (p Place) String() string {
	if p.Port == 0 {
		return p.Host
	}
	return net.JoinHostPort(p.Host, strconv.Itoa(p.Port))
}

// IsWildcard reports whether the host means all addresses of the machine.
func (p Place) IsWildcard() bool { return p.IP.IsValid() && p.IP.IsUnspecified() }

// IsLoopback reports whether the host is this machine only.
func (p Place) IsLoopback() bool {
	if p.IP.IsValid() {
		return p.IP.IsLoopback()
	}
	return ident.IsLoopbackName(p.Host)
}

// ReadPlace reads "host" or "host:port". An IPv6 address may stand in brackets, and
// must if a port follows. why says what is wrong with the text.
func ReadPlace(text string) (p Place, why string) {
	host := text
	if h, portText, err := net.SplitHostPort(text); err == nil {
		number, err := strconv.ParseUint(portText, 10, 16)
		if err != nil || number == 0 {
			return Place{}, fmt.Sprintf("%q is not a port", portText)
		}
		host, p.Port = h, int(number)
		if strings.HasPrefix(text, "[") && !strings.Contains(h, ":") {
			return Place{}, "brackets are for IPv6 addresses"
		}
	} else if strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") {
		if host = text[1 : len(text)-1]; !strings.Contains(host, ":") {
			return Place{}, "brackets are for IPv6 addresses"
		}
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.Unmap().IsUnspecified() {
		p.IP = ip.Unmap().WithZone("")
		p.Host = p.IP.String()
		return p, ""
	}
	// A seed is a host with a port. The rules for its host apply here too.
	seed, err := discovery.ParseSeed(net.JoinHostPort(host, "1"))
	if syntax, ok := err.(*discovery.SyntaxError); ok {
		return Place{}, syntax.Why
	} else if err != nil {
		return Place{}, err.Error()
	}
	if p.IP = seed.IP; p.IP.IsValid() {
		p.Host = p.IP.String()
	} else {
		p.Host = strings.ToLower(strings.TrimSuffix(seed.Host, "."))
	}
	if len(p.Host) > wire.MaxText-len("[]:65535") {
		return Place{}, fmt.Sprintf("with a port it is longer than the %d bytes of an address", wire.MaxText)
	}
	return p, ""
}

// BindAddr returns the address that a node listens on, given its Address, Listen and Port
// in canonical form.
func BindAddr(address, listen string, port int) string {
	text := listen
	if text == "" {
		text = address
	}
	p, why := ReadPlace(text)
	if why != "" {
		return text // Listen reports what is wrong
	}
	if p.Port == 0 {
		return net.JoinHostPort(p.Host, strconv.Itoa(port))
	}
	return p.String()
}

// DialFrom returns the local address for the dials of a node: the one that it listens on,
// so that peers see the node at that address. It returns "", which leaves the choice to the
// system, for a loopback address, which can't reach other machines, for a link-local one,
// which reaches only its own link, and for a name or a wildcard.
func DialFrom(bind string) string {
	if p, why := ReadPlace(bind); why == "" && p.IP.IsValid() && !p.IsWildcard() && !p.IsLoopback() && p.IP.Zone() == "" {
		return p.Host
	}
	return ""
}

// Complete returns the address at which a peer can be dialled, from what its HELLO says
// and the address at which it is seen. A port without a host gets the host that is seen; a
// link-local address gets the zone of the link. It returns "" if no node could dial it.
func Complete(addr, seen string) string {
	if addr == "" {
		return ""
	}
	zone := ident.ZoneOf(seen)
	if addr[0] != ':' {
		return ident.HeardAddr(addr, zone)
	}
	port, err := strconv.ParseUint(addr[1:], 10, 16)
	if err != nil || port == 0 {
		return ""
	}
	whole := ident.HeardAddr(net.JoinHostPort(HostOf(seen), strconv.FormatUint(port, 10)), zone)
	if len(whole) > wire.MaxText {
		return "" // no frame could carry it
	}
	return whole
}

// IsLoopback reports whether an address, "host" or "host:port", is on this machine only.
func IsLoopback(addr string) bool {
	if ap, err := netip.ParseAddrPort(addr); err == nil {
		return ap.Addr().Unmap().IsLoopback()
	}
	p, why := ReadPlace(addr)
	return why == "" && p.IsLoopback()
}

// HostOf returns the host of "host" or "host:port".
func HostOf(addr string) string {
	if host, _, err := net.SplitHostPort(addr); err == nil {
		return host
	}
	return addr
}
