package main

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// mostPlaces bounds a list: each is dialled now and then for as long as nobody answers.
const mostPlaces = 64

// places makes seeds of a list of likely places: host names, addresses, and ranges of
// addresses such as 192.168.2.100-110. The port is what all listen on.
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
			return nil, fmt.Errorf("%q is no range of addresses: write 192.168.2.100-110", place)
		}
		for ip := from; len(seeds) <= mostPlaces; ip = ip.Next() {
			seeds = append(seeds, netip.AddrPortFrom(ip, uint16(port)).String())
			if ip.As4()[3] == byte(end) {
				break
			}
		}
	}
	if len(seeds) > mostPlaces {
		return nil, fmt.Errorf("these are more than %d places: leave those out that are not likely", mostPlaces)
	}
	return seeds, nil
}
