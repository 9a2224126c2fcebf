package main

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// mostPlaces bounds the list, because a node dials each silent place again and again.
const mostPlaces = 64

// places returns seeds for a list of likely places: host names, addresses, and ranges of
// addresses such as 192.168.2.100-110. All machines listen on port.
func places(likely []string, port int) (seeds []string, err error) {
	for _, place := range likely {
		first, last, isRange := strings.Cut(place, "-")
		from, notAddr := netip.ParseAddr(first)
		if !isRange || notAddr != nil {
			seeds = append(seeds, net.JoinHostPort(place, strconv.Itoa(port)))
			continue
		}
		end, err := strconv.ParseUint(last, 10, 8)
		bytes := from.As16()
		if err != nil || !from.Is4() || byte(end) < bytes[15] {
			return nil, fmt.Errorf("%q is not a range of addresses: write it like 192.168.2.100-110", place)
		}
		for ip := from; len(seeds) <= mostPlaces; ip = ip.Next() {
			seeds = append(seeds, netip.AddrPortFrom(ip, uint16(port)).String())
			if ip.As4()[3] == byte(end) {
				break
			}
		}
	}
	if len(seeds) > mostPlaces {
		return nil, fmt.Errorf("more than %d places: remove the unlikely ones", mostPlaces)
	}
	return seeds, nil
}
