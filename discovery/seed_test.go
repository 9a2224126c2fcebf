package discovery_test

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/smokesignal-go/smokesignal/discovery"
)

func TestParseSeed(t *testing.T) {
	for _, test := range []struct {
		text string
		want discovery.Seed
		addr string // "" if a name must be looked up
	}{
		{"192.168.2.100:8495", discovery.Seed{IP: netip.MustParseAddr("192.168.2.100"), Port: 8495}, "192.168.2.100:8495"},
		{"[fd00::1]:8495", discovery.Seed{IP: netip.MustParseAddr("fd00::1"), Port: 8495}, "[fd00::1]:8495"},
		{"[fe80::1%eth0]:8495", discovery.Seed{IP: netip.MustParseAddr("fe80::1%eth0"), Port: 8495}, "[fe80::1%eth0]:8495"},
		{"[fd00::1%eth0]:8495", discovery.Seed{IP: netip.MustParseAddr("fd00::1"), Port: 8495}, "[fd00::1]:8495"},
		{"[FD00:0::1]:08495", discovery.Seed{IP: netip.MustParseAddr("fd00::1"), Port: 8495}, "[fd00::1]:8495"},
		{"[::ffff:10.0.0.1]:1", discovery.Seed{IP: netip.MustParseAddr("10.0.0.1"), Port: 1}, "10.0.0.1:1"},
		{"dns://10.0.0.1:65535", discovery.Seed{Scheme: discovery.DNS, IP: netip.MustParseAddr("10.0.0.1"), Port: 65535}, "10.0.0.1:65535"},
		{"localhost:8495", discovery.Seed{Host: "localhost", Port: 8495}, "127.0.0.1:8495"},
		{"dns://LocalHost.:8495", discovery.Seed{Scheme: discovery.DNS, Host: "LocalHost.", Port: 8495}, "127.0.0.1:8495"},
		{"chat:8495", discovery.Seed{Host: "chat", Port: 8495}, ""},
		{"chat_1.my-net:8495", discovery.Seed{Host: "chat_1.my-net", Port: 8495}, ""},
		{"DNS://chat.example.org.:8495", discovery.Seed{Scheme: discovery.DNS, Host: "chat.example.org.", Port: 8495}, ""},
		{"srv://_chat._tcp.example.org", discovery.Seed{Scheme: discovery.SRV, Host: "_chat._tcp.example.org"}, ""},
		{"srv://localhost", discovery.Seed{Scheme: discovery.SRV, Host: "localhost"}, ""},
	} {
		got, err := discovery.ParseSeed(test.text)
		if err != nil || got != test.want {
			t.Errorf("%q: got %+v, %v; want %+v", test.text, got, err, test.want)
			continue
		}
		if addr, ok := got.Addr(); addr != test.addr || ok != (addr != "") {
			t.Errorf("%q: got address %q, %v; want %q", test.text, addr, ok, test.addr)
		}
		if again, err := discovery.ParseSeed(got.String()); err != nil || again != got {
			t.Errorf("%q: reads back from %q as %+v, %v", test.text, got, again, err)
		}
	}
}

func TestParseSeedSaysWhatIsWrong(t *testing.T) {
	for _, test := range []struct{ text, why string }{
		{"", "empty"},
		{" chat:8495", "white space"},
		{"chat", "port is missing"},
		{"192.168.2.100", "port is missing"},
		{"[fd00::1]", "port is missing"},
		{"fd00::1", "must be in brackets"},
		{"fd00::1:8495", "must be in brackets"},
		{"::8495x", "too many colons"},
		{"[[fd00::1]]:8495", "port is missing"},
		{"[10.0.0.1]:8495", "brackets"},
		{"[chat]:8495", "brackets"},
		{"[fe80::1%a b]:8495", "can't have ' '"},
		{"[fe80::1%a]:1]:8495", "too many colons"},
		{"10.0.0.01:8495", "looks like an IP address"},
		{"chat:", "not a port"},
		{"chat:0", "not a port"},
		{"chat:+80", "not a port"},
		{"chat:65536", "not a port"},
		{"chat:http", "not a port"},
		{":8495", "host is missing"},
		{"0.0.0.0:8495", "not the address of a machine"},
		{"[::]:8495", "not the address of a machine"},
		{"224.0.0.1:8495", "not the address of a machine"},
		{"192.168.2:8495", "looks like an IP address"},
		{"300.1.1.1:8495", "looks like an IP address"},
		{"http://chat:80", "not a known scheme"},
		{"dns://", "port is missing"},
		{"srv://", "host is missing"},
		{"srv://_chat._tcp.example.org:8495", "have the hosts and ports"},
		{"a..b:1", "empty part"},
		{"ch at:1", "can't have ' '"},
		{"café:1", "xn--"},
		{"chat/x:1", "can't have '/'"},
		{strings.Repeat("a", 64) + ":1", "63"},
		{strings.Repeat("abc.", 70) + "d:1", "253"},
		{strings.Repeat("x", 100_000), "longer than any name"},
	} {
		s, err := discovery.ParseSeed(test.text)
		problem, ok := errors.AsType[*discovery.SyntaxError](err)
		if !ok {
			t.Errorf("%.40q: got %+v, %v; want a *SyntaxError", test.text, s, err)
			continue
		}
		if !strings.Contains(problem.Error(), test.why) || problem.Fix == "" || len(problem.Error()) > 1000 {
			t.Errorf("%.40q: got %q, want that it says %q", test.text, problem, test.why)
		}
	}
}

func FuzzParseSeed(f *testing.F) {
	for _, text := range []string{"192.168.2.100:8495", "[fd00::1%e]:1", "dns://chat:8495", "srv://_a._b.c", "localhost:1", "x", "::1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := discovery.ParseSeed(text)
		if err != nil {
			if _, ok := errors.AsType[*discovery.SyntaxError](err); !ok {
				t.Fatalf("%q: a %T", text, err)
			}
			return
		}
		again, err := discovery.ParseSeed(s.String())
		if err != nil || again != s {
			t.Fatalf("%q: reads back from %q as %+v, %v", text, s, again, err)
		}
		if addr, ok := s.Addr(); ok {
			if _, err := netip.ParseAddrPort(addr); err != nil {
				t.Fatalf("%q: %v", text, err)
			}
		}
	})
}

func TestStaticAsksNobody(t *testing.T) {
	for seed, want := range map[string]string{"10.0.0.1:80": "10.0.0.1:80", "localhost:80": "127.0.0.1:80"} {
		if got, err := (discovery.Static{}).Lookup(t.Context(), seed); err != nil || !slices.Equal(got, []string{want}) {
			t.Errorf("%s: got %v, %v", seed, got, err)
		}
	}
	_, err := discovery.Static{}.Lookup(t.Context(), "chat:80")
	if problem, ok := errors.AsType[*discovery.LookupError](err); !ok || problem.Seed != "chat:80" || problem.Timeout() {
		t.Errorf("a name: got %v", err)
	}
	_, err = discovery.Static{}.Lookup(t.Context(), "chat")
	if _, ok := errors.AsType[*discovery.SyntaxError](err); !ok {
		t.Errorf("no seed: got %v", err)
	}
}
