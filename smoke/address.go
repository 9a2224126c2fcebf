package smoke

import (
	"fmt"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/smokesignal-go/smokesignal/discovery"
	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/wire"
)

// This file reads the addresses in Options. Validate and the node use the same
// functions, so that what passes one is what the other uses.

// place is a host, and a port if one was written.
type place struct {
	host string     // canonical, without brackets
	ip   netip.Addr // of the host; the zero Addr if that is a name
	port int        // 0: there is none
}

// String returns the place in the form that readPlace takes and package net uses.
func (p place) String() string {
	if p.port == 0 {
		return p.host
	}
	return net.JoinHostPort(p.host, strconv.Itoa(p.port))
}

// isWildcard reports whether the host means all addresses of the machine.
func (p place) isWildcard() bool { return p.ip.IsValid() && p.ip.IsUnspecified() }

// isLoopback reports whether the host is this machine only.
func (p place) isLoopback() bool {
	if p.ip.IsValid() {
		return p.ip.IsLoopback()
	}
	return p.host == "localhost" || strings.HasSuffix(p.host, ".localhost") // RFC 6761, section 6.3
}

// readPlace reads "host" or "host:port". An IPv6 address may stand in brackets, and
// must if a port follows. why says what is wrong with the text.
func readPlace(text string) (p place, why string) {
	host := text
	if h, portText, err := net.SplitHostPort(text); err == nil {
		number, err := strconv.ParseUint(portText, 10, 16)
		if err != nil || number == 0 {
			return place{}, fmt.Sprintf("%q is no port", portText)
		}
		host, p.port = h, int(number)
		if strings.HasPrefix(text, "[") && !strings.Contains(h, ":") {
			return place{}, "brackets are for IPv6 addresses"
		}
	} else if strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") {
		if host = text[1 : len(text)-1]; !strings.Contains(host, ":") {
			return place{}, "brackets are for IPv6 addresses"
		}
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.Unmap().IsUnspecified() {
		p.ip = ip.Unmap().WithZone("")
		p.host = p.ip.String()
		return p, ""
	}
	// A seed is the same host with a port, and its rules for hosts are those here.
	seed, err := discovery.ParseSeed(net.JoinHostPort(host, "1"))
	if syntax, ok := err.(*discovery.SyntaxError); ok {
		return place{}, syntax.Why
	} else if err != nil {
		return place{}, err.Error()
	}
	if p.ip = seed.IP; p.ip.IsValid() {
		p.host = p.ip.String()
	} else {
		p.host = strings.ToLower(strings.TrimSuffix(seed.Host, "."))
	}
	if len(p.host) > wire.MaxText-len("[]:65535") {
		return place{}, fmt.Sprintf("with a port it is longer than the %d bytes of an address", wire.MaxText)
	}
	return p, ""
}

// Canonical returns the options with each address in the form that a node uses: an
// IPv6 address without brackets where no port follows, an IPv4-mapped one as IPv4,
// names in small letters, and no zone in Advertise. An address that can't be read
// stays as it is; [Options.Validate] reports it.
func (o Options) Canonical() Options {
	if p, why := readPlace(o.Address); o.Address != "" && why == "" {
		o.Address = p.String()
	}
	if p, why := readPlace(o.Listen); o.Listen != "" && why == "" {
		o.Listen = p.String()
	}
	if p, why := readPlace(o.Advertise); o.Advertise != "" && o.Advertise != NoAddress && why == "" {
		if p.ip.IsValid() {
			p.host = p.ip.WithZone("").String() // a zone means nothing to others
		}
		o.Advertise = p.String()
	}
	o.Seeds = slices.Clone(o.Seeds)
	for i, text := range o.Seeds {
		// A name stays as it is: a trailing dot has a meaning, and a Resolver of the
		// program's own may know this text only.
		if seed, err := discovery.ParseSeed(text); err == nil {
			if addr, ok := seed.Addr(); ok {
				o.Seeds[i] = addr
			}
		}
	}
	return o
}

