package hyparview

import (
	"testing"

	"github.com/smokesignal-go/smokesignal/ident"
)

func TestGroupsOfAddresses(t *testing.T) {
	for _, same := range [][]string{
		{"20.1.2.3:1", "20.1.200.7:9", "[::ffff:20.1.9.9]:7"},
		{"20.2.2.3:1"},
		{"[2001:db8:1::1]:1", "[2001:db8:2::9]:2"},
		{"[2001:db9::1]:1"},
		{"a.example.org:1", "b.c.EXAMPLE.org.:2", "example.org:3"},
		{"a.example.com:1"},
		{"192.168.1.1:1", "10.1.2.3:1", "172.16.0.1:5", "127.0.0.1:1", "[::1]:2", "[fd00::1]:2", "169.254.1.1:1",
			"[fe80::1]:1", "100.64.0.1:1", "chat:7946", ":7946", "", "no address", "chat.:7946"},
	} {
		first, public := groupOf(same[0])
		for _, addr := range same {
			if g, p := groupOf(addr); g != first || p != public {
				t.Errorf("%s is not in the group of %s", addr, same[0])
			}
		}
		if public != (same[0] != "192.168.1.1:1") {
			t.Errorf("%s is public: %v", same[0], public)
		}
		for _, addr := range []string{"20.3.0.1:1", "[2001:dba::1]:1", "example.net:1"} {
			if g, _ := groupOf(addr); g == first {
				t.Errorf("%s is in the group of %s", addr, same[0])
			}
		}
	}
}

func TestNoGroupCostsAnAllocation(t *testing.T) {
	s := salt(1)
	if n := testing.AllocsPerRun(100, func() {
		s.group("20.1.2.3:1")
		s.group("[2001:db8::1]:1")
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// A peer that dials this node can claim any address. Its source is therefore the address
// from which the link was dialled. On the local network, its source is the peer's ID.
func TestSourceIsWhereTheLinkLeads(t *testing.T) {
	s := salt(7)
	liar := Conn{Peer: ident.Origin{ID: nodeID(1)}, Addr: "20.1.0.1:1", From: "30.1.0.1:5"}
	other := Conn{Peer: ident.Origin{ID: nodeID(2)}, Addr: "20.2.0.1:1", From: "30.1.9.9:5"}
	if s.source(liar) != s.source(other) {
		t.Error("two peers of one group are two sources, for what they say of themselves")
	}
	liar.From, other.From = "", ""
	if s.source(liar) == s.source(other) {
		t.Error("where nothing else is known, what they say should count")
	}
	liar.From, other.From = "192.168.1.1:5", "192.168.1.1:6"
	if s.source(liar) == s.source(other) {
		t.Error("on a LAN everybody is one source")
	}
	if other.Dialled = "30.1.0.7:1"; s.source(other) != s.group("30.1.1.1:1") {
		t.Error("what we dialled is not what counts")
	}
}
