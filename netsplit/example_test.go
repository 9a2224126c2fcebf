package netsplit_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/netsplit"
)

// actions prints the actions that a Watch requests. A real owner dials, sends and looks
// up names.
type actions struct{ dialled string }

func (*actions) Send(_ ident.Link, m netsplit.Message) { fmt.Printf("send %T\n", m) }
func (a *actions) Dial(addr string)                    { a.dialled = addr; fmt.Println("dial", addr) }
func (*actions) Close(l ident.Link)                    { fmt.Println("close", l) }
func (*actions) Bridge(l ident.Link)                   { fmt.Println("bridge", l) }
func (*actions) Resolve(name string)                   { fmt.Println("resolve", name) }
func (*actions) SetSeeds(addrs []string)               { fmt.Println("seeds", addrs) }
func (*actions) Notify(n netsplit.Notice)              { fmt.Printf("notice %T\n", n) }

// A Watch probes a seed whose beacon it does not hear. The seed hears another beacon, so
// it is in another part of the network, and the link to it becomes a bridge.
func ExampleWatch() {
	now := time.Unix(0, 0)
	w := netsplit.NewWatch(netsplit.Config{
		Self: ident.Origin{ID: ident.ID{9}, Epoch: 1}, Addr: "10.0.0.9:8495",
		Seeds: []string{"seed:8495"}, Rand: rand.New(rand.NewPCG(1, 1)),
	})
	out := &actions{}
	w.Start(now, out)
	w.Resolved(now, "seed:8495", []string{"10.0.0.1:8495"}, nil, out)
	w.NeighborUp(now, 1, ident.ID{8}, "10.0.0.8:8495", "", false, out)

	// This node hears only the beacons of node 8. The owner calls Advance at each
	// Deadline.
	beacon := uint64(0)
	untilDial := func() {
		for out.dialled = ""; out.dialled == ""; w.Advance(now, out) {
			beacon++
			w.Handle(now, 1, &netsplit.Beacon{Origin: ident.Origin{ID: ident.ID{8}, Epoch: 1}, Count: beacon}, out)
			now, _ = w.Deadline()
		}
	}
	for now.Before(time.Unix(15, 0)) { // the network is cut
		untilDial()
		w.DialFailed(now, out.dialled, errors.New("no answer"), out)
	}
	untilDial() // the cut is over
	w.LinkUp(now, 2, ident.ID{1}, out.dialled, out)
	w.Handle(now, 2, &netsplit.ProbeReply{Known: []netsplit.Sighting{{ID: ident.ID{1}}}, Settled: time.Hour}, out)
	// Output:
	// resolve seed:8495
	// seeds []
	// seeds [10.0.0.1:8495]
	// send *netsplit.ProbeReply
	// dial 10.0.0.1:8495
	// dial 10.0.0.1:8495
	// notice netsplit.SeedLost
	// dial 10.0.0.1:8495
	// resolve seed:8495
	// dial 10.0.0.1:8495
	// send *netsplit.Probe
	// notice netsplit.SeedBack
	// bridge 2
}