// bindAddr returns what a node with these options, in canonical form, listens on.
func bindAddr(o Options) string {
	text := o.Listen
	if text == "" {
		text = o.Address
	}
	p, why := readPlace(text)
	if why != "" {
		return text // Listen says what is wrong
	}
	if p.port == 0 {
		return net.JoinHostPort(p.host, strconv.Itoa(o.Port))
	}
	return p.String()
}

// dialFrom is the address that our dials come from: the one that we listen on,
// so that peers see us under it. A loopback address can't reach other machines, a
// link-local one only its own link, and a name or a wildcard leaves the choice to
// the system.
func dialFrom(bind string) string {
	if p, why := readPlace(bind); why == "" && p.ip.IsValid() && !p.isWildcard() && !p.isLoopback() && p.ip.Zone() == "" {
		return p.host
	}
	return ""
}

// advertise is what our HELLO says, and the address that it amounts to. A node
// that listens on all addresses, and was not told which one others know, says
// its port only, and peers put the host before it that they see.
func advertise(o Options, listening string) (hello, addr string) {
	listening = ident.TellAddr(ident.CanonicalAddr(listening))
	h, port, err := net.SplitHostPort(listening)
	if err != nil {
		return listening, listening // no IP network
	}
	if o.Advertise == NoAddress {
		return "", ""
	}
	if p, why := readPlace(o.Advertise); o.Advertise != "" && why == "" {
		if addr = p.String(); p.port == 0 {
			addr = net.JoinHostPort(p.host, port)
		}
		return addr, addr
	}
	if p, why := readPlace(o.Address); o.Listen != "" && why == "" && p.ip.IsValid() && !p.isWildcard() && !p.isLoopback() {
		addr := net.JoinHostPort(p.ip.WithZone("").String(), port)
		return addr, addr
	}
	if ip, err := netip.ParseAddr(h); err == nil && ip.IsUnspecified() {
		return ":" + port, net.JoinHostPort(bestInterface(), port)
	}
	return listening, listening
}

// complete returns the address that a peer says it has, as it means it to us: with
// the host that we see before a port that came without one, and with the zone of the
// link if it needs one. It returns "" if nobody could dial it.
func complete(addr, seen string) string {
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
	whole := ident.HeardAddr(net.JoinHostPort(hostOf(seen), strconv.FormatUint(port, 10)), zone)
	if len(whole) > wire.MaxText {
		return "" // could not be told to others
	}
	return whole
}

// copied returns options that share no slice and no map with o, nor the TLS
// configuration. What other pointers, functions and interfaces lead to is shared.
func (o Options) copied() Options {
	fields := reflect.ValueOf(&o).Elem()
	for i := range fields.NumField() {
		field := fields.Field(i)
		switch field.Kind() {
		case reflect.Slice:
			if !field.IsNil() {
				list := reflect.MakeSlice(field.Type(), field.Len(), field.Len())
				reflect.Copy(list, field)
				field.Set(list)
			}
		case reflect.Map:
			if !field.IsNil() {
				entries := reflect.MakeMapWithSize(field.Type(), field.Len())
				for key, value := range field.Seq2() {
					entries.SetMapIndex(key, value)
				}
				field.Set(entries)
			}
		}
	}
	if o.TLS != nil {
		// Clone is shallow.
		tls := o.TLS.Clone()
		tls.Certificates = slices.Clone(tls.Certificates)
		for i := range tls.Certificates {
			tls.Certificates[i].Certificate = slices.Clone(tls.Certificates[i].Certificate)
		}
		tls.NextProtos = slices.Clone(tls.NextProtos)
		tls.CipherSuites = slices.Clone(tls.CipherSuites)
		tls.CurvePreferences = slices.Clone(tls.CurvePreferences)
		if tls.RootCAs != nil {
			tls.RootCAs = tls.RootCAs.Clone()
		}
		if tls.ClientCAs != nil {
			tls.ClientCAs = tls.ClientCAs.Clone()
		}
		o.TLS = tls
	}
	return o
}
