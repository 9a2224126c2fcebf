package smoke_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/transport/mem"
)

// stopTogether stops the nodes one after another, at intervals of apart, and returns the
// errors of Stop. If apart is 0, all stop at the same moment.
func stopTogether(cast []*actor, apart time.Duration) []error {
	errs := make([]error, len(cast))
	var wg sync.WaitGroup
	for i, a := range cast {
		// This function waits for the goroutine.
		wg.Go(func() {
			time.Sleep(time.Duration(i) * apart)
			errs[i] = a.Stop()
		})
	}
	wg.Wait()
	return errs
}

// Two neighbours stop at the same moment, or one stops while the goodbye of the other is
// on its way. Each still receives the last events of the other, broadcast and direct.
func TestTwoNodesThatStopTogetherHearEachOther(t *testing.T) {
	for _, apart := range []time.Duration{0, time.Millisecond, 25 * time.Millisecond, 49 * time.Millisecond, 51 * time.Millisecond} {
		t.Run(fmt.Sprint(apart), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := tell(t)
				network := mem.New()
				bob := s.on(network, "10.0.0.1", smoke.Options{})
				ann := s.on(network, "10.0.0.2", smoke.Options{Seeds: []string{at("10.0.0.1")}})
				cast := []*actor{ann, bob}
				s.wantOverlay(cast, 1)
				var mu sync.Mutex // guards direct
				direct := 0
				for _, a := range cast {
					for p := range a.Peers().All() {
						p.On("direct", func() { mu.Lock(); direct++; mu.Unlock() })
					}
				}
				network.Latency(50 * time.Millisecond)
				for _, a := range cast {
					a.speak(7)
					for p := range a.Peers().All() {
						if err := p.Emit("direct"); err != nil {
							t.Error(err)
						}
					}
				}
				for i, err := range stopTogether(cast, apart) {
					if err != nil {
						t.Errorf("stop of node %d: %v", i, err)
					}
				}
				if got := bob.from(ann.ID()).last; got != 7 {
					t.Errorf("bob heard %d words of ann", got)
				}
				if got := ann.from(bob.ID()).last; got != 7 {
					t.Errorf("ann heard %d words of bob", got)
				}
				if direct != 2 {
					t.Errorf("%d of 2 words to one alone were heard", direct)
				}
			})
		})
	}
}

// All nodes of a network stop at the same moment, and all are neighbours of each other.
// All receive the events that were emitted just before, and Stop returns nil.
func TestNeighboursThatStopTogetherHearEachOther(t *testing.T) {
	for _, n := range []int{3, 5} {
		for _, latency := range []time.Duration{time.Millisecond, 5 * time.Millisecond, 50 * time.Millisecond} {
			t.Run(fmt.Sprint(n, latency), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := tell(t)
					network := mem.New()
					network.Latency(latency)
					var cast []*actor
					for i := range n {
						cast = append(cast, s.on(network, fmt.Sprint("10.0.0.", i+1), smoke.Options{Seeds: []string{at("10.0.0.1")}, MinPeers: n - 1}))
					}
					s.wantOverlay(cast, n-1)
					each(cast, func(a *actor) { a.speak(5) }) // forms the tree
					time.Sleep(20 * time.Second)
					each(cast, func(a *actor) { a.speak(5) })
					for i, err := range stopTogether(cast, 0) {
						if err != nil {
							t.Errorf("node %d: stop: %v", i, err)
						}
						for k, l := range cast {
							if got := l.from(cast[i].ID()).last; k != i && got != 10 {
								t.Errorf("node %d heard %d of 10 words of node %d", k, got, i)
							}
						}
					}
				})
			})
		}
	}
}

// All nodes of a network stop at the same moment. Events that were emitted just before
// may arrive too late to be relayed. Stop returns nil only if all nodes have them. Events
// that were emitted long before are delivered.
func TestAllNodesStopTogether(t *testing.T) {
	for _, before := range []time.Duration{0, 10 * time.Millisecond, time.Second} {
		t.Run(fmt.Sprint(before), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := tell(t)
				network := mem.New()
				network.Latency(5 * time.Millisecond)
				var cast []*actor
				for i := range 4 {
					o := smoke.Options{Seeds: []string{at("10.0.0.1")}}
					if i > 0 { // the nodes form a line
						o.Seeds = []string{at(fmt.Sprint("10.0.0.", i))}
						for far := range i - 1 {
							network.Cut([]string{fmt.Sprint("10.0.0.", far+1)}, []string{fmt.Sprint("10.0.0.", i+1)})
						}
					}
					cast = append(cast, s.on(network, fmt.Sprint("10.0.0.", i+1), o))
					time.Sleep(time.Second)
				}
				for _, a := range cast {
					a.speak(3)
				}
				time.Sleep(before)
				for i, err := range stopTogether(cast, 0) {
					for _, l := range cast {
						if got := l.from(cast[i].ID()).last; l != cast[i] && got != 3 && unsent(err) == 0 {
							t.Errorf("node %d: stop: %v, and a node heard %d of 3 words", i, err, got)
						}
					}
					if before == time.Second && err != nil {
						t.Errorf("node %d: all have heard it, and stop: %v", i, err)
					}
				}
			})
		})
	}
}
