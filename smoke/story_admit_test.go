package smoke_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/transport/mem"
	"github.com/smokesignal-go/smokesignal/trust"
)

// Options.Admit is a function of the program. The node can't end it; it can only stop
// waiting for it. These tests use virtual time, in which computing takes no time.

// host starts a node with a key on its own host, 10.0.0.n.
func (s *story) host(network *mem.Network, n int, o smoke.Options) *actor {
	s.Helper()
	ip := fmt.Sprintf("10.0.0.%d", n)
	o.Address, o.Port, o.Transport = ip, 8495, network.Host(ip)
	if o.Key == nil {
		o.Key = newKey(s)
	}
	return s.start(o)
}

// Admit waits for a directory that is down. After three seconds its context ends, the
// candidate is refused, and the log names Admit as the reason. The next candidate is
// admitted.
func TestAdmitHasThreeSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tell(t)
		network := mem.New()
		took := make(chan time.Duration, 2)
		down := true // the test changes it while no call of Admit runs
		ann := s.host(network, 1, smoke.Options{Admit: func(ctx context.Context, _ trust.Candidate) error {
			if !down {
				return nil
			}
			start := time.Now()
			<-ctx.Done()
			took <- time.Since(start)
			return ctx.Err()
		}})
		bob := s.host(network, 2, smoke.Options{})
		if err := bob.AddPeer(t.Context(), ann.Addr()); err == nil {
			t.Error("bob is admitted")
		}
		if got := <-took; got != 3*time.Second {
			t.Errorf("the rule had %v", got)
		}
		ann.wantLogged("a connection was refused", "the rule Admit has not answered in time")
		if err := ann.AddPeer(t.Context(), bob.Addr()); !errors.Is(err, trust.ErrAdmitLate) || !errors.Is(err, smoke.ErrNotAdmitted) {
			t.Errorf("ann dials bob: %v", err)
		}
		<-took
		down = false
		bob.add(ann)
	})
}

// Admit ignores its context and hangs, once for a connection that the node dialled, and
// once for one that it accepted. Stop does not wait for it, and its error lists both
// calls.
func TestAdmitThatHangsDoesNotDelayStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tell(t)
		network := mem.New()
		release := make(chan struct{})
		asked := make(chan trust.Candidate, 2)
		hangs := func(_ context.Context, c trust.Candidate) error {
			asked <- c
			<-release // only the test can end these calls
			return nil
		}
		ann := s.host(network, 1, smoke.Options{Admit: hangs})
		bob := s.host(network, 2, smoke.Options{Seeds: []string{ann.Addr()}})
		cem := s.host(network, 3, smoke.Options{})
		dialled := make(chan error)
		go func() { dialled <- ann.AddPeer(t.Context(), cem.Addr()) }() // ends with ann; the test waits for it below
		for range 2 {
			<-asked
		}
		start := time.Now()
		left, ok := errors.AsType[*smoke.UndeliveredError](ann.Stop())
		if !ok || !errors.Is(left, smoke.ErrHangs) || len(left.Running) != 2 || !strings.HasPrefix(left.Running[0], "Options.Admit(10.0.0.2:") {
			t.Errorf("stop: %v", left)
		}
		if took := time.Since(start); took > 250*time.Millisecond { // Stop waits this long for calls of Admit
			t.Errorf("stop took %v", took)
		}
		if err := <-dialled; !errors.Is(err, smoke.ErrStopped) {
			t.Errorf("ann dials cem: %v", err)
		}
		if bob.Peers().Len()+cem.Peers().Len() > 0 {
			t.Error("a node was admitted")
		}
		close(release)
	})
}

// Admit takes long for 70 strangers, so all 64 places for handshakes are taken. The next
// node is admitted nevertheless: the node ends the oldest handshakes, and their contexts
// tell Admit so.
func TestSlowAdmitDoesNotBlockOtherNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tell(t)
		network := mem.New()
		bobKey := newKey(t)
		const places, strangers = 1024, 1030 // 1024 handshakes run at once
		ended := make(chan error, strangers)
		ann := s.host(network, 1, smoke.Options{Admit: func(ctx context.Context, c trust.Candidate) error {
			if c.ID == bobKey.ID() {
				return nil
			}
			<-ctx.Done()
			ended <- ctx.Err()
			return ctx.Err()
		}})
		var visiting sync.WaitGroup
		for n := range strangers {
			key := newKey(t)
			guard, err := trust.NewGuard(key, nil, trust.Rules{})
			if err != nil {
				t.Fatal(err)
			}
			if n == places {
				synctest.Wait() // the rule has been asked about each of them
			}
			visiting.Go(func() { // those beyond the places evict others
				conn, err := network.Host(fmt.Sprintf("10.%d.%d.1", 1+n>>8, n&255)).Dial(t.Context(), annAt)
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.Close()
				safe, err := guard.Secure(t.Context(), conn, annAt)
				if err != nil {
					t.Error(err)
					return
				}
				eve := receive(t, safe)
				greeting := hello()
				greeting.ID = key.ID()
				eve.say(greeting)
				eve.untilHungUp()
			})
		}
		synctest.Wait()
		start := time.Now()
		bob := s.host(network, 2, smoke.Options{Key: bobKey})
		bob.add(ann)
		if took := time.Since(start); took >= 3*time.Second {
			t.Errorf("bob waited %v", took)
		}
		visiting.Wait()
		early := 0
		for range strangers {
			if err := <-ended; errors.Is(err, context.Canceled) {
				early++
			}
		}
		if crowd := ann.Stats().Refused.Backlog; early == 0 || early != int(crowd) {
			t.Errorf("%d calls of Admit ended early, and %d connections were evicted", early, crowd)
		}
	})
}
