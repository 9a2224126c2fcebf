package smoke_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/transport"
	"github.com/smokesignal-go/smokesignal/transport/mem"
)

// refused records the calls of OnRefused.
type refused struct {
	mu   sync.Mutex // guards list
	list []smoke.Refusal
}

func (r *refused) all() []smoke.Refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.list
}

func (a *actor) hearsRefusals() *refused {
	r := new(refused)
	a.OnRefused(func(x smoke.Refusal) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.list = append(r.list, x)
	})
	return r
}

const (
	oneSecret   = "fQuYZxKj4Y5aCrDFR4bZdc7dUGUQ8YlnRcLYt2uZq18="
	otherSecret = "oxyOLtc1uqqo+HWQ4B6eBVYDgOJ272AutpMIiOGrYuc="
)

// If no node admits this node, OnRefused and Refusal report the reason, for each kind of
// reason. After the node has a link, they report nothing.
func TestANodeThatIsRefusedEverywhereReportsIt(t *testing.T) {
	for _, c := range []struct {
		name        string
		seed, guest smoke.Options
		want        error
	}{
		{"the seed is full", smoke.Options{MinPeers: 1, MaxPeers: 1, MaxGuests: -1}, smoke.Options{Advertise: smoke.NoAddress}, smoke.ErrPeerFull},
		{"another secret", smoke.Options{Secret: oneSecret}, smoke.Options{Secret: otherSecret}, smoke.ErrNotAdmitted},
		{"another network", smoke.Options{Network: "one"}, smoke.Options{Network: "other"}, smoke.ErrOtherNetwork},
		{"plaintext to an encrypted one", smoke.Options{Secret: oneSecret}, smoke.Options{}, smoke.ErrPlaintext},
		{"nobody answers", smoke.Options{Port: 8496}, smoke.Options{}, smoke.ErrNobodyAnswers},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := tell(t)
				network := mem.New()
				at := func(i int, o smoke.Options) smoke.Options {
					ip := fmt.Sprintf("10.0.0.%d", i)
					o.Address, o.Transport = ip, network.Host(ip)
					if o.Port == 0 {
						o.Port = 8495
					}
					return o
				}
				s.start(at(1, c.seed))
				if c.want == smoke.ErrPeerFull { // this node takes the only place
					first := c.guest
					first.Seeds = []string{"10.0.0.1:8495"}
					s.start(at(2, first))
					time.Sleep(5 * time.Second)
				}
				c.guest.Seeds = []string{"10.0.0.1:8495"}
				guest := s.create(at(3, c.guest))
				refusals := guest.hearsRefusals()
				if err := guest.Start(); err != nil {
					t.Fatal(err)
				}
				time.Sleep(4 * time.Second)
				if _, ok := guest.Refusal(); ok || len(refusals.all()) > 0 {
					t.Error("it reports a refusal within the first seconds")
				}
				time.Sleep(time.Minute)
				all := refusals.all()
				if len(all) != 1 {
					t.Fatalf("OnRefused ran %d times: %v", len(all), all)
				}
				r, ok := guest.Refusal()
				if !ok || !errors.Is(r.Err, c.want) || !errors.Is(all[0].Err, c.want) {
					t.Errorf("the reason is %v, and the hook had %v; want %v", r.Err, all[0].Err, c.want)
				}
				if len(r.Tried) != 1 || r.Tried[0].Addr != "10.0.0.1:8495" || !strings.Contains(r.String(), "10.0.0.1:8495") {
					t.Errorf("tried %v", r)
				}
				if n := guest.Stats().ShutOut; n != 1 {
					t.Errorf("Stats().ShutOut is %d", n)
				}
				guest.wantLogged("this node has no neighbour and is refused everywhere; still looking", c.want.Error())
				if d := guest.times("connect"); d != 0 {
					t.Error("it has connected")
				}
				friend := s.start(at(4, smoke.Options{Seeds: []string{"10.0.0.3:8495"}, Secret: c.guest.Secret, Network: c.guest.Network}))
				time.Sleep(10 * time.Second)
				if _, ok := guest.Refusal(); ok || guest.Peers().Len() == 0 {
					t.Errorf("it reports a refusal although it has %d neighbours, %d of %s", guest.Peers().Len(), friend.Peers().Len(), friend.ID().Short())
				}
				time.Sleep(time.Minute)
				if n := len(refusals.all()); n != 1 {
					t.Errorf("OnRefused ran %d times", n)
				}
			})
		})
	}
}

