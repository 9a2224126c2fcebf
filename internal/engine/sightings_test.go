package engine

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/wire"
	"github.com/smokesignal-go/smokesignal/transport/mem"
)

func TestTheAddressThatMostSayIsElected(t *testing.T) {
	for _, test := range []struct{ votes, present, want string }{
		{"", "a", "a"},
		{"b", "a", "b"},
		{"a", "a", "a"},
		{"a b", "a", "a"},
		{"a b", "b", "b"},
		{"b c", "a", "a"}, // a tie between addresses other than the present one
		{"b c c", "a", "c"},
		{"b b c c a", "a", "a"},
		{"b b c c a", "c", "c"},
		{"a a a b b b b c", "a", "b"},
	} {
		of := func(name string) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 0, name[0]}) }
		var votes []sighting
		for _, name := range strings.Fields(test.votes) {
			votes = append(votes, sighting{at: of(name)})
		}
		if got := elect(votes, of(test.present)); got != of(test.want) {
			t.Errorf("votes %q, present %s: %s, want %s", test.votes, test.present, got, of(test.want))
		}
	}
}

// seen is a node that listens on all addresses of a machine, which are 10.0.0.1 to
// 10.0.0.3. It counts the peers that the node has met.
type seen struct {
	*testing.T
	node *witness
	met  int
}

// by links the node to a peer that sees it at the given address, and then ends the link.
func (s *seen) by(id byte, at string) {
	s.Helper()
	s.met++
	ours, theirs := net.Pipe()
	over := make(chan struct{})
	d := s.node.Driver
	go func() { // owner: the test; the goroutine ends when the pipe is closed
		defer close(over)
		l := newLink(d, ours, fmt.Sprintf("10.0.1.%d:1", id))
		l.hello = &wire.Hello{ID: ident.ID{id}, Epoch: uint64(s.met), Seen: at}
		d.up(l, nil)
	}()
	synctest.Wait()
	theirs.Close()
	<-over
}

func (s *seen) want(addr string) {
	s.Helper()
	if got := s.node.Advertised(); got != addr {
		s.Errorf("it tells others %s, want %s", got, addr)
	}
}

// A node that listens on all addresses advertises another one of them if most of its last
// peers see it at that one. One peer is not enough, and addresses of other machines do
// not count.
func TestANodeBelievesItsLastPeers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &seen{T: t, node: start(t, mem.New().Host("10.0.0.1"), "0.0.0.0:8495", func(c *Config) {
			c.Advertise = func(string) Advertised { return Advertised{Hello: ":8495", Addr: "192.0.2.9:8495"} }
		})}
		d := s.node.Driver
		asked, fails := 0, false
		d.addresses = func() (list []net.Addr, err error) {
			asked++
			if !d.mu.TryLock() {
				t.Error("the system is asked under the lock")
				return nil, nil
			}
			d.mu.Unlock()
			if fails {
				return nil, errors.New("not now")
			}
			for n := range byte(3) {
				list = append(list, &net.IPNet{IP: net.IPv4(10, 0, 0, n+1), Mask: net.CIDRMask(24, 32)})
			}
			return list, nil
		}
		before := s.node.Advertised()
		s.by(1, "192.0.2.1:8495") // an address of another machine
		s.by(1, "127.0.0.1:8495")
		s.by(1, "nonsense")
		s.by(1, "")
		s.want(before)
		s.by(1, "10.0.0.2:50000") // the first address of this machine
		s.want("10.0.0.2:8495")
		s.by(2, "10.0.0.3:50000") // a tie
		s.want("10.0.0.2:8495")
		s.by(3, "[::ffff:10.0.0.3]:50000")
		s.want("10.0.0.3:8495")
		for range 20 { // one peer has one vote, however often it comes
			s.by(1, "10.0.0.2:50000")
		}
		s.want("10.0.0.3:8495")
		for id := range byte(lastSightings) { // only the votes of the last peers count
			s.by(10+id, "10.0.0.1:50000")
		}
		s.want("10.0.0.1:8495")
		if len(d.sightings) != lastSightings {
			t.Errorf("%d votes are kept", len(d.sightings))
		}
		fails = true
		for id := range byte(lastSightings) {
			s.by(20+id, "10.0.0.2:50000")
		}
		s.want("10.0.0.1:8495")

		// A node with a fixed address does not ask the operating system for addresses.
		d.hello, asked = "10.0.0.1:8495", 0
		s.by(30, "10.0.0.2:50000")
		if asked > 0 {
			t.Error("the system is asked for addresses that are not needed")
		}
	})
}
