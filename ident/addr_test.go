package ident

import (
	"net/netip"
	"strings"
	"testing"
)

// Every spelling of one address and port has the same canonical form.
func TestAddressesHaveOneForm(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.1:80":              "10.0.0.1:80",
		"[::ffff:10.0.0.1]:80":     "10.0.0.1:80",
		"[::FFFF:a00:1]:80":        "10.0.0.1:80",
		"10.0.0.1:0080":            "10.0.0.1:80",
		"[fd00:0::0:1]:80":         "[fd00::1]:80",
		"[FD00::1]:80":             "[fd00::1]:80",
		"[fd00::1%eth0]:80":        "[fd00::1]:80",
		"[::1%lo]:80":              "[::1]:80",
		"[fe80::1%eth0]:80":        "[fe80::1%eth0]:80",
		"node1:80":                 "node1:80",
		"Node1":                    "Node1",
		"":                         "",
		"[[::1]]:80":               "[[::1]]:80",
		"10.0.0.01:80":             "10.0.0.01:80",
		"[::ffff:10.0.0.1%eth]:80": "10.0.0.1:80",
	} {
		if got := CanonicalAddr(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// A zone names an interface of this machine, so it is never sent to a peer, and a zone
// from a peer is ignored.
func TestZonesStayOnTheirMachine(t *testing.T) {
	for _, c := range []struct{ addr, sent, heardOnEth1, heardOnNone string }{
		{"[fe80::1%eth0]:80", "[fe80::1]:80", "[fe80::1%eth1]:80", ""},
		{"[fe80::1]:80", "[fe80::1]:80", "[fe80::1%eth1]:80", ""},
		{"[fd00::1%eth0]:80", "[fd00::1]:80", "[fd00::1]:80", "[fd00::1]:80"},
		{"[::ffff:1.2.3.4]:80", "[::ffff:1.2.3.4]:80", "1.2.3.4:80", "1.2.3.4:80"},
		{"1.2.3.4:80", "1.2.3.4:80", "1.2.3.4:80", "1.2.3.4:80"},
		{"1.2.3.4:0", "1.2.3.4:0", "", ""},
		{"224.0.0.1:80", "224.0.0.1:80", "", ""},
		{"chat:80", "chat:80", "chat:80", "chat:80"},
		{"", "", "", ""},
	} {
		if sent, one, none := TellAddr(c.addr), HeardAddr(c.addr, "eth1"), HeardAddr(c.addr, ""); sent != c.sent || one != c.heardOnEth1 || none != c.heardOnNone {
			t.Errorf("%q: sent as %q, heard as %q and %q; want %+v", c.addr, sent, one, none, c)
		}
	}
	if z := ZoneOf("[fe80::1%eth0]:80"); z != "eth0" {
		t.Errorf("zone %q", z)
	}
}

func TestCanonicalAddressesAreNotCopied(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() {
		CanonicalAddr("[fd00::1]:80")
		HeardAddr("192.168.100.200:60000", "")
		TellAddr("192.168.100.200:60000")
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzAddr(f *testing.F) {
	for _, text := range []string{"10.0.0.1:80", "[fe80::1%a]:1", "[::ffff:1.2.3.4]:9", "x:1", "", "[::1%]:1"} {
		f.Add(text, "eth0")
	}
	f.Fuzz(func(t *testing.T, text, zone string) {
		if c := CanonicalAddr(text); CanonicalAddr(c) != c {
			t.Errorf("%q: %q is not stable", text, c)
		}
		if sent := TellAddr(text); ZoneOf(sent) != "" {
			t.Errorf("%q: sent as %q", text, sent)
		}
		heard := HeardAddr(text, "eth0")
		if z := ZoneOf(heard); z != "" && z != "eth0" {
			t.Errorf("%q: heard with zone %q", text, z)
		}
		if ap, err := netip.ParseAddrPort(heard); err == nil && (ap.Port() == 0 || ap.Addr().Is4In6()) {
			t.Errorf("%q: heard as %q", text, heard)
		} else if err != nil && heard != "" && heard != text {
			t.Errorf("%q: became %q", text, heard)
		}
		if strings.Contains(TellAddr(heard), "%") && heard != text {
			t.Errorf("%q: a zone in %q is sent on", text, heard)
		}
	})
}
