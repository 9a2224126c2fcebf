package smoke_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// SM10. After its first netsplit the original enters the network again and
// again, and never says that it is over. Two islands of ours, which share the
// name of their seeds and have never seen each other, become one as soon as a
// cable is laid, whether their nodes still look for neighbours or are all full.
// Every node says once that they met and once that they are one, and all hear
// what was said on the other island meanwhile.
func TestTwoIslandsBecomeOne(t *testing.T) {
	t.Parallel() // most of it is waiting
	looking := settle(tellWithCables(t), smoke.Options{MinPeers: 4})
	full := settle(tellWithCables(t), smoke.Options{MinPeers: 3, MaxPeers: 3})
	// A network younger than ten seconds is taken to be still forming, so let
	// that time pass, and some more for the first beacon.
	apart := time.NewTimer(12 * time.Second)
	looking.talk()
	full.talk()
	<-apart.C
	looking.meet("nodes that look for neighbours")
	full.meet("full nodes")
}

// islands are two networks of four nodes, between which there is no cable.
type islands struct {
	*story
	all, west, east []*actor
}

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

// talk has everybody speak, and be heard on their own island.
func (i *islands) talk() {
	i.Helper()
	each(i.all, func(a *actor) { a.speak(20) })
	i.wantHeard(i.west, i.west)
	i.wantHeard(i.east, i.east)
}

// meet lays the cable.
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
			return errors.New("its figures say that it is split")
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

// SM11. To the original a seed that is down is a netsplit, at every turn anew.
// Ours say once that the seed is lost, and once that it is back; nothing is cut,
// nobody is heard less.
func TestADeadSeedIsNoNetsplit(t *testing.T) {
	t.Parallel() // most of it is waiting
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
	s.eventually("somebody misses the seed", func() bool { return lost() > 0 })
	if missing() == 0 {
		t.Error("nobody's figures show that the seed is lost")
	}
	each(cast, func(a *actor) { a.speak(10) })
	s.wantHeard(cast, cast)
	s.start(smoke.Options{Port: portOf(t, seed.Addr())}) // a new node, which knows nobody
	s.eventually("whoever missed the seed has it back", func() bool {
		back := 0
		for _, a := range cast {
			back += a.times("seed back")
		}
		return back == lost()
	})
	s.wantNever(cast, "netsplit", "disconnect", "gap")
	s.eventually("the figures show that the seed is back", func() bool { return missing() == 0 })
	for _, a := range cast {
		if n := a.times("seed lost"); n > 1 {
			t.Errorf("%s lost the seed %d times", a.ID().Short(), n)
		}
	}
}

// A third, and a half, of a hundred nodes die in one instant. The others go on
// speaking; every word of theirs reaches every survivor once and in order.
func TestAThirdDiesAtOnce(t *testing.T) { dieAtOnce(t, 30) }
func TestAHalfDiesAtOnce(t *testing.T)  { dieAtOnce(t, 50) }

func dieAtOnce(t *testing.T, percent int) {
	s := tellWithCables(t)
	seed := s.start(smoke.Options{})
	cast := append([]*actor{seed}, s.startAtOnce(99, smoke.Options{Seeds: []string{seed.Addr()}})...)
	s.wantOverlay(cast, 3)
	dying, living := cast[:percent], cast[percent:] // the seed among the first

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
