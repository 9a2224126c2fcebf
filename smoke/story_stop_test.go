package smoke_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// SM13. In the original, stop throws if there is a peer. In ours Stop returns, the port
// is free, and no goroutine is left (TestMain checks that). The same node can start
// again, and then sends and receives events.
func TestANodeStopsAndStartsAgain(t *testing.T) {
	s := tell(t)
	bob := s.start(smoke.Options{})
	ann := s.start(smoke.Options{Port: freePort(t), Seeds: []string{bob.Addr()}})
	addr := ann.Addr()
	for round := range 3 {
		ann.peer(bob)
		bob.peer(ann)
		ann.speak(5)
		bob.speak(5)
		s.eventually("both have heard", func() bool {
			return bob.from(ann.ID()).last == ann.spoken && ann.from(bob.ID()).last == bob.spoken
		})
		if err := ann.Stop(); err != nil {
			t.Fatalf("round %d: stop: %v", round, err)
		}
		if n := ann.Peers().Len(); n != 0 || ann.times("disconnect") != round+1 {
			t.Errorf("stopped, with %d neighbours and after %d disconnects", n, ann.times("disconnect"))
		}
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Fatalf("the port is not free: %v", err)
		}
		l.Close()
		for _, err := range []error{
			ann.Broadcast().Emit("word", 0),
			ann.AddPeer(t.Context(), bob.Addr()),
			ann.RemovePeer(bob.ID()),
		} {
			if !errors.Is(err, smoke.ErrStopped) {
				t.Errorf("a stopped node returns %v", err)
			}
		}
		if err := ann.Stop(); err != nil {
			t.Errorf("a second stop: %v", err)
		}
		if err := ann.Start(); err != nil {
			t.Fatalf("round %d: start: %v", round, err)
		}
		if ann.Addr() != addr {
			t.Errorf("listens on %s, before on %s", ann.Addr(), addr)
		}
	}
}

// A node that was never started can be stopped, and started afterwards.
func TestStopBeforeStart(t *testing.T) {
	s := tell(t)
	ann := s.create(smoke.Options{})
	if err := ann.Stop(); err != nil {
		t.Error(err)
	}
	if err := ann.Broadcast().Emit("word", 0); !errors.Is(err, smoke.ErrNotStarted) {
		t.Errorf("emit: %v", err)
	}
	if err := ann.Start(); err != nil {
		t.Error(err)
	}
}

// Stop may be called from a handler and from a hook. Stop returns, and no handler runs
// after the one that called it.
func TestStopInsideAHandler(t *testing.T) {
	for _, test := range []struct {
		where string
		hook  func(a *actor, here func())
	}{
		{"a handler", func(a *actor, here func()) { a.Broadcast().On("stop", here) }},
		{"the hook of a new peer", func(a *actor, here func()) { a.Peers().OnAdd(func(*smoke.Peer) { here() }) }},
		{"a handler of a peer", func(a *actor, here func()) {
			a.Peers().OnAdd(func(p *smoke.Peer) { p.On("stop", here) })
		}},
	} {
		t.Run(test.where, func(t *testing.T) {
			s := tell(t)
			ann, bob := s.start(smoke.Options{}), s.start(smoke.Options{})
			stopped := make(chan error, 1)
			over := false
			test.hook(ann, func() {
				stopped <- ann.Stop()
				over = true
			})
			ann.Broadcast().On("after", func() {
				if over {
					t.Error("a handler runs on a stopped node")
				}
			})
			if err := bob.AddPeer(t.Context(), ann.Addr()); err != nil {
				t.Error(err)
			}
			for _, err := range []error{
				bob.Broadcast().Emit("stop"),
				bob.Broadcast().Emit("after"),
			} {
				if err != nil {
					t.Error(err)
				}
			}
			if p, ok := bob.Peers().Get(ann.ID()); ok {
				if err := p.Emit("stop"); err != nil && !errors.Is(err, smoke.ErrPeerGone) {
					t.Error(err)
				}
			}
			if err := wait(t, "the end of Stop", stopped); err != nil {
				t.Errorf("stop: %v", err)
			}
			s.eventually("bob is alone", func() bool { return bob.Peers().Len() == 0 })
		})
	}
}

// A node stops while four goroutines emit. Emit returns ErrStopped to each of them. All
// events that were emitted before are delivered, since Stop returns nil.
func TestStopUnderLoad(t *testing.T) {
	s := tell(t)
	ann := s.start(smoke.Options{})
	bob := s.create(smoke.Options{Seeds: []string{ann.Addr()}})
	next := make([]int, 4) // the next number of each emitter; only bob's handlers use it
	bob.Broadcast().On("load", func(emitter, n int, _ string) {
		if n != next[emitter] {
			t.Errorf("emitter %d: event %d comes when it is the turn of %d", emitter, n, next[emitter])
		}
		next[emitter] = n + 1
	})
	if err := bob.Start(); err != nil {
		t.Fatal(err)
	}
	ann.peer(bob)
	emitted := make([]int, 4)
	enough := make(chan struct{})
	var wg sync.WaitGroup
	for emitter := range emitted {
		wg.Go(func() {
			ballast := strings.Repeat("x", 1000)
			for n := 0; ; n++ {
				switch err := ann.Broadcast().Emit("load", emitter, n, ballast); {
				case errors.Is(err, smoke.ErrStopped):
					return
				case err != nil:
					t.Errorf("emit: %v", err)
					return
				}
				emitted[emitter] = n + 1
				if emitter == 0 && n == 1000 {
					close(enough)
				}
			}
		})
	}
	wait(t, "a thousand events", enough)
	start := time.Now()
	if err := ann.Stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	t.Logf("stopped within %v", time.Since(start))
	wg.Wait()
	s.end() // bob handles what has arrived
	for emitter, n := range emitted {
		if next[emitter] != n {
			t.Errorf("emitter %d emitted %d events, and bob heard %d", emitter, n, next[emitter])
		}
	}
	s.wantNever([]*actor{bob}, "gap")
}

