package smoke

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/handshake"
	"github.com/smokesignal-go/smokesignal/transport/mem"
	"github.com/smokesignal-go/smokesignal/trust"
)

// The node listens on, and advertises, the address that Validate accepted.
func TestAddressesAreUsedAsTheyAreRead(t *testing.T) {
	for _, c := range []struct {
		o                Options
		bind, hello, got string // got: the address of the listener
	}{
		{Options{}, "127.0.0.1:0", "127.0.0.1:7", "127.0.0.1:7"},
		{Options{Address: "[::1]"}, "[::1]:0", "[::1]:7", "[::1]:7"},
		{Options{Address: "::1", Port: 7}, "[::1]:7", "[::1]:7", "[::1]:7"},
		{Options{Address: "[fd00::1]", Port: 7}, "[fd00::1]:7", "[fd00::1]:7", "[fd00::1]:7"},
		{Options{Address: "FD00:0::01", Port: 7}, "[fd00::1]:7", "[fd00::1]:7", "[fd00::1]:7"},
		{Options{Address: "::ffff:10.0.0.1", Port: 7}, "10.0.0.1:7", "10.0.0.1:7", "10.0.0.1:7"},
		{Options{Address: "[::ffff:10.0.0.1]", Port: 7}, "10.0.0.1:7", "10.0.0.1:7", "10.0.0.1:7"},
		{Options{Address: "fe80::1%eth0", Port: 7}, "[fe80::1%eth0]:7", "[fe80::1]:7", "[fe80::1%eth0]:7"},
		{Options{Address: "[fe80::1%eth0]", Port: 7}, "[fe80::1%eth0]:7", "[fe80::1]:7", "[fe80::1%eth0]:7"},
		{Options{Address: "fd00::1%eth0", Port: 7}, "[fd00::1]:7", "[fd00::1]:7", "[fd00::1]:7"},
		{Options{Address: "::1%lo", Port: 7}, "[::1]:7", "[::1]:7", "[::1]:7"},
		{Options{Address: "LocalHost.", Port: 7}, "localhost:7", "127.0.0.1:7", "127.0.0.1:7"},
		{Options{Listen: "[::]"}, "[::]:0", ":7", "[::]:7"},
		{Options{Listen: "::", Port: 7}, "[::]:7", ":7", "[::]:7"},
		{Options{Listen: "[::]:7"}, "[::]:7", ":7", "[::]:7"},
		{Options{Listen: "[::%eth0]:7"}, "[::]:7", ":7", "[::]:7"},
		{Options{Listen: "::ffff:0.0.0.0", Port: 7}, "0.0.0.0:7", ":7", "0.0.0.0:7"},
		{Options{Listen: "0.0.0.0:0007"}, "0.0.0.0:7", ":7", "0.0.0.0:7"},
		{Options{Listen: "[::1]:7"}, "[::1]:7", "[::1]:7", "[::1]:7"},
		{Options{Listen: "[::1]", Port: 7}, "[::1]:7", "[::1]:7", "[::1]:7"},
		{Options{Listen: "::1", Advertise: "[::1]"}, "[::1]:0", "[::1]:7", "[::1]:7"},
		{Options{Listen: "::", Advertise: "[fd00::1]"}, "[::]:0", "[fd00::1]:7", "[::]:7"},
		{Options{Listen: "::", Advertise: "[fd00::1]:00080"}, "[::]:0", "[fd00::1]:80", "[::]:7"},
		{Options{Listen: "::", Advertise: "fe80::1%eth0"}, "[::]:0", "[fe80::1]:7", "[::]:7"},
		{Options{Listen: "::", Advertise: "[::ffff:10.0.0.1]:9"}, "[::]:0", "10.0.0.1:9", "[::]:7"},
		{Options{Listen: "::", Advertise: "Proxy.Example.ORG.:80"}, "[::]:0", "proxy.example.org:80", "[::]:7"},
		{Options{Listen: "::", Address: "[fe80::1%eth0]"}, "[::]:0", "[fe80::1]:7", "[::]:7"},
		{Options{Listen: "::", Advertise: NoAddress}, "[::]:0", "", "[::]:7"},
	} {
		if err := c.o.Validate(); err != nil {
			t.Errorf("%+v: %v", c.o, err)
			continue
		}
		o := CreateNode(c.o).Options()
		if got := handshake.BindAddr(o.Address, o.Listen, o.Port); got != c.bind {
			t.Errorf("%+v: binds %q, want %q", c.o, got, c.bind)
		}
		hello, addr := advertise(o, c.got)
		if hello != c.hello {
			t.Errorf("%+v: HELLO has %q, want %q", c.o, hello, c.hello)
		}
		if hello != "" && !canBeDialled(addr) {
			t.Errorf("%+v: advertises %q", c.o, addr)
		}
		if again := o.Canonical(); !reflect.DeepEqual(again, o) {
			t.Errorf("%+v: canonical twice is %+v", o, again)
		}
	}
}

