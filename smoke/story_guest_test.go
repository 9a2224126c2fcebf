package smoke_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/transport/mem"
)

// hiding lists the ways in which a node can be unreachable for dials.
var hiding = []struct {
	name      string
	advertise func(ip string) string
}{
	{"it advertises no address", func(string) string { return smoke.NoAddress }},
	{"nothing listens at its address", func(ip string) string { return ip + ":1" }},
	{"its address leads nowhere", func(string) string { return "192.0.2.7:8495" }},
	{"it advertises the address of another node", func(string) string { return "10.0.0.2:8495" }},
	{"it advertises the address of the seed", func(string) string { return "10.0.0.1:8495" }},
}

// guests starts n nodes that can't be dialled, each on its own host.
func (s *story) guests(network *mem.Network, n int, advertise func(ip string) string, o smoke.Options) (cast []*actor) {
	for i := range n {
		ip := fmt.Sprintf("10.0.1.%d", i+1)
		o.Address, o.Port, o.Transport, o.Advertise = ip, 8495, network.Host(ip), advertise(ip)
		cast = append(cast, s.start(o))
	}
	return cast
}

// Eight nodes that can't be dialled know one seed, which has room for five neighbours.
// All of them get a link, keep it, and receive all events.
func TestNodesThatCannotBeDialledGetIn(t *testing.T) {
	for _, kind := range hiding {
		t.Run(kind.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := tell(t)
				network := mem.New()
				seed := s.start(smoke.Options{Address: "10.0.0.1", Port: 8495, Transport: network.Host("10.0.0.1")})
				guests := s.guests(network, 8, kind.advertise, smoke.Options{Seeds: []string{"10.0.0.1:8495"}})
				time.Sleep(6 * time.Second)
				for range 300 { // half a minute
					seed.speak(1)
					time.Sleep(100 * time.Millisecond)
				}
				s.wantHeard(guests, []*actor{seed})
				s.wantNever(guests, "disconnect", "gap")
				if n, err := seed.Count(context.Background()); n != 9 || err != nil {
					t.Errorf("the seed counts %d nodes: %v", n, err)
				}
				if n := seed.Peers().Len(); n > 5+64 {
					t.Errorf("the seed has %d neighbours", n)
				}
			})
		})
	}
}

// Three nodes can be dialled, and 14 can't. All of these have a link within seconds, and
// keep it.
func TestAMajorityThatCannotBeDialledGetsIn(t *testing.T) {
	for _, kind := range hiding {
		t.Run(kind.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := tell(t)
				network := mem.New()
				var cast []*actor
				for i := range 3 {
					ip := fmt.Sprintf("10.0.0.%d", i+1)
					cast = append(cast, s.start(smoke.Options{Address: ip, Port: 8495, Seeds: []string{"10.0.0.1:8495"}, Transport: network.Host(ip)}))
				}
				guests := s.guests(network, 14, kind.advertise, smoke.Options{Seeds: []string{"10.0.0.1:8495"}})
				cast = append(cast, guests...)
				time.Sleep(10 * time.Second)
				for _, g := range guests {
					if g.Peers().Len() == 0 {
						t.Errorf("%s has no neighbour", g.ID().Short())
					}
				}
				before := make(map[*actor]int) // links may have been replaced while the network formed
				for _, g := range guests {
					before[g] = g.times("disconnect")
				}
				time.Sleep(10 * time.Minute)
				for _, g := range guests {
					if n := g.times("disconnect") - before[g]; n > 0 {
						t.Errorf("%s lost its only link %d times", g.ID().Short(), n)
					}
				}
				each(cast, func(a *actor) { a.speak(5) })
				s.wantHeard(cast, cast)
				if n, err := guests[13].Count(context.Background()); n != 17 || err != nil {
					t.Errorf("the last one counts %d nodes: %v", n, err)
				}
			})
		})
	}
}
