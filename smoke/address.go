package smoke

import (
	"net"
	"net/netip"
	"reflect"
	"slices"

	"github.com/smokesignal-go/smokesignal/discovery"
	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/engine"
	"github.com/smokesignal-go/smokesignal/internal/handshake"
)

// Canonical returns the options with each address in the form that a node uses: an IPv6
// address has brackets only if a port follows, an IPv4-mapped address is IPv4, names are
// in small letters, and Advertise has no zone. An address that can't be parsed is
// unchanged; [Options.Validate] reports it.
func (o Options) Canonical() Options {
	if p, why := handshake.ReadPlace(o.Address); o.Address != "" && why == "" {
		o.Address = p.String()
	}
	if p, why := handshake.ReadPlace(o.Listen); o.Listen != "" && why == "" {
		o.Listen = p.String()
	}
	if p, why := handshake.ReadPlace(o.Advertise); o.Advertise != "" && o.Advertise != NoAddress && why == "" {
		if p.IP.IsValid() {
			p.Host = p.IP.WithZone("").String() // a zone has no meaning on other machines
		}
		o.Advertise = p.String()
	}
	o.Seeds = slices.Clone(o.Seeds)
	for i, text := range o.Seeds {
		// A name is unchanged: a trailing dot has a meaning, and a Resolver of the
		// program may know only this spelling.
		if seed, err := discovery.ParseSeed(text); err == nil {
			if addr, ok := seed.Addr(); ok {
				o.Seeds[i] = addr
			}
		}
	}
	return o
}

// advertised returns the addresses that a node advertises if it listens on the given
// address. If Advertise is set to another address, another node may answer there.
func (o Options) advertised(listening string) engine.Advertised {
	hello, addr := advertise(o, listening)
	return engine.Advertised{Hello: hello, Addr: addr, Elsewhere: o.Advertise != "" && addr != listening}
}

// advertise returns the address in this node's HELLO, and the full address. A node that
// listens on all addresses and has no Options.Advertise sends only its port; its peers
// add the host that they see.
func advertise(o Options, listening string) (hello, addr string) {
	listening = ident.TellAddr(ident.CanonicalAddr(listening))
	h, port, err := net.SplitHostPort(listening)
	if err != nil {
		return listening, listening // not an IP network
	}
	if o.Advertise == NoAddress {
		return "", ""
	}
	if p, why := handshake.ReadPlace(o.Advertise); o.Advertise != "" && why == "" {
		if addr = p.String(); p.Port == 0 {
			addr = net.JoinHostPort(p.Host, port)
		}
		return addr, addr
	}
	if p, why := handshake.ReadPlace(o.Address); o.Listen != "" && why == "" && p.IP.IsValid() && !p.IsWildcard() && !p.IsLoopback() {
		addr := net.JoinHostPort(p.IP.WithZone("").String(), port)
		return addr, addr
	}
	if ip, err := netip.ParseAddr(h); err == nil && ip.IsUnspecified() {
		return ":" + port, net.JoinHostPort(bestInterface(), port)
	}
	return listening, listening
}

// bestInterface returns an address of this machine that other machines can use, IPv4 if
// there is one. If there is no such address, it returns the loopback address.
func bestInterface() string {
	addrs, _ := net.InterfaceAddrs() // an error leaves the list empty
	best := "127.0.0.1"
	for _, a := range addrs {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.IsGlobalUnicast() {
			if ip.IP.To4() != nil {
				return ip.IP.String()
			}
			if best == "127.0.0.1" {
				best = ip.IP.String()
			}
		}
	}
	return best
}

// copied returns options that share no slice, map or TLS configuration with o. Other
// pointers, functions and interfaces are copied, and the things that they refer to are
// shared.
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
