package smoke_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/transport/mem"
)

// Events that no neighbour has taken are lost when the node stops. These tests run in
// virtual time.

// at returns the address of a node on a host of a network in memory.
func at(ip string) string { return ip + ":8495" }

// on starts a node on a host of a network in memory.
func (s *story) on(network *mem.Network, ip string, o smoke.Options) *actor {
	s.Helper()
	o.Address, o.Port, o.Transport = ip, 8495, network.Host(ip)
	return s.start(o)
}

// unsent returns the number of events that no neighbour has taken, according to an error
// of Stop.
func unsent(err error) int {
	if left, ok := errors.AsType[*smoke.UndeliveredError](err); ok {
		return left.Unsent
	}
	return 0
}

// A program starts, emits and stops at once. Its seed receives the events.
func TestEventsOfAShortProgramAreDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tell(t)
		network := mem.New()
		seed := s.on(network, "10.0.0.1", smoke.Options{})
		for n := range 10 {
			short := s.create(smoke.Options{
				Address: "10.0.0.2", Port: 8495 + n, Transport: network.Host("10.0.0.2"), Seeds: []string{"10.0.0.9:8495", at("10.0.0.1")},
			})
			if err := short.Start(); err != nil {
				t.Fatal(err)
			}
			short.speak(3)
			if err := short.Stop(); err != nil {
				t.Errorf("stop: %v", err)
			}
			synctest.Wait()
			if got := seed.from(short.ID()).last; got != 3 {
				t.Errorf("program %d: the seed heard %d of 3 words", n, got)
			}
		}
	})
}

// The same holds if the seed is a name.
func TestEventsOfAShortProgramAreDeliveredToANamedSeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tell(t)
		network := mem.New()
		seed := s.on(network, "10.0.0.1", smoke.Options{})
		short := s.on(network, "10.0.0.2", smoke.Options{
			Seeds: []string{"dns://seeds:8495"}, Resolver: lookup(func() []string { time.Sleep(time.Second / 2); return []string{at("10.0.0.1")} }),
		})
		short.speak(1)
		if err := short.Stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
		synctest.Wait()
		if seed.from(short.ID()).last != 1 {
			t.Error("the seed heard nothing")
		}
	})
}

// There is no node that could take the events. Stop reports them: at once if there are no
// seeds or if these refuse, and after two seconds if they do not answer.
func TestStopReportsEventsThatNoNodeTook(t *testing.T) {
	for _, test := range []struct {
		what  string
		seeds []string
		least time.Duration
		most  time.Duration
	}{
		{"no seed", nil, 0, 0},
		{"itself", []string{at("10.0.0.2")}, 0, 10 * time.Millisecond},
		{"a dead seed", []string{at("10.0.0.1")}, 0, 10 * time.Millisecond},
	} {
		t.Run(test.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := tell(t)
				network := mem.New()
				s.on(network, "10.0.0.1", smoke.Options{}).Stop()
				ann := s.on(network, "10.0.0.2", smoke.Options{Seeds: test.seeds})
				ann.speak(4)
				began := time.Now()
				err := ann.Stop()
				if unsent(err) != 4 || !errors.Is(err, smoke.ErrAlone) {
					t.Errorf("stop: %v", err)
				}
				if took := time.Since(began); took < test.least || took > test.most {
					t.Errorf("stop took %v", took)
				}
			})
		})
	}
}

// A seed accepts connections and sends nothing. Stop waits for it, for two seconds at
// most. Shutdown waits until its context ends.
func TestStopDoesNotWaitLongForASilentSeed(t *testing.T) {
	for _, within := range []time.Duration{0, 500 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			s := tell(t)
			network := mem.New()
			silent, err := network.Host("10.0.0.1").Listen(t.Context(), at("10.0.0.1"))
			if err != nil {
				t.Fatal(err)
			}
			defer silent.Close()
			ann := s.on(network, "10.0.0.2", smoke.Options{Seeds: []string{at("10.0.0.1")}})
			ann.speak(1)
			began := time.Now()
			most := 3 * time.Second
			if within > 0 {
				ctx, cancel := context.WithTimeout(t.Context(), within)
				defer cancel()
				err, most = ann.Shutdown(ctx), within+300*time.Millisecond
			} else {
				err = ann.Stop()
			}
			if unsent(err) != 1 {
				t.Errorf("stop: %v", err)
			}
			if took := time.Since(began); took > most {
				t.Errorf("stop took %v", took)
			}
		})
	}
}