// startNode starts a node that ends with the test.
func startNode(t *testing.T, o Options) *Node {
	t.Helper()
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	n := CreateNode(o)
	if err := n.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Stop() })
	return n
}

func canBeDialled(addr string) bool {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || port == "0" || strings.ContainsAny(host, "[]%") {
		return false
	}
	_, why := handshake.ReadPlace(addr)
	return why == ""
}

func TestAddressesThatAreRefused(t *testing.T) {
	for _, text := range []string{
		"[[::1]]", "[::1", "::1]", "[127.0.0.1]", "[chat]", "[]", "[::1]:", "[::1]:0", "[::1]:+80", "[::1]:http",
		"[::1]: 80", "10.0.0.1:80 ", " 10.0.0.1", "10.0.0.01", "10.0.0.1:65536", ":80", ":", "::1%", "fe80::1%a b", "fe80::1%]", "a..b",
	} {
		for field, o := range map[string]Options{"Address": {Address: text}, "Listen": {Listen: text}, "Advertise": {Advertise: text}} {
			if o.Validate() == nil {
				t.Errorf("%s %q passes", field, text)
			}
		}
	}
}

// Several forms of one address are one seed, and a node recognises its own address in every
// form.
func TestSeedsHaveOneForm(t *testing.T) {
	o := Options{Seeds: []string{"[::ffff:127.0.0.1]:08495", "LOCALHOST.:8495", "dns://127.0.0.1:8495", "[::1%lo]:1", "Chat.:1"}}
	want := []string{"127.0.0.1:8495", "127.0.0.1:8495", "127.0.0.1:8495", "[::1]:1", "Chat.:1"}
	if got := o.Canonical().Seeds; !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	if o.Seeds[1] != "LOCALHOST.:8495" {
		t.Error("the caller's slice was changed")
	}
}