// A seed without neighbours has not been refused by a node.
func TestASeedThatWaitsIsNotRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tell(t)
		network := mem.New()
		seed := s.start(smoke.Options{Address: "10.0.0.1", Port: 8495, Seeds: []string{"10.0.0.1:8495"}, Transport: network.Host("10.0.0.1")})
		time.Sleep(time.Minute)
		if r, ok := seed.Refusal(); ok || seed.Stats().ShutOut > 0 {
			t.Errorf("it is %v", r)
		}
	})
}

// The program may change a Refusal that it has received. The change affects no other
// Refusal.
func TestARefusalBelongsToTheProgram(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tell(t)
		network := mem.New()
		guest := s.create(smoke.Options{Address: "10.0.0.1", Port: 8495, Seeds: []string{"10.0.0.2:8495"}, Transport: network.Host("10.0.0.1")})
		spoil := func(r smoke.Refusal) {
			*r.Tried[0] = smoke.DialError{}
			r.Tried[0] = nil
		}
		guest.OnRefused(spoil)
		if err := guest.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		for range 2 {
			r, ok := guest.Refusal()
			if !ok || len(r.Tried) != 1 || r.Tried[0] == nil || r.Tried[0].Addr != "10.0.0.2:8495" || r.Tried[0].Err == nil {
				t.Fatalf("it is %v", r)
			}
			spoil(r)
		}
	})
}

// dead is a transport of a program. Nothing answers, and its errors call the program.
type dead struct {
	transport.Transport
	called func()
}

func (d dead) Dial(context.Context, string) (net.Conn, error) { return nil, deadError(d) }

type deadError dead

func (e deadError) Error() string { e.called(); return "dead" }

// The node calls the methods of a program's error without a lock: they may call the node.
func TestAnErrorOfATransportMayCallTheNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tell(t)
		var guest *actor
		var calls atomic.Int64
		broken := dead{mem.New().Host("10.0.0.1"), func() {
			guest.Stats()
			guest.Refusal()
			guest.Advertised()
			calls.Add(1)
		}}
		guest = s.create(smoke.Options{Address: "10.0.0.1", Port: 8495, Seeds: []string{"10.0.0.2:8495"}, Transport: broken})
		if err := guest.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		guest.wantLogged("this node has no neighbour and is refused everywhere; still looking", "dead")
		if r, ok := guest.Refusal(); !ok || r.Err.Error() != "dead" || calls.Load() == 0 {
			t.Errorf("it is %v, after %d calls", r, calls.Load())
		}
	})
}

// The program's logger gets the errors of this package, not those of an internal one.
func TestTheLogHasPublicErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tell(t)
		log, hook := logtest.NewNullLogger()
		log.SetLevel(logrus.DebugLevel)
		guest := s.create(smoke.Options{Address: "10.0.0.1", Port: 8495, Seeds: []string{"10.0.0.2:8495"}, Transport: mem.New().Host("10.0.0.1"), Logger: log})
		if err := guest.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		dials := 0
		for _, e := range hook.AllEntries() {
			err, ok := e.Data["error"].(error)
			if !ok || e.Data["tried"] != nil {
				continue
			}
			if dial, ok := errors.AsType[*smoke.DialError](err); !ok || dial.Addr != "10.0.0.2:8495" {
				t.Errorf("%s: the error is a %T: %v", e.Message, err, err)
			}
			dials++
		}
		if dials == 0 {
			t.Error("no dial is in the log")
		}
	})
}

