package handshake

import (
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// from is a connection that comes from an address.
type from struct {
	net.Conn
	addr string
}

func (c from) RemoteAddr() net.Addr { return addrText(c.addr) }

type addrText string

func (addrText) Network() string  { return "tcp" }
func (a addrText) String() string { return string(a) }

// crowd is a backlog and the connections in it.
type crowd struct {
	t       *testing.T
	b       Backlog
	evicted map[net.Conn]bool
}

// comes adds a connection from addr, and returns how long the caller had to wait. The
// connection ends when it is evicted.
func (c *crowd) comes(addr string) (conn net.Conn, waited time.Duration) {
	start := time.Now()
	end, other := net.Pipe()
	c.t.Cleanup(func() { other.Close() })
	conn = from{end, addr}
	c.b.Add(conn, func() { end.Close() }, func(x net.Conn) { c.evicted[x] = true })
	return conn, time.Since(start)
}

// The loop that accepts connections never waits: a flood would otherwise fill the queue of
// the kernel, which drops honest connections too.
func TestAFullBacklogHoldsUpNoAccept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := crowd{t: t, evicted: map[net.Conn]bool{}}
		total := time.Duration(0)
		for n := range 4000 {
			_, waited := c.comes(fmt.Sprintf("10.66.1.%d:%d", n%200, 1000+n))
			total += waited
		}
		if total > 0 {
			t.Errorf("4000 silent connections at once held up the loop for %v", total)
		}
	})
}

// A thousand silent connections come each second, from many addresses. An honest node comes
// from an address of its own, and needs two round trips of 200 ms.
func TestAFloodLeavesTimeForAGreeting(t *testing.T) {
	for _, c := range []struct {
		hosts, tries, greeted int
	}{
		{1, 20, 20},
		{200, 20, 20},
		{60_000, 100, 5}, // more than there are places: only a share of the handshakes succeeds
	} {
		t.Run(fmt.Sprintf("%d hosts", c.hosts), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				crowd := crowd{t: t, evicted: map[net.Conn]bool{}}
				greeted, n := 0, 0
				for range c.tries {
					honest, _ := crowd.comes("192.0.2.1:4000")
					for range 400 { // milliseconds
						n++
						host := n % c.hosts
						crowd.comes(fmt.Sprintf("10.%d.%d.1:%d", host>>8, host&255, 1000+n%60_000))
						time.Sleep(time.Millisecond)
					}
					if !crowd.evicted[honest] {
						greeted++
					}
					crowd.b.Remove(honest)
				}
				if greeted < c.greeted {
					t.Errorf("%d of %d greetings had the time they need, want %d", greeted, c.tries, c.greeted)
				}
			})
		})
	}
}

// A source that has many connections in the handshake loses its own. One that has few, and one
// of another network, lose none. Connections of this machine have no quota.
func TestACrowdTakesThePlacesFromItself(t *testing.T) {
	const places = 64
	for _, x := range []struct {
		name           string
		honest, others string // others is a format with a verb for the number of the host
		hosts          int
		honestStay     bool
	}{
		{"one host", "192.0.2.1", "10.0.0.%d", 1, true},
		{"one network", "192.0.2.1", "10.0.0.%d", 200, true},
		{"an IPv6 customer", "[2001:db8::1]", "[2001:db8:1::%x]", 200, true},
		{"the same host", "10.0.0.0", "10.0.0.%d", 1, false},
		{"this machine", "192.0.2.1", "127.0.0.%d", 200, true},
	} {
		c := crowd{t: t, evicted: map[net.Conn]bool{}}
		c.b.SetPlaces(places)
		honest, _ := c.comes(x.honest + ":1")
		for n := range 1000 {
			c.comes(fmt.Sprintf(x.others+":%d", n%x.hosts, 1000+n))
		}
		if stays := !c.evicted[honest]; stays != x.honestStay {
			t.Errorf("%s: the honest connection stays: %v", x.name, stays)
		}
		if n := len(c.b.waiting); n > places {
			t.Errorf("%s: %d connections have %d places", x.name, n, places)
		}
		c.b.Remove(honest)
		for len(c.b.waiting) > 0 {
			c.b.Relieve(func(net.Conn) {})
		}
		if len(c.b.sources) > 0 || len(c.b.networks) > 0 {
			t.Errorf("%s: an empty backlog counts %v, %v", x.name, c.b.sources, c.b.networks)
		}
		c.b.Relieve(func(net.Conn) { t.Error("evicted from an empty backlog") })
	}
}

// While half of the places are free, no connection is evicted. Beyond that, each source
// keeps at most eight connections, unless it is this machine, on which many nodes may start
// at once.
func TestASourceHasAQuotaUnderPressure(t *testing.T) {
	for _, x := range []struct {
		host string
		stay int
	}{{"10.0.0.1", 32}, {"127.0.0.1", 64}} {
		c := crowd{t: t, evicted: map[net.Conn]bool{}}
		c.b.SetPlaces(64)
		for n := range 64 {
			c.comes(fmt.Sprintf("%s:%d", x.host, n+1))
		}
		if n := len(c.b.waiting); n != x.stay {
			t.Errorf("%s has %d of 64 places, want %d", x.host, n, x.stay)
		}
	}
}