// Nodes with bracketed IPv6 addresses find each other, in each option and by AddPeer.
func TestBracketedAddressesLink(t *testing.T) {
	for name, o := range map[string]Options{
		"Address":   {Address: "[fd00::1]", Port: 8495},
		"Listen":    {Address: "[fd00::1]", Listen: "[::]", Port: 8495},
		"Advertise": {Listen: "::", Advertise: "[fd00::1]", Port: 8495},
		"mapped":    {Address: "[fd00::1]", Listen: "[::]:8495", Advertise: "[fd00:0::1]:08495"},
	} {
		synctest.Test(t, func(t *testing.T) {
			network := mem.New()
			o.Transport = network.Host("fd00::1")
			first := startNode(t, o)
			second := startNode(t, Options{Address: "[fd00::2]", Transport: network.Host("fd00::2")})
			third := startNode(t, Options{Address: "[fd00::3]", Transport: network.Host("fd00::3")})
			if err := second.AddPeer(t.Context(), "[fd00:0::1]:8495"); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			p, ok := second.Peers().Get(first.ID())
			if !ok || p.Addr() != "[fd00::1]:8495" || first.Advertised() != p.Addr() {
				t.Fatalf("%s: known as %v, advertised as %q", name, p, first.Advertised())
			}
			if err := third.AddPeer(t.Context(), p.Addr()); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

// A zone names an interface of one machine. So addresses that a node sends have no zone,
// and addresses that it receives get the zone of the link.
func TestZonesAreNotTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.New()
		tap, err := network.Host("fe80::9%eth0").Listen(t.Context(), "[fe80::9%eth0]:1")
		if err != nil {
			t.Fatal(err)
		}
		heard := make(chan string, 1)
		go func() {
			conn, err := tap.Accept()
			if err != nil {
				return
			}
			buf := make([]byte, 1000)
			n, _ := conn.Read(buf)
			heard <- string(buf[:n])
			conn.Close()
		}()
		a := startNode(t, Options{Address: "fe80::1%eth0", Transport: network.Host("fe80::1%eth0"), Port: 8495, Seeds: []string{"[fe80::9%eth0]:1"}})
		if hello := <-heard; !strings.Contains(hello, "fe80::1]:8495") || strings.Contains(hello, "%eth0") { // an id may hold a %
			t.Errorf("HELLO is %q", hello)
		}
		tap.Close()
		if got := a.Advertised(); got != "[fe80::1]:8495" {
			t.Errorf("it advertises %q", got)
		}
		b := startNode(t, Options{Address: "fe80::2%eth0", Transport: network.Host("fe80::2%eth0"), Seeds: []string{"[fe80::1%eth0]:8495"}})
		c := startNode(t, Options{Address: "fe80::3%eth0", Transport: network.Host("fe80::3%eth0"), Seeds: []string{"[fe80::1%eth0]:8495"}})
		time.Sleep(10 * time.Second)
		// The two learnt the address of the other from a, and dialled it.
		for _, n := range []*Node{a, b, c} {
			if n.Peers().Len() != 2 {
				t.Errorf("%d neighbours", n.Peers().Len())
			}
			for p := range n.Peers().All() {
				if ident.ZoneOf(p.Addr()) != "eth0" {
					t.Errorf("a neighbour is known at %q", p.Addr())
				}
			}
		}
	})
}

// After CreateNode the caller may change its slices and its TLS configuration, and also
// those that Node.Options returns, without an effect on the node.
func TestOptionsAreCopied(t *testing.T) {
	authority, err := trust.NewDevAuthority()
	if err != nil {
		t.Fatal(err)
	}
	pem, key, err := authority.Issue("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(pem, key)
	if err != nil {
		t.Fatal(err)
	}
	given := Options{TLS: &tls.Config{
		Certificates: []tls.Certificate{pair}, RootCAs: x509.NewCertPool(), ClientCAs: x509.NewCertPool(), NextProtos: []string{"a"},
	}}
	// All slices and maps of Options, including those that later versions add.
	fields := reflect.ValueOf(&given).Elem()
	for i := range fields.NumField() {
		switch f := fields.Field(i); f.Kind() {
		case reflect.Slice:
			f.Set(reflect.MakeSlice(f.Type(), 1, 4))
		case reflect.Map:
			f.Set(reflect.MakeMap(f.Type()))
			f.SetMapIndex(reflect.Zero(f.Type().Key()), reflect.Zero(f.Type().Elem()))
		}
	}
	given.Seeds[0], given.Allow[0] = "127.0.0.1:1", ID{1}
	n := CreateNode(given)
	for what, o := range map[string]Options{"the options given": given, "what Options returned": n.Options()} {
		fields := reflect.ValueOf(o)
		for i := range fields.NumField() {
			switch f := fields.Field(i); f.Kind() {
			case reflect.Slice:
				f.Index(0).Set(other(f.Type().Elem()))
			case reflect.Map:
				f.SetMapIndex(reflect.Zero(f.Type().Key()), reflect.Value{})
			}
		}
		o.TLS.Certificates[0], o.TLS.NextProtos[0], o.TLS.ServerName = tls.Certificate{}, "b", "other"
		for _, of := range []Options{n.given, n.opts} {
			fields := reflect.ValueOf(of)
			for i := range fields.NumField() {
				switch f := fields.Field(i); {
				case f.Kind() == reflect.Slice && reflect.DeepEqual(f.Index(0).Interface(), other(f.Type().Elem()).Interface()):
					t.Errorf("%s share %s with the node", what, fields.Type().Field(i).Name)
				case f.Kind() == reflect.Map && f.Len() == 0:
					t.Errorf("%s share %s with the node", what, fields.Type().Field(i).Name)
				}
			}
			if of.TLS.ServerName != "" || of.TLS.NextProtos[0] != "a" || len(of.TLS.Certificates[0].Certificate) == 0 {
				t.Errorf("%s share the TLS configuration with the node", what)
			}
		}
	}
}

// other returns a value that differs from the one that the test has set.
func other(t reflect.Type) reflect.Value {
	v := reflect.New(t).Elem()
	switch v.Kind() {
	case reflect.String:
		v.SetString("changed")
	case reflect.Array:
		v.Index(0).SetUint(99)
	}
	return v
}

// A change of the caller's list does not change which nodes are admitted.
func TestAllowIsCopied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.New()
		friend, err := trust.NewKey()
		if err != nil {
			t.Fatal(err)
		}
		allow := []ID{friend.ID()}
		a := CreateNode(Options{Address: "10.0.0.1", Port: 1, Allow: allow, Transport: network.Host("10.0.0.1")})
		allow[0] = ID{7}
		if err := a.Start(); err != nil {
			t.Fatal(err)
		}
		defer a.Stop()
		b := startNode(t, Options{Address: "10.0.0.2", Key: friend, Transport: network.Host("10.0.0.2")})
		if err := b.AddPeer(t.Context(), "10.0.0.1:1"); err != nil {
			t.Error(err)
		}
	})
}

