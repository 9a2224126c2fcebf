package smoke_test

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/transport"
	"github.com/smokesignal-go/smokesignal/transport/mem"
)

// Activity that must not continue for ever is checked over an hour, in virtual time on a
// network in memory.

// dialled is a transport that counts dials. The nodes of a test share the count.
type dialled struct {
	transport.Transport
	count *atomic.Int64
}

// Dial implements transport.Transport.
func (d dialled) Dial(ctx context.Context, addr string) (net.Conn, error) {
	d.count.Add(1)
	return d.Transport.Dial(ctx, addr)
}

// hosts starts n nodes, each on its own host.
func (s *story) hosts(network *mem.Network, dials *atomic.Int64, n int, seeds ...string) (cast []*actor, ips []string) {
	for i := range n {
		ip := fmt.Sprintf("10.0.0.%d", i+1)
		ips = append(ips, ip)
		cast = append(cast, s.start(smoke.Options{
			Address: ip, Port: 8495, Seeds: seeds,
			Transport: dialled{network.Host(ip), dials},
		}))
	}
	return cast, ips
}

// SM11 again. While a seed is down, the original reports a netsplit every ten seconds,
// and floods a message. Our nodes report once in the hour that the seed is lost, and
// nothing else. They dial it every few seconds, and do not spin.
func TestASeedIsDeadForAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tell(t)
		var dials atomic.Int64
		network := mem.New()
		cast, ips := s.hosts(network, &dials, 6, "10.0.0.1:8495")
		s.wantOverlay(cast, 3)
		time.Sleep(time.Minute)
		network.Kill(ips[0])
		living := cast[1:]
		time.Sleep(time.Minute)
		before := dials.Load()
		time.Sleep(time.Hour)
		t.Logf("%d dials in an hour", dials.Load()-before)
		if n := dials.Load() - before; n > 3600 {
			t.Errorf("%d dials in an hour", n)
		}
		lost := 0
		for _, a := range living {
			lost += a.times("seed lost")
			if n := a.times("seed lost"); n > 1 {
				t.Errorf("%s lost the seed %d times", a.ID().Short(), n)
			}
		}
		if lost == 0 {
			t.Error("no node reports that the seed is lost")
		}
		s.wantNever(living, "netsplit", "heal", "disconnect", "gap")
		each(living, func(a *actor) { a.speak(5) })
		s.wantHeard(living, living)
	})
}

// SM10 again. Two parts of a network were partitioned for ten minutes. After the cut ends
// they become one network within seconds. In the half hour after that there is no
// netsplit, and there are no dials except those of the slow rotation.
func TestHealedIslandsAreQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tell(t)
		var dials atomic.Int64
		network := mem.New()
		cast, ips := s.hosts(network, &dials, 12, "10.0.0.1:8495", "10.0.0.12:8495")
		s.wantOverlay(cast, 3)
		time.Sleep(time.Minute)
		network.Cut(ips[:6], ips[6:])
		time.Sleep(10 * time.Minute)
		each(cast, func(a *actor) { a.speak(5) })
		s.wantHeard(cast[:6], cast[:6])
		s.wantHeard(cast[6:], cast[6:])
		// During the cut some nodes may have lost all links. During the merge no node
		// may.
		parted := make(map[*actor]int)
		for _, a := range cast {
			parted[a] = a.times("disconnect")
		}
		network.Heal()
		start := time.Now()
		s.wantHeard(cast, cast)
		s.eventuallyAll(cast, func(a *actor) error {
			if a.times("netsplit") != 1 || a.times("heal") != 1 {
				return fmt.Errorf("saw %d netsplits and %d ends", a.times("netsplit"), a.times("heal"))
			}
			return nil
		})
		t.Logf("one network within %v", time.Since(start))
		time.Sleep(time.Minute)
		before := dials.Load()
		time.Sleep(30 * time.Minute)
		t.Logf("%d dials in half an hour", dials.Load()-before)
		if n := dials.Load() - before; n > 12*30 {
			t.Errorf("%d dials in half an hour", n)
		}
		for _, a := range cast {
			if a.times("netsplit") != 1 || a.times("heal") != 1 {
				t.Errorf("%s saw %d netsplits and %d ends", a.ID().Short(), a.times("netsplit"), a.times("heal"))
			}
			if n := a.times("disconnect"); n != parted[a] {
				t.Errorf("%s was disconnected %d times after the cut", a.ID().Short(), n-parted[a])
			}
		}
		s.wantNever(cast, "gap")
	})
}

// No node listens at the address of the only seed for an hour. Meanwhile the node that
// knows it dials rarely. When the seed starts, the node joins within seconds.
func TestANodeIsAloneForAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tell(t)
		var dials atomic.Int64
		network := mem.New()
		alone := s.start(smoke.Options{
			Address: "10.0.0.1", Port: 8495, Seeds: []string{"10.0.0.2:8495"},
			Transport: dialled{network.Host("10.0.0.1"), &dials},
		})
		network.Host("10.0.0.2") // a host that refuses connections
		time.Sleep(time.Hour)
		t.Logf("%d dials in an hour", dials.Load())
		if n := dials.Load(); n > 3600 {
			t.Errorf("%d dials in an hour", n)
		}
		alone.wantLogged("nobody answers", "10.0.0.2:8495")
		seed := s.start(smoke.Options{Address: "10.0.0.2", Port: 8495, Transport: network.Host("10.0.0.2")})
		start := time.Now()
		alone.peer(seed)
		t.Logf("in within %v", time.Since(start))
		s.wantNever([]*actor{alone}, "netsplit")
		if lost, back := alone.times("seed lost"), alone.times("seed back"); lost != 1 || back != 1 {
			t.Errorf("the seed was lost %d times, and back %d times", lost, back)
		}
	})
}

// exhausted is a transport whose listeners can't accept until a given time, as in a
// process that has run out of descriptors.
type exhausted struct {
	transport.Transport
	until time.Time
	tries *atomic.Int64
}

type exhaustedListener struct {
	net.Listener
	of exhausted
}

// Listen implements transport.Transport.
func (e exhausted) Listen(ctx context.Context, addr string) (net.Listener, error) {
	l, err := e.Transport.Listen(ctx, addr)
	return exhaustedListener{l, e}, err
}

// Accept implements net.Listener.
func (l exhaustedListener) Accept() (net.Conn, error) {
	if time.Now().Before(l.of.until) {
		l.of.tries.Add(1)
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: syscall.EMFILE}
	}
	return l.Listener.Accept()
}

func TestANodeCannotAcceptForAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tell(t)
		var tries atomic.Int64
		network := mem.New()
		ann := s.start(smoke.Options{
			Address: "10.0.0.1", Port: 8495,
			Transport: exhausted{network.Host("10.0.0.1"), time.Now().Add(time.Hour), &tries},
		})
		bob := s.start(smoke.Options{
			Address: "10.0.0.2", Port: 8495, Seeds: []string{"10.0.0.1:8495"}, Transport: network.Host("10.0.0.2"),
		})
		time.Sleep(time.Hour)
		t.Logf("%d tries to accept in an hour", tries.Load())
		if n := tries.Load(); n > 3700 {
			t.Errorf("%d tries to accept in an hour", n)
		}
		ann.wantLogged("can't accept connections for now", "too many open files")
		time.Sleep(2 * time.Minute) // bob dials now and then
		if ann.Peers().Len() != 1 || bob.Peers().Len() != 1 {
			t.Error("they do not meet when ann can accept again")
		}
	})
}
