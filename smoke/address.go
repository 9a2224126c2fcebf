package smoke

import (
	"net"
	"net/netip"
	"reflect"
	"slices"

	"github.com/smokesignal-go/smokesignal/discovery"
	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/handshake"
)

// Canonical returns the options with each address in the form that a node uses: an
// IPv6 address without brackets where no port follows, an IPv4-mapped one as IPv4,
// names in small letters, and no zone in Advertise. An address that can't be read
// stays as it is; [Options.Validate] reports it.
func (o Options) Canonical() Options {
	if p, why := handshake.ReadPlace(o.Address); o.Address != "" && why == "" {
		o.Address = p.String()
	}
	if p, why := handshake.ReadPlace(o.Listen); o.Listen != "" && why == "" {
		o.Listen = p.String()
	}
	if p, why := handshake.ReadPlace(o.Advertise); o.Advertise != "" && o.Advertise != NoAddress && why == "" {
		if p.IP.IsValid() {
			p.Host = p.IP.WithZone("").String() // a zone means nothing to others
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

// advertise returns the address field of this node's HELLO, and the full address. A node
// that listens on all addresses and has no Options.Advertise sends its port only; its peers
// add the host that they see.
func advertise(o Options, listening string) (hello, addr string) {
	listening = ident.TellAddr(ident.CanonicalAddr(listening))
	h, port, err := net.SplitHostPort(listening)
	if err != nil {
		return listening, listening // no IP network
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
