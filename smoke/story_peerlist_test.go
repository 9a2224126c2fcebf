package smoke_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/transport/mem"
)

// Programs can read the list of neighbours and not change it.
func TestTheListOfPeersHasNoMutators(t *testing.T) {
	var names []string
	for method := range reflect.TypeFor[*smoke.Peerlist]().Methods() {
		names = append(names, method.Name)
	}
	want := []string{"All", "Get", "Has", "IsFilled", "IsFull", "Len", "Max", "Min", "OnAdd", "OnRemove", "Wait"}
	if !slices.Equal(names, want) {
		t.Errorf("methods %q", names)
	}
	for n := range reflect.TypeFor[smoke.Peerlist]().NumField() {
		if f := reflect.TypeFor[smoke.Peerlist]().Field(n); f.IsExported() {
			t.Errorf("field %s is exported", f.Name)
		}
	}
	node := smoke.CreateNode(smoke.Options{Network: storyNetwork, MinPeers: 2, MaxPeers: 7})
	if l := node.Peers(); l.Min() != 2 || l.Max() != 7 || l.Len() != 0 || l.IsFilled() || l.IsFull() {
		t.Errorf("min %d, max %d, len %d", l.Min(), l.Max(), l.Len())
	}
}

func TestWaitForPeers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tell(t)
		network := mem.New()
		create := func(i int) *actor {
			ip := fmt.Sprintf("10.0.0.%d", i)
			return s.create(smoke.Options{Address: ip, Port: 8495, Seeds: []string{"10.0.0.1:8495"}, Transport: network.Host(ip)})
		}
		ann := create(1)
		ended, end := context.WithCancel(t.Context())
		end()
		if err := ann.Peers().Wait(ended, 0); err != nil {
			t.Errorf("for no peers: %v", err)
		}
		if err := ann.Peers().Wait(ended, 1); !errors.Is(err, context.Canceled) {
			t.Errorf("with an ended context: %v", err)
		}
		var came atomic.Int32
		begin := func(n int) <-chan error {
			done := make(chan error, 1)
			go func() { // the test waits for it: it ends when ann has n peers, or stops
				err := ann.Peers().Wait(t.Context(), n)
				came.Store(int32(ann.Peers().Len()))
				done <- err
			}()
			return done
		}
		one, two, nine := begin(1), begin(2), begin(9) // all begin before Start
		for i, a := range []*actor{ann, create(2), create(3)} {
			if err := a.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			if err := ann.Peers().Wait(ended, i); err != nil {
				t.Errorf("%d peers are there: %v", i, err)
			}
		}
		for n, done := range []<-chan error{one, two} {
			if err := <-done; err != nil {
				t.Errorf("wait for %d: %v", n+1, err)
			}
		}
		select {
		case err := <-nine:
			t.Errorf("with %d peers the wait for nine ended: %v", came.Load(), err)
		default:
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := ann.Peers().Wait(short, 9); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if err := ann.Stop(); err != nil {
			t.Error(err)
		}
		if err := <-nine; !errors.Is(err, smoke.ErrStopped) {
			t.Errorf("while the node stops: %v", err)
		}
		if err := ann.Peers().Wait(t.Context(), 1); !errors.Is(err, smoke.ErrStopped) {
			t.Errorf("after Stop: %v", err)
		}
		if err := ann.Start(); err != nil {
			t.Fatal(err)
		}
		if err := ann.Peers().Wait(t.Context(), 2); err != nil {
			t.Errorf("after the second Start: %v", err)
		}
	})
}

// If registrations failed, the next Start returns their errors. The Start after that does
// not.
func TestARefusedRegistrationFailsOneStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := smoke.CreateNode(smoke.Options{Address: "10.0.0.1", Port: 8495, Transport: mem.New().Host("10.0.0.1")})
		b := node.Broadcast()
		refuse := func() {
			b.On("", func() {})
			b.On("a", func(chan int) {})
		}
		start := func(what string, refused int) {
			t.Helper()
			err := node.Start()
			all, _ := err.(interface{ Unwrap() []error })
			if refused == 0 && err != nil || refused > 0 && (all == nil || len(all.Unwrap()) != refused) {
				t.Errorf("%s: %v", what, err)
			}
		}
		refuse()
		start("after two that were refused", 2)
		start("again", 0)
		refuse() // logged only
		if err := node.Stop(); err != nil {
			t.Error(err)
		}
		start("after some were refused while the node ran", 0)
		if err := node.Stop(); err != nil {
			t.Error(err)
		}
		refuse()
		start("after two that were refused between the lives", 2)
		start("again", 0)
		if err := node.Stop(); err != nil {
			t.Error(err)
		}
	})
}

// BenchmarkHooks registers 32,000 hooks and removes them.
func BenchmarkHooks(b *testing.B) {
	node := smoke.CreateNode(smoke.Options{Network: storyNetwork})
	for b.Loop() {
		var offs []func()
		for range 16_000 {
			offs = append(offs, node.OnGap(func(smoke.Gap) {}), node.Peers().OnAdd(func(*smoke.Peer) {}))
		}
		for _, off := range offs {
			off()
		}
	}
}
