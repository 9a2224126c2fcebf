package smoke_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/transport/mem"
)

// The only neighbour dies just before events are sent to it, or while they are on the
// way. The node writes them, and receives no byte from the neighbour after that. Stop
// reports them as undelivered, whether it is called before or after the link times out.
// Events that were sent some seconds earlier count as delivered.
func TestStopReportsEventsThatADeadNeighbourTook(t *testing.T) {
	for _, test := range []struct {
		what string
		die  func(network *mem.Network)
		stop time.Duration // time from the last events to Stop
	}{
		{"cut off, and given up", func(n *mem.Network) { n.Cut([]string{"10.0.0.1"}, []string{"10.0.0.2"}) }, time.Minute},
		{"cut off, not yet known", func(n *mem.Network) { n.Cut([]string{"10.0.0.1"}, []string{"10.0.0.2"}) }, time.Second},
		{"crashed", func(n *mem.Network) { n.Kill("10.0.0.1") }, time.Minute},
	} {
		t.Run(test.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := tell(t)
				network := mem.New()
				bob := s.on(network, "10.0.0.1", smoke.Options{})
				ann := s.on(network, "10.0.0.2", smoke.Options{Seeds: []string{at("10.0.0.1")}})
				ann.speak(5)
				s.eventually("bob hears the first words", func() bool { return bob.from(ann.ID()).last == 5 })
				time.Sleep(20 * time.Second)
				network.Latency(50 * time.Millisecond)
				ann.speak(3)
				time.Sleep(10 * time.Millisecond)
				test.die(network)
				time.Sleep(test.stop)
				if err := ann.Stop(); unsent(err) != 3 {
					t.Errorf("stop: %v", err)
				}
				if got := bob.from(ann.ID()).last; got != 5 {
					t.Errorf("the dead neighbour heard %d words", got)
				}
			})
		})
	}
}

// The neighbour that took the last events dies. Another node, which received the events
// from it, becomes a neighbour. The events are not lost, and Stop returns nil.
func TestStopCountsEventsThatAnotherNodeHasAsDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tell(t)
		network := mem.New()
		bob := s.on(network, "10.0.0.1", smoke.Options{})
		cid := s.on(network, "10.0.0.3", smoke.Options{Seeds: []string{at("10.0.0.1")}})
		network.Cut([]string{"10.0.0.3"}, []string{"10.0.0.2"})
		ann := s.on(network, "10.0.0.2", smoke.Options{Seeds: []string{at("10.0.0.1"), at("10.0.0.3")}})
		time.Sleep(20 * time.Second)
		ann.speak(3)
		s.eventually("cid hears the words through bob", func() bool { return cid.from(ann.ID()).last == 3 })
		if bob.from(ann.ID()).last != 3 {
			t.Error("bob has not heard the words")
		}
		network.Kill("10.0.0.1")
		network.Heal()
		time.Sleep(20 * time.Second)
		if err := ann.Stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
}