// If the context of Shutdown has ended, its error has the number of bytes left in
// the outboxes: here those for a peer that reads nothing.
func TestShutdownReportsWhatWasNotSent(t *testing.T) {
	s := tell(t)
	ann := s.start(smoke.Options{})
	ann.burden()
	expired, cancel := context.WithCancel(t.Context())
	cancel()
	err := ann.Shutdown(expired)
	left, ok := errors.AsType[*smoke.UndeliveredError](err)
	if !ok || left.Bytes == 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("shutdown: %v", err)
	}
}

// If the context of Shutdown has ended, its error has the number of events that the
// handlers did not get.
func TestShutdownReportsWhatWasNotHandled(t *testing.T) {
	s := tell(t)
	ann, bob := s.start(smoke.Options{}), s.start(smoke.Options{})
	inside, leave := make(chan struct{}), make(chan struct{})
	var once sync.Once
	bob.Broadcast().On("word", func() {
		once.Do(func() { close(inside) })
		<-leave
	})
	ann.add(bob)
	ann.speak(10)
	wait(t, "a handler that does not return", inside)
	expired, cancel := context.WithCancel(t.Context())
	cancel()
	done := make(chan error)
	go func() { done <- bob.Shutdown(expired) }() // the test waits at done
	err := wait(t, "the end of Shutdown, whatever the handler does", done)
	close(leave)
	left, ok := errors.AsType[*smoke.UndeliveredError](err)
	if !ok || left.Events == 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("shutdown: %v", err)
	}
}

// Run starts the node, and stops it when its context ends.
func TestRunEndsWithItsContext(t *testing.T) {
	s := tell(t)
	ann, bob := s.create(smoke.Options{}), s.start(smoke.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- ann.Run(ctx) }() // the test waits at done
	s.eventually("ann listens", func() bool { return ann.Addr() != "" })
	bob.add(ann)
	cancel()
	if err := wait(t, "the end of Run", done); err != nil {
		t.Errorf("run: %v", err)
	}
	s.eventually("bob is alone", func() bool { return bob.Peers().Len() == 0 })
	bad := s.create(smoke.Options{Port: portOf(t, bob.Addr())})
	if err := bad.Run(t.Context()); err == nil {
		t.Error("run on a port in use: no error")
	}
}

// Two goroutines stop a node, and a third starts it again. Both Stops return only after
// the node has stopped, and the new life works.
func TestStopReturnsWhenTheNodeHasStopped(t *testing.T) {
	s := tell(t)
	bob := s.start(smoke.Options{})
	ann := s.start(smoke.Options{Port: freePort(t), Seeds: []string{bob.Addr()}})
	for range 20 {
		ann.peer(bob)
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				if err := ann.Stop(); err != nil {
					t.Errorf("stop: %v", err)
				}
				if n := ann.Peers().Len(); n != 0 {
					t.Errorf("stopped, with %d neighbours", n)
				}
			})
		}
		wg.Wait()
		if err := ann.Start(); err != nil {
			t.Fatal(err)
		}
	}
	ann.peer(bob)
	wantWell(s, bob)
	bob.speak(1)
	s.eventually("ann hears", func() bool { return ann.from(bob.ID()).last == bob.spoken })
}

// Start fails while the node is stopping. The first Start after that begins a life that
// is independent of the old one.
func TestStartDuringStop(t *testing.T) {
	s := tell(t)
	bob := s.start(smoke.Options{})
	ann := s.start(smoke.Options{Port: freePort(t), Seeds: []string{bob.Addr()}})
	for range 20 {
		ann.peer(bob)
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := ann.Stop(); err != nil {
				t.Errorf("stop: %v", err)
			}
		})
		for started := false; !started; {
			switch err := ann.Start(); {
			case err == nil:
				started = true
			case !errors.Is(err, smoke.ErrStarted) && !errors.Is(err, smoke.ErrStopping):
				t.Fatal(err)
			}
		}
		wg.Wait()
		ann.peer(bob)
		bob.peer(ann)
		bob.speak(1)
		s.eventually("ann hears", func() bool { return ann.from(bob.ID()).last == bob.spoken })
	}
}

// The last events of a node arrive together with its goodbye. The handlers get the events
// first, and then the hooks report that the node is gone.
func TestTheLastEventsAreDeliveredBeforeOnRemove(t *testing.T) {
	s := tell(t)
	ann := s.create(smoke.Options{})
	order := make(chan string, 4)
	ann.Broadcast().On("word", func(text string) { order <- text })
	ann.Peers().OnRemove(func(*smoke.Peer) { order <- "removed" })
	ann.OnDisconnect(func() { order <- "disconnected" })
	if err := ann.Start(); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		bob := s.start(smoke.Options{})
		if err := bob.AddPeer(t.Context(), ann.Addr()); err != nil {
			t.Fatal(err)
		}
		if err := bob.Broadcast().Emit("word", "farewell"); err != nil {
			t.Fatal(err)
		}
		if err := bob.Stop(); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"farewell", "removed", "disconnected"} {
			select {
			case got := <-order:
				if got != want {
					t.Fatalf("%s before %s", got, want)
				}
			case <-time.After(soon):
				t.Fatalf("no %s", want)
			}
		}
	}
}