func TestMoreOptionsThatAreRefused(t *testing.T) {
	for field, o := range map[string]Options{
		"PingInterval": {PingInterval: 1<<63 - 1},
		"PingTimeout":  {PingTimeout: 2 * time.Hour},
		"MinPeers":     {MinPeers: 1<<63 - 1, MaxPeers: -1},
		"Key":          {Key: new(trust.Key)},
		"Allow[1]":     {Allow: []ID{{1}, {}}},
	} {
		var all *OptionsError
		if err := o.Validate(); !errors.As(err, &all) || len(all.Problems) != 1 || all.Problems[0].Field != field {
			t.Errorf("%s: %v", field, err)
		}
		if err := CreateNode(o).Start(); !errors.As(err, &all) {
			t.Errorf("%s: Start says %v", field, err)
		}
	}
}

// If Validate accepts the options, Start works on a machine that has the address, and the
// advertised address can be parsed.
func FuzzValidatedOptionsStart(f *testing.F) {
	for _, text := range []string{"", "[::1]", "::", "[::]:8495", "10.0.0.1", "fe80::1%eth0", "::ffff:1.2.3.4", "chat", "localhost", "[::1]:+80", ":80", "127.1"} {
		f.Add(text, text, text, 0, 3, int64(0), 0)
		f.Add(text, "", "", 8495, 0, int64(1e9), -1)
		f.Add("", text, "", 1<<62, 1<<62, int64(1)<<62, 1<<62)
		f.Add("", "", text, -1, 1, int64(-1), 9)
	}
	f.Fuzz(func(t *testing.T, address, listen, advertise string, port, minPeers int, ping int64, history int) {
		o := Options{
			Address: address, Listen: listen, Advertise: advertise, Port: port, MinPeers: minPeers, MaxPeers: history,
			PingInterval: time.Duration(ping), History: History{Bytes: history, Age: time.Duration(ping)}, SlowHandler: time.Duration(ping),
			Transport: anywhere{mem.New()}, Network: listen,
		}
		if o.Validate() != nil {
			return
		}
		n := CreateNode(o)
		if err := n.Start(); err != nil {
			if errors.Is(err, syscall.EADDRNOTAVAIL) {
				return // a name, which this network does not resolve
			}
			t.Fatalf("%+v: %v", o, err)
		}
		defer n.Stop()
		if at := n.Advertised(); at != "" && !canBeDialled(at) {
			t.Errorf("%+v: advertises %q", o, at)
		}
		if got := n.Options(); got.MaxPeers > 0 && got.MinPeers > got.MaxPeers || got.MinPeers < 1 {
			t.Errorf("%d to %d neighbours", got.MinPeers, got.MaxPeers)
		}
	})
}

// anywhere is a machine that has every address.
type anywhere struct{ network *mem.Network }

func (a anywhere) Listen(ctx context.Context, addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return nil, syscall.EADDRNOTAVAIL
	}
	if ip.IsUnspecified() {
		host = "10.0.0.1"
	}
	return a.network.Host(host).Listen(ctx, addr)
}

func (a anywhere) Dial(ctx context.Context, addr string) (net.Conn, error) {
	return a.network.Host("10.9.9.9").Dial(ctx, addr)
}
