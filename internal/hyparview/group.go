package hyparview

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"strings"

	"github.com/smokesignal-go/smokesignal/ident"
)

// groupOf returns the part of an address that is expensive to obtain in large numbers:
// the /16 of an IPv4 address, the /32 of an IPv6 address, or the last two labels of a
// name. Limits count groups, because node IDs cost nothing.
//
// Addresses that are valid only nearby (loopback, private ranges, names of one label)
// form one group, which is not public. On a LAN all nodes are in this group, and no limit
// by group applies. On any other network it is one group among others, so an attacker
// gains nothing by reporting such addresses.
func groupOf(addr string) (group uint64, public bool) {
	if ap, err := netip.ParseAddrPort(addr); err == nil {
		ip := ap.Addr().Unmap()
		switch {
		case ip.IsLoopback(), ip.IsUnspecified(), ip.IsPrivate(), ip.IsLinkLocalUnicast(), shared.Contains(ip):
			return 0, false
		case ip.Is4():
			b := ip.As4()
			return 4<<32 | uint64(binary.BigEndian.Uint16(b[:])), true
		default:
			b := ip.As16()
			return 6<<32 | uint64(binary.BigEndian.Uint32(b[:])), true
		}
	}
	host := addr
	if end := strings.LastIndexByte(addr, ':'); end >= 0 {
		host = addr[:end]
	}
	host = strings.TrimSuffix(host, ".")
	last := strings.LastIndexByte(host, '.')
	if last < 0 {
		return 0, false
	}
	domain := host[strings.LastIndexByte(host[:last], '.')+1:]
	h := uint64(14695981039346656037) // FNV-1a
	for i := range len(domain) {
		c := domain[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h | 1<<63, true
}

// shared is the address range between a provider and its customers (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

// salt hashes groups to short numbers. Each node has its own salt, so an attacker
// cannot choose a group whose number collides with another group.
type salt uint64

func (s salt) group(addr string) uint16 {
	group, _ := groupOf(addr)
	return s.fold(group)
}

// Source returns a number for the peer that is accountable for all frames received on a
// link; see salt.source. Each node has its own numbers.
func (m *Membership) Source(c Conn) uint16 { return m.book.salt.source(c) }

// source identifies the peer that is accountable for all frames received on a link. It is
// the group of the peer's address, or the peer itself if the address is not public. The
// address is the one to which or from which the link was dialled, not the one that the
// peer claims.
func (s salt) source(c Conn) uint16 {
	where := c.Dialled
	if where == "" {
		where = c.From
	}
	if where == "" {
		where = c.Addr
	}
	if group, public := groupOf(where); public {
		return s.fold(group)
	}
	return s.fold(bits.RotateLeft64(low(c.Peer.ID), 31) ^ high(c.Peer.ID))
}

func low(id ident.ID) uint64  { return binary.BigEndian.Uint64(id[8:]) }
func high(id ident.ID) uint64 { return binary.BigEndian.Uint64(id[:8]) }

// fold hashes x and the salt to a short number. It is the finalizer of SplitMix64.
func (s salt) fold(x uint64) uint16 {
	x ^= uint64(s)
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return uint16((x ^ x>>31) >> 48)
}
