package smoke_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// SM10. After its first netsplit, the original joins the network again and again, and
// never reports that the netsplit is over. In ours, two parts of a network that never had
// a link, and that know the same seed by name, merge as soon as they can reach each
// other. That holds for nodes that look for neighbours, and for full ones. Each node
// calls OnNetsplit once and OnHeal once, and receives the events that the other part
// emitted before.
func TestTwoIslandsBecomeOne(t *testing.T) {
	t.Parallel() // the test mostly waits
	looking := settle(tellWithCables(t), smoke.Options{MinPeers: 4})
	full := settle(tellWithCables(t), smoke.Options{MinPeers: 3, MaxPeers: 3})
	// A part that is younger than ten seconds counts as still forming. Wait for that, and
	// for the first beacon.
	apart := time.NewTimer(12 * time.Second)
	looking.talk()
	full.talk()
	<-apart.C
	looking.meet("nodes that look for neighbours")
	full.meet("full nodes")
}

// islands are two networks of four nodes each that can't reach each other.
type islands struct {
	*story
	all, west, east []*actor
}

// settle starts two islands and waits until each is one network.
func settle(s *story, o smoke.Options) *islands {
	s.Helper()
	book := &phonebook{}
	o.Seeds, o.Resolver = []string{"dns://chat.test:1"}, book
	i := &islands{story: s}
	for range 8 {
		i.all = append(i.all, s.create(o))
	}
	i.west, i.east = i.all[:4], i.all[4:]
	isEast := make(map[*plug]bool)
	for _, a := range i.east {
		isEast[a.plug] = true
	}
	s.cables.cut(func(a, b *plug) bool { return isEast[a] != isEast[b] })
	each(i.all, func(a *actor) {
		if err := a.Start(); err != nil {
			s.Error(err)
		}
	})
	book.write("dns://chat.test:1", i.west[0].Addr(), i.east[0].Addr())
	s.wantOverlay(i.west, 3)
	s.wantOverlay(i.east, 3)
	return i
}

// talk makes each node emit events, which its own island receives.
func (i *islands) talk() {
	i.Helper()
	each(i.all, func(a *actor) { a.speak(20) })
	i.wantHeard(i.west, i.west)
	i.wantHeard(i.east, i.east)
}

// meet connects the islands and checks that they merge.
func (i *islands) meet(whose string) {
	i.Helper()
	i.wantNever(i.all, "netsplit", "disconnect")
	i.cables.mend()
	start := time.Now()
	i.eventuallyAll(i.all, func(a *actor) error {
		if a.times("heal") == 0 {
			return fmt.Errorf("saw %d netsplits and no end", a.times("netsplit"))
		}
		return nil
	})
	i.Logf("one network of %s within %v", whose, time.Since(start))
	i.eventuallyAll(i.all, func(a *actor) error {
		if a.Stats().Split {
			return errors.New("its Stats say that it is split")
		}
		return nil
	})
	i.wantOverlay(i.all, 1)
	i.wantHeard(i.all, i.all)
	each(i.all, func(a *actor) { a.speak(5) })
	i.wantHeard(i.all, i.all)
	i.end()
	i.wantNever(i.all, "gap")
	for _, a := range i.all {
		if a.times("netsplit") != 1 || a.times("heal") != 1 {
			i.Errorf("%s saw %d netsplits and %d ends", a.ID().Short(), a.times("netsplit"), a.times("heal"))
		}
		if got := a.Stats(); got.Netsplits != 1 || got.Heals != 1 {
			i.Errorf("%s counts %d netsplits and %d ends", a.ID().Short(), got.Netsplits, got.Heals)
		}
	}
}

// SM11. The original reports a netsplit at each turn while a seed is down. Ours calls
// OnSeedLost once and OnSeedBack once. No link ends, and all events are delivered.
func TestADeadSeedIsNoNetsplit(t *testing.T) {
	t.Parallel() // the test mostly waits
	s := tellWithCables(t)
	seed := s.start(smoke.Options{Port: freePort(t)})
	cast := s.startAtOnce(5, smoke.Options{Seeds: []string{seed.Addr()}})
	s.wantOverlay(append(cast, seed), 3)
	if err := s.cables.kill(seed.plug); err != nil {
		t.Fatal(err)
	}
	lost := func() (n int) {
		for _, a := range cast {
			n += a.times("seed lost")
		}
		return n
	}
	missing := func() (n int) {
		for _, a := range cast {
			n += a.Stats().SeedsLost
		}
		return n
	}
	s.eventually("a node reports that the seed is lost", func() bool { return lost() > 0 })
	if missing() == 0 {
		t.Error("no node's Stats show that the seed is lost")
	}
	each(cast, func(a *actor) { a.speak(10) })
	s.wantHeard(cast, cast)
	s.start(smoke.Options{Port: portOf(t, seed.Addr())}) // a new node, which knows no other node
	s.eventually("each node that lost the seed has it back", func() bool {
		back := 0
		for _, a := range cast {
			back += a.times("seed back")
		}
		return back == lost()
	})
	s.wantNever(cast, "netsplit", "disconnect", "gap")
	s.eventually("the Stats show that the seed is back", func() bool { return missing() == 0 })
	for _, a := range cast {
		if n := a.times("seed lost"); n > 1 {
			t.Errorf("%s lost the seed %d times", a.ID().Short(), n)
		}
	}
}

// 30 or 50 of a hundred nodes crash at the same moment. The others continue to emit. Each
// survivor receives each event of the other survivors once, in order.
func TestAThirdDiesAtOnce(t *testing.T) { dieAtOnce(t, 30) }
func TestAHalfDiesAtOnce(t *testing.T)  { dieAtOnce(t, 50) }

func dieAtOnce(t *testing.T, percent int) {
	s := tellWithCables(t)
	seed := s.start(smoke.Options{})
	cast := append([]*actor{seed}, s.startAtOnce(99, smoke.Options{Seeds: []string{seed.Addr()}})...)
	s.wantOverlay(cast, 3)
	dying, living := cast[:percent], cast[percent:] // the seed is among the dying ones

	var doomed []*plug
	for _, a := range dying {
		doomed = append(doomed, a.plug)
	}
	if err := s.cables.kill(doomed...); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	each(living, func(a *actor) { a.speak(20) })
	t.Logf("%d %% are dead; the others have spoken within %v", percent, time.Since(start))
	s.wantHeard(living, living)
	t.Logf("each of them has heard all others within %v", time.Since(start))
	s.eventuallyAll(living, func(a *actor) error {
		if n := a.Peers().Len(); n < 3 || n > 5 {
			return fmt.Errorf("has %d neighbours", n)
		}
		return nil
	})
	s.wantOverlay(living, 3)
	t.Logf("they are one overlay within %v", time.Since(start))
	s.wantNever(living, "gap", "netsplit")
}
