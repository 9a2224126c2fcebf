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

// What a node has emitted and no neighbour has taken is lost when it stops. These are
// told in virtual time.

// at is the address of a host of a network in memory.
func at(ip string) string { return ip + ":8495" }

// on starts a node on a host of a network in memory.
func (s *story) on(network *mem.Network, ip string, o smoke.Options) *actor {
	s.Helper()
	o.Address, o.Port, o.Transport = ip, 8495, network.Host(ip)
	return s.start(o)
}

// unsent is the number of events that an error says reached no neighbour.
func unsent(err error) int {
	if left, ok := errors.AsType[*smoke.UndeliveredError](err); ok {
		return left.Unsent
	}
	return 0
}

// A short program starts, emits and stops. Its seed lives, and hears what it says.
func TestAShortProgramIsHeard(t *testing.T) {
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

// The seed of a short program is a name.
func TestAShortProgramIsHeardBySeedsThatHaveAName(t *testing.T) {
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

// No node is there that could take what is said. Stop says so: at once without seeds or
// with those that refuse, and after two seconds where nothing answers.
func TestStopSaysWhatNobodyTook(t *testing.T) {
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

// A seed takes connections and says nothing. Stop waits for it, for two seconds at most,
// and Shutdown no longer than its context.
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

// A node that is alone says more than its history holds, and has neighbours later. What
// none of them could take is known at the end. What one of them has taken is not lost,
// even if that one is dead by then.
func TestStopSaysWhatTheHistoryHasForgotten(t *testing.T) {
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
			t.Errorf("stop took %v for what can't be taken any more", took)
		}
	})
}

// A neighbour has taken everything: Stop waits for nothing, and there is no error.
func TestStopIsQuickWhereNothingWaits(t *testing.T) {
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

// A context that has ended sends nothing, and its error is that of the call.
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
			t.Errorf("the node goes on: %v", err)
		}
	})
}

// Run returns when another goroutine stops the node.
func TestRunEndsWithTheNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tell(t)
		ann := s.create(smoke.Options{Address: "10.0.0.1", Port: 8495, Transport: mem.New().Host("10.0.0.1")})
		ran := make(chan error)
		go func() { ran <- ann.Run(t.Context()) }() // the test's, which waits for it below
		synctest.Wait()
		if err := ann.Stop(); err != nil {
			t.Error(err)
		}
		if err := <-ran; err != nil {
			t.Errorf("run: %v", err)
		}
	})
}