// A node without neighbours emits more than its history holds, and gets a neighbour
// later. Stop reports the events that no neighbour could take. Events that a neighbour
// has taken are not lost, even if that neighbour is gone.
func TestStopReportsEventsThatLeftTheHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tell(t)
		network := mem.New()
		ann := s.on(network, "10.0.0.1", smoke.Options{History: smoke.History{Age: time.Minute}})
		ann.speak(5)
		time.Sleep(2 * time.Minute)
		ann.speak(2)
		bob := s.on(network, "10.0.0.2", smoke.Options{Seeds: []string{at("10.0.0.1")}})
		s.eventually("bob hears the last words", func() bool { return bob.from(ann.ID()).last == 7 })
		if err := bob.Stop(); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Hour)
		began := time.Now()
		if err := ann.Stop(); unsent(err) != 5 {
			t.Errorf("stop: %v", err)
		}
		if took := time.Since(began); took > 0 {
			t.Errorf("stop took %v, although no node can take the events any more", took)
		}
	})
}

// If a neighbour has taken all events, Stop returns nil at once.
func TestStopIsQuickIfAllEventsWereTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tell(t)
		network := mem.New()
		ann := s.on(network, "10.0.0.1", smoke.Options{})
		bob := s.on(network, "10.0.0.2", smoke.Options{Seeds: []string{at("10.0.0.1")}})
		s.eventually("they are linked", func() bool { return ann.Peers().Len() == 1 && bob.Peers().Len() == 1 })
		ann.speak(5)
		s.eventually("bob hears", func() bool { return bob.from(ann.ID()).last == 5 })
		began := time.Now()
		if err := ann.Stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
		if took := time.Since(began); took > 10*time.Millisecond {
			t.Errorf("stop took %v", took)
		}
	})
}

// If the context has ended, each call sends nothing and returns the error of the context.
func TestAnEndedContextSendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tell(t)
		network := mem.New()
		ann := s.on(network, "10.0.0.1", smoke.Options{})
		bob := s.on(network, "10.0.0.2", smoke.Options{Seeds: []string{at("10.0.0.1")}})
		s.eventually("they are linked", func() bool { return ann.Peers().Len() == 1 && bob.Peers().Len() == 1 })
		bob.Broadcast().OnAny(func(smoke.Event) { t.Error("an event was sent") })
		cause := errors.New("the cause of the end")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		peer, _ := ann.Peers().Get(bob.ID())
		_, count := ann.Count(ctx)
		_, survey := ann.Survey(ctx, func(smoke.NodeInfo) { t.Error("a survey was made") })
		for what, err := range map[string]error{
			"EmitContext":      ann.Broadcast().EmitContext(ctx, "x"),
			"Peer.EmitContext": peer.EmitContext(ctx, "x"),
			"AddPeer":          ann.AddPeer(ctx, "10.0.0.3:8495"),
			"Count":            count,
			"Survey":           survey,
			"Run":              s.create(smoke.Options{}).Run(ctx),
		} {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", what, err)
			}
		}
		time.Sleep(time.Second)
		if got := ann.Stats(); got.Emitted != 0 || got.DialsFailed != 0 {
			t.Errorf("%d events, %d dials", got.Emitted, got.DialsFailed)
		}
		if err := ann.Shutdown(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("shutdown: %v", err)
		}
		if err := ann.Broadcast().Emit("x"); !errors.Is(err, smoke.ErrStopped) {
			t.Errorf("the node still runs: %v", err)
		}
	})
}

// Run returns when another goroutine stops the node.
func TestRunEndsWithTheNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tell(t)
		ann := s.create(smoke.Options{Address: "10.0.0.1", Port: 8495, Transport: mem.New().Host("10.0.0.1")})
		ran := make(chan error)
		go func() { ran <- ann.Run(t.Context()) }() // the test waits for it below
		synctest.Wait()
		if err := ann.Stop(); err != nil {
			t.Error(err)
		}
		if err := <-ran; err != nil {
			t.Errorf("run: %v", err)
		}
	})
}
