package smoke

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sort"
	"strings"
)

// LocalIP returns the address that this machine has in a subnet, for [Options].Address.
// The subnet is an address in it with the length or the mask: "192.168.2.1/24",
// "192.168.2.1/255.255.255.0", "fd00::/8". If the machine has several addresses in the
// subnet, LocalIP returns the one that the text names, else the lowest. Interfaces that
// are down are ignored.
//
// The error is a *[SubnetError].
func LocalIP(subnet string) (string, error) { return localIP(subnet, interfaceAddrs) }

// SubnetError reports that this machine has no address in a subnet, or that the text is
// not a subnet.
type SubnetError struct {
	Subnet string
	Why    string
	Have   []netip.Addr // the addresses of this machine; empty if they are not known
	Err    error        // from the system, if it could not list the addresses; else nil
}

// Error implements error.
func (e *SubnetError) Error() string {
	text := fmt.Sprintf("find the address of this machine in subnet %.100q: %s", e.Subnet, e.Why)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	if len(e.Have) > 0 {
		texts := make([]string, len(e.Have))
		for i, ip := range e.Have {
			texts[i] = ip.String()
		}
		text += "; it has " + strings.Join(texts, ", ")
	}
	return text
}

// Unwrap returns Err.
func (e *SubnetError) Unwrap() error { return e.Err }

func localIP(subnet string, addrs func() ([]netip.Addr, error)) (string, error) {
	written, prefix, why := parseSubnet(subnet)
	if why != "" {
		return "", &SubnetError{Subnet: subnet, Why: why}
	}
	have, err := addrs()
	if err != nil {
		return "", &SubnetError{Subnet: subnet, Why: "the system can't list the addresses", Err: err}
	}
	sort.Slice(have, func(i, j int) bool { return have[i].Less(have[j]) })
	if slices.Contains(have, written) {
		return written.String(), nil
	}
	for _, ip := range have {
		if prefix.Contains(ip.WithZone("")) {
			return ip.String(), nil
		}
	}
	return "", &SubnetError{Subnet: subnet, Why: "it has none there", Have: have}
}

// parseSubnet parses an address and the size of its subnet. If why is not "", it says
// what is wrong.
func parseSubnet(subnet string) (written netip.Addr, prefix netip.Prefix, why string) {
	address, size, found := strings.Cut(subnet, "/")
	if !found {
		return written, prefix, `the size is missing; write "192.168.2.1/24" or "192.168.2.1/255.255.255.0"`
	}
	written, err := netip.ParseAddr(address)
	if err != nil {
		return written, prefix, fmt.Sprintf("%.100q is not an IP address", address)
	}
	written = written.Unmap()
	bits := -1
	if mask, err := netip.ParseAddr(size); err == nil && mask.Is4() == written.Is4() {
		bits = maskBits(mask)
	} else if prefix, err := netip.ParsePrefix(written.WithZone("").String() + "/" + size); err == nil {
		bits = prefix.Bits()
	}
	if bits < 0 {
		return written, prefix, fmt.Sprintf("%.100q is neither the length nor the mask of a subnet", size)
	}
	return written, netip.PrefixFrom(written.WithZone(""), bits).Masked(), ""
}

// maskBits returns the number of ones in a mask, or -1 if they are not all in front.
func maskBits(mask netip.Addr) int {
	ones, bits := net.IPMask(mask.AsSlice()).Size()
	if bits == 0 {
		return -1
	}
	return ones
}

// interfaceAddrs asks the system for the addresses of the interfaces that are up.
func interfaceAddrs() ([]netip.Addr, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var have []netip.Addr
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			return nil, fmt.Errorf("interface %s: %w", i.Name, err)
		}
		for _, addr := range addrs {
			prefix, ok := addr.(*net.IPNet)
			if !ok {
				continue
			}
			if ip, ok := netip.AddrFromSlice(prefix.IP); ok {
				ip = ip.Unmap()
				if ip.IsLinkLocalUnicast() && ip.Is6() {
					ip = ip.WithZone(i.Name) // a link-local address needs its zone
				}
				have = append(have, ip)
			}
		}
	}
	return have, nil
}