// A link of AddPeer stays for ten minutes, while both ends replace other links.
func TestALinkOfAddPeerIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tell(t)
		network := mem.New()
		var cast []*actor
		for i := range 16 {
			ip := fmt.Sprintf("10.0.0.%d", i+1)
			cast = append(cast, s.start(smoke.Options{Address: ip, Port: 8495, Seeds: []string{"10.0.0.1:8495"}, Transport: network.Host(ip)}))
		}
		s.wantOverlay(cast, 3)
		time.Sleep(time.Minute)
		for i := range 3 {
			a, b := cast[2+i], cast[8+i]
			for range 600 { // until both nodes have a free place
				if err := a.AddPeer(t.Context(), b.Addr()); err == nil {
					break
				}
				time.Sleep(time.Second)
			}
			if !a.Peers().Has(b.ID()) {
				t.Fatalf("pair %d found no room", i)
			}
		}
		before := 0
		for _, a := range cast {
			before += a.times("remove")
		}
		for range 600 {
			time.Sleep(time.Second)
			for i := range 3 {
				if a, b := cast[2+i], cast[8+i]; !a.Peers().Has(b.ID()) || !b.Peers().Has(a.ID()) {
					t.Fatalf("the link of pair %d is gone", i)
				}
			}
		}
		after := 0
		for _, a := range cast {
			after += a.times("remove")
		}
		if after == before {
			t.Error("no link was replaced, so this test proves nothing")
		}
		if err := cast[2].RemovePeer(cast[8].ID()); err != nil || cast[2].Peers().Has(cast[8].ID()) {
			t.Errorf("the program cannot end it: %v", err)
		}
	})
}

// A program can add a neighbour again right after it removed it. For a minute, the node
// does not accept the removed node if that node dials, even after a restart.
func TestARemovedPeerMayBeAddedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tell(t)
		network := mem.New()
		ann := s.on(network, "10.0.0.1", smoke.Options{})
		bob := s.on(network, "10.0.0.2", smoke.Options{Seeds: []string{at("10.0.0.1")}})
		s.on(network, "10.0.0.3", smoke.Options{Seeds: []string{at("10.0.0.1"), at("10.0.0.2")}})
		bob.peer(ann)
		for round := range 3 {
			if err := ann.RemovePeer(bob.ID()); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			time.Sleep(time.Duration(round) * time.Second)
			if err := bob.AddPeer(t.Context(), at("10.0.0.1")); !errors.Is(err, smoke.ErrRefused) {
				t.Errorf("round %d: the removed one adds the other: %v", round, err)
			}
			if err := ann.AddPeer(t.Context(), at("10.0.0.2")); err != nil {
				t.Errorf("round %d: %v", round, err)
			}
		}
		if err := ann.RemovePeer(bob.ID()); err != nil {
			t.Fatal(err)
		}
		if err := bob.Stop(); err != nil {
			t.Error(err)
		}
		if err := bob.Start(); err != nil {
			t.Fatal(err)
		}
		if err := bob.AddPeer(t.Context(), at("10.0.0.1")); !errors.Is(err, smoke.ErrRefused) {
			t.Errorf("the removed one starts again, and adds the other: %v", err)
		}
		time.Sleep(61 * time.Second)
		if err := bob.AddPeer(t.Context(), at("10.0.0.1")); err != nil {
			t.Errorf("a minute later: %v", err)
		}
	})
}

// A node that has never dialled another node is stopped, and started again at another port.
// It finds the nodes that had dialled it. So does a new process with the same StateFile.
func TestANodeThatNeverDialledComesBack(t *testing.T) {
	for _, withFile := range []bool{false, true} {
		t.Run(fmt.Sprintf("with a file: %v", withFile), func(t *testing.T) {
			s := tell(t)
			o := smoke.Options{Network: t.Name()}
			if withFile {
				o.StateFile = t.TempDir() + "/state"
			}
			ann := s.start(o)
			bob := s.start(smoke.Options{Network: t.Name(), Seeds: []string{ann.Addr()}})
			bob.peer(ann)
			ann.peer(bob)
			old := ann.Addr()
			if err := ann.Stop(); err != nil {
				t.Fatal(err)
			}
			taken := s.start(smoke.Options{Network: "another", Port: portOf(t, old)}) // ann can't listen there again
			_ = taken
			if withFile {
				ann = s.start(o)
			} else if err := ann.Start(); err != nil {
				t.Fatal(err)
			}
			if ann.Addr() == old {
				t.Fatalf("it got %s again", old)
			}
			ann.peer(bob)
		})
	}
}
