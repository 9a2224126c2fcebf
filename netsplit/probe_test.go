package netsplit

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

func TestSilenceIsProbedAndReportedOnce(t *testing.T) {
	b := newBench(t, addr(1), addr(2))
	b.neighbors(1, 2)
	b.hear(20*time.Second, 1, 1, 2)
	b.NeighborDown(b.now, 1)
	if len(b.dials) > 0 {
		t.Fatalf("with nothing wrong it dials %v", b.dials)
	}
	b.hear(12*time.Second, 2, 2) // node 1 is silent
	b.awaitDial(1, 12*time.Second)
	for range 20 {
		b.fails()
		b.hear(30*time.Second, 2, 2)
	}
	if lost := notices[SeedLost](b); len(lost) != 1 || lost[0].Addr != addr(1) || !errors.Is(lost[0].Err, errNoNode) {
		t.Fatalf("notices %v", b.noticed)
	}
	b.beacon(2, 1) // this copy comes by another path
	if back := notices[SeedBack](b); len(back) != 1 || back[0].Addr != addr(1) {
		t.Errorf("notices %v", b.noticed)
	}
	b.fails()
	b.hear(5*time.Minute, 2, 1, 2)
	if len(b.dials) > 0 || len(b.noticed) != 2 {
		t.Errorf("with nothing wrong any more it dials %v, notices %v", b.dials, b.noticed)
	}
}

func TestSeedThatAnswersAgainIsBack(t *testing.T) {
	b := newBench(t, addr(1))
	b.neighbors(2)
	b.hear(time.Second, 2, 2)
	b.pass(12 * time.Second)
	b.awaitDial(1, 30*time.Second)
	b.fails()
	b.awaitDial(1, time.Minute)
	l := b.reaches(1)
	b.get(int(l), &ProbeReply{Known: b.question(b.now).Known, Settled: long})
	if len(notices[SeedLost](b)) != 1 || len(notices[SeedBack](b)) != 1 || len(notices[Found](b)) != 0 {
		t.Errorf("notices %v", b.noticed)
	}
	if !slices.Equal(b.closed, []ident.Link{l}) {
		t.Errorf("closed %v", b.closed)
	}
}

// split returns a node that has been in a component for a while and probes a seed.
func split(t *testing.T) (b *bench, probe ident.Link) {
	b = newBench(t, addr(1), addr(self))
	b.neighbors(2, 3)
	b.hear(20*time.Second, 2, 200)
	b.fails()
	b.noticed, b.sent = nil, nil
	for range 40 {
		b.hear(3*time.Second, 2, 200)
		if len(b.dials) > 0 {
			break
		}
	}
	b.sent = nil
	probe = b.reaches(1)
	if q := sentTo[*Probe](b, probe); len(q) != 1 || q[0].Known[0].ID != nodeID(self) || q[0].Settled < settled || q[0].Isolated {
		t.Fatalf("it asks %+v", q)
	}
	return b, probe
}

func TestAnotherComponentIsASplit(t *testing.T) {
	b, probe := split(t)
	b.get(int(probe), &ProbeReply{Known: hears(1, 5), Settled: long})
	if !slices.Equal(b.bridges, []ident.Link{probe}) || len(b.closed) > 0 {
		t.Errorf("bridges %v, closed %v", b.bridges, b.closed)
	}
	if found := notices[Found](b); len(found) != 1 || found[0] != (Found{nodeID(self), nodeID(1)}) {
		t.Fatalf("notices %v", b.noticed)
	}
	for _, l := range []ident.Link{2, 3} {
		if s := sentTo[*Split](b, l); len(s) != 1 || *s[0] != (Split{nodeID(self), nodeID(1)}) {
			t.Errorf("neighbour %d got %v", l, s)
		}
	}
	b.get(2, &Split{nodeID(self), nodeID(1)}) // a copy of this node's Split that came back
	b.get(3, &Split{nodeID(200), nodeID(1)})
	b.pass(2 * time.Second)
	b.beacon(2, 5) // a beacon of the other side, but not the one that names its component
	if len(notices[Healed](b)) > 0 {
		t.Error("healed too early")
	}
	b.beacon(2, 1)
	b.pass(healedFor - time.Millisecond)
	if len(notices[Healed](b)) > 0 {
		t.Error("another component may show up yet")
	}
	b.pass(time.Millisecond)
	if healed := notices[Healed](b); len(healed) != 1 || healed[0].For != 2*time.Second {
		t.Fatalf("notices %v", b.noticed)
	}
	b.get(2, &Split{nodeID(self), nodeID(1)}) // a late copy of the Split
	b.hear(5*time.Minute, 2, 1, 5, 200)
	if len(notices[Found](b)) != 1 || len(notices[Healed](b)) != 1 {
		t.Errorf("notices %v", b.noticed)
	}
}

func TestTheProbedNodeConcludesTheSame(t *testing.T) {
	b, _ := split(t)
	b.get(777, &Probe{Known: hears(1, 5), Settled: long})
	if r := sentTo[*ProbeReply](b, 777); len(r) != 1 || len(r[0].Known) == 0 {
		t.Errorf("answers %+v", r)
	}
	b.wantTold(0, 0) // the node did not ask, so the view of the peer is only a claim
	b.beacon(2, 1)
	if found := notices[Found](b); len(found) != 1 || found[0] != (Found{nodeID(self), nodeID(1)}) {
		t.Errorf("notices %v", b.noticed)
	}
	if len(b.bridges) > 0 {
		t.Error("who was asked builds the bridge")
	}
}

// A link to the other side of a split reveals the split even if the link is no probe.
func TestNewNeighborOfAnotherComponentIsASplit(t *testing.T) {
	b, _ := split(t)
	b.NeighborUp(b.now, 5, nodeID(5), addr(5), "", false, b)
	if r := sentTo[*ProbeReply](b, 5); len(r) != 1 || r[0].Isolated || len(r[0].Known) == 0 {
		t.Fatalf("the reply is %+v", r)
	}
	b.get(66, &ProbeReply{Known: hears(1), Settled: long}) // from an unknown link, unasked
	b.get(5, &ProbeReply{Known: hears(1), Settled: long})
	b.wantTold(0, 0)
	b.beacon(5, 1)
	if len(notices[Found](b)) != 1 || len(b.bridges)+len(b.closed) > 0 {
		t.Errorf("notices %v, bridges %v, closed %v", b.noticed, b.bridges, b.closed)
	}
	b.pass(healedFor)
	if len(notices[Healed](b)) != 1 {
		t.Errorf("notices %v", b.noticed)
	}
}

// If a network splits in three parts, that is one netsplit. It is reported once, and it
// is over when the last part has merged.
func TestSplitInThree(t *testing.T) {
	b, probe := split(t)
	b.get(int(probe), &ProbeReply{Known: hears(1), Settled: long})
	b.get(2, &Split{nodeID(self), nodeID(9)})
	b.beacon(2, 9)
	if len(notices[Healed](b)) > 0 {
		t.Error("healed too early")
	}
	b.beacon(2, 1)
	b.pass(healedFor)
	if len(notices[Found](b)) != 1 || len(notices[Healed](b)) != 1 {
		t.Errorf("notices %v", b.noticed)
	}
}

// Of many parts, some merge before the next one is found.
func TestPartsThatMergeOneAfterAnotherAreOneNetsplit(t *testing.T) {
	b, probe := split(t)
	b.get(int(probe), &ProbeReply{Known: hears(1), Settled: long})
	b.beacon(2, 1)
	b.pass(time.Second)
	b.get(2, &Split{nodeID(self), nodeID(9)})
	b.pass(time.Second)
	b.beacon(2, 9)
	b.pass(healedFor)
	if found, healed := notices[Found](b), notices[Healed](b); len(found) != 1 || len(healed) != 1 || healed[0].For != 2*time.Second {
		t.Errorf("notices %v", b.noticed)
	}
}

// A node without neighbours hears no component, not even its own. It reports the end of
// the split only after it has had neighbours for a while.
func TestNoHealWhileTheNodeIsAlone(t *testing.T) {
	for name, hearsIt := range map[string]bool{"before the other part is heard": false, "after": true} {
		b, probe := split(t)
		b.get(int(probe), &ProbeReply{Known: hears(1), Settled: long})
		if hearsIt {
			b.beacon(2, 1)
			b.pass(healedFor - time.Second)
		}
		b.NeighborDown(b.now, 2)
		b.NeighborDown(b.now, 3)
		b.pass(time.Minute)
		if len(notices[Healed](b)) > 0 {
			t.Errorf("alone, %s: notices %v", name, b.noticed)
		}
		b.neighbors(2)
		b.pass(healedFor - time.Second)
		if len(notices[Healed](b)) > 0 {
			t.Errorf("just back, %s: notices %v", name, b.noticed)
		}
		b.pass(2 * time.Second)
		if len(notices[Found](b)) != 1 || len(notices[Healed](b)) != 1 {
			t.Errorf("back, %s: notices %v", name, b.noticed)
		}
	}
}

// Nodes that were alone for long, for instance because most others died, form a new
// component. If they later meet the other nodes, that is no netsplit.
func TestSurvivorsThatMeetAreYoung(t *testing.T) {
	for alone, want := range map[time.Duration]int{5 * time.Second: 1, time.Minute: 0} {
		b, _ := split(t)
		b.NeighborDown(b.now, 2)
		b.NeighborDown(b.now, 3)
		b.pass(alone)
		b.neighbors(4) // the neighbour hears no beacon either
		b.pass(100 * time.Millisecond)
		b.NeighborUp(b.now, 5, nodeID(5), addr(5), "", false, b)
		b.get(5, &ProbeReply{Known: hears(1), Settled: long})
		b.beacon(5, 1)
		if got := len(notices[Found](b)); got != want {
			t.Errorf("alone for %v: notices %v", alone, b.noticed)
		}
	}
}

func TestRepliesThatShowNoSplit(t *testing.T) {
	for name, step := range map[string]struct {
		reply  ProbeReply
		bridge bool
	}{
		"hears the same":                     {ProbeReply{Known: hears(3, self), Settled: long}, false},
		"is young":                           {ProbeReply{Known: hears(1), Settled: time.Second}, true},
		"has no neighbour":                   {ProbeReply{Isolated: true}, true},
		"has no neighbour and knows beacons": {ProbeReply{Isolated: true, Known: hears(1), Settled: long}, true},
		"broke off a moment ago":             {ProbeReply{Known: []Sighting{{nodeID(5), 0}, {nodeID(200), 8 * time.Second}}, Settled: long}, true},
		"remembers us and hears none":        {ProbeReply{Known: []Sighting{{nodeID(self), 8 * time.Second}}, Settled: long}, true},
	} {
		t.Run(name, func(t *testing.T) {
			b, probe := split(t)
			b.get(int(probe), &step.reply)
			if got := len(b.bridges) == 1; got != step.bridge || len(b.closed) == len(b.bridges) {
				t.Errorf("bridges %v, closed %v", b.bridges, b.closed)
			}
			if len(notices[Found](b)) > 0 {
				t.Errorf("notices %v", b.noticed)
			}
		})
	}
}

// If both ends hear no beacon, neither can decide.
func TestNodesThatHearNoBeaconProbeAgainSoon(t *testing.T) {
	b := newBench(t, addr(1))
	b.neighbors(2)
	b.volunteer = b.now.Add(time.Hour) // otherwise this node would soon send a beacon itself
	b.awaitDial(1, 10*time.Second)
	l := b.reaches(1)
	b.get(int(l), &ProbeReply{Settled: long})
	if !slices.Equal(b.closed, []ident.Link{l}) || len(b.bridges) > 0 {
		t.Errorf("bridges %v, closed %v", b.bridges, b.closed)
	}
	b.awaitDial(1, 5*time.Second)
}

func TestASeedThatIsDownIsNoSplit(t *testing.T) {
	b := newBench(t, addr(1), addr(self))
	b.neighbors(2)
	for range 100 {
		b.hear(30*time.Second, 2, 200)
		b.fails()
	}
	if len(notices[Found](b)) > 0 || len(notices[SeedLost](b)) != 1 {
		t.Errorf("notices %v", b.noticed)
	}
}

func TestProbeThatGetsNoAnswer(t *testing.T) {
	b, probe := split(t)
	b.pass(answerIn)
	if !slices.Equal(b.closed, []ident.Link{probe}) || len(b.noticed) > 0 { // the loss of the seed was reported before
		t.Errorf("closed %v, notices %v", b.closed, b.noticed)
	}
	b.get(int(probe), &ProbeReply{Known: hears(1), Settled: long}) // this reply comes too late
	if len(b.bridges) > 0 || len(notices[Found](b)) > 0 {
		t.Errorf("bridges %v, notices %v", b.bridges, b.noticed)
	}
	b.awaitDial(1, 10*time.Second)
	probe = b.reaches(1)
	b.LinkDown(b.now, probe, errNoNode, b)
	b.awaitDial(1, 10*time.Second)
	if len(b.probes) > 0 || len(b.noticed) > 0 {
		t.Errorf("probes %v, notices %v", b.probes, b.noticed)
	}
}

func TestProbingSlowsDownAndNeverStops(t *testing.T) {
	dials := func(beaconing bool) (first, day int) {
		b := newBench(t, addr(1))
		b.neighbors(2)
		if beaconing {
			b.CalledSeed()
		}
		count := func(d time.Duration) (n int) {
			for end := b.now.Add(d); b.now.Before(end); {
				b.hear(time.Minute, 2, 200)
				b.beaconing = beaconing
				b.each(0, func() {})
				n += b.fails()
			}
			return n
		}
		if !beaconing { // a node that does not beacon probes only addresses that it heard before
			b.beacon(2, 1)
			b.pass(20 * time.Second)
			b.fails()
		}
		first = count(10 * time.Minute)
		count(23 * time.Hour)
		return first, count(time.Hour)
	}
	if first, last := dials(false); first < 2 || last < 3 || last > 20 {
		t.Errorf("others: %d probes in the first ten minutes, %d in the last hour of a day", first, last)
	}
	if first, last := dials(true); first < 9 || last < 50 {
		t.Errorf("beaconing nodes: %d probes in the first ten minutes, %d in the last hour of a day", first, last)
	}
}

func TestManyAddressesAreNotProbedAllAtOnce(t *testing.T) {
	b := newBench(t, "dns://chat")
	b.neighbors(2)
	b.CalledSeed()
	var all []string
	for n := range 100 {
		all = append(all, addr(n+10))
	}
	b.Resolved(b.now, "dns://chat", all, nil, b)
	for range 600 {
		b.pass(100 * time.Millisecond)
		if len(b.dials) > maxProbes {
			t.Fatalf("%d probes at one time", len(b.dials))
		}
		if b.now.Sub(birth)%time.Second == 0 {
			b.fails()
		}
	}
	if lost := notices[SeedLost](b); len(lost) != len(all) {
		t.Errorf("after a minute %d of %d were tried", len(lost), len(all))
	}
}

// A node without neighbours does not probe. Its membership dials the seeds in order to
// join.
func TestIsolatedNodeDoesNotProbe(t *testing.T) {
	b := newBench(t, addr(1))
	b.pass(time.Hour)
	if len(b.dials) > 0 || len(b.noticed) > 0 {
		t.Errorf("dials %v, notices %v", b.dials, b.noticed)
	}
	if !slices.Equal(b.seeds, []string{addr(1)}) {
		t.Errorf("membership was given %v", b.seeds)
	}
}

func TestProbeThatFindsANeighborOrItself(t *testing.T) {
	b := newBench(t, addr(1), addr(self))
	b.neighbors(2)
	b.pass(3 * time.Second)
	b.awaitDial(1, 10*time.Second)
	b.dials = nil
	b.LinkUp(b.now, 900, nodeID(2), addr(1), b) // an address of a neighbour
	if !slices.Equal(b.closed, []ident.Link{900}) {
		t.Errorf("closed %v", b.closed)
	}
	for range 100 {
		b.pass(time.Second)
		if len(b.dials) > 0 {
			break
		}
	}
	b.dials = nil
	b.LinkUp(b.now, 901, nodeID(self), addr(1), b)
	if !slices.Equal(b.closed, []ident.Link{900, 901}) {
		t.Errorf("closed %v, seeds %v", b.closed, b.seeds)
	}
	b.pass(4 * time.Second)
	if len(b.dials) > 0 {
		t.Errorf("it dials %v", b.dials)
	}
	b.pass(time.Minute) // another node may have the address by then
	if !slices.Equal(b.dials, []string{addr(1)}) || len(b.noticed) > 0 {
		t.Errorf("it dials %v, notices %v", b.dials, b.noticed)
	}
}

func TestNamesThatFailToResolveKeepTheirAddresses(t *testing.T) {
	b := newBench(t, "dns://chat", addr(1), addr(1))
	if !slices.Equal(b.lookups, []string{"dns://chat"}) || !slices.Equal(b.seeds, []string{addr(1)}) {
		t.Fatalf("looks up %v, seeds %v", b.lookups, b.seeds)
	}
	b.lookups = nil
	b.Resolved(b.now, "dns://chat", nil, errNoNode, b)
	b.pass(1500 * time.Millisecond)
	if len(b.lookups) != 1 {
		t.Fatal("it does not try again soon")
	}
	b.Resolved(b.now, "dns://chat", []string{addr(5), addr(6), addr(self)}, nil, b)
	if !slices.Equal(b.seeds, []string{addr(1), addr(5), addr(6)}) && !slices.Equal(b.seeds, []string{addr(5), addr(6), addr(1)}) {
		t.Errorf("seeds %v", b.seeds)
	}
	if !b.isSeed {
		t.Error("it is in its own list of seeds and does not know it")
	}
	for _, failure := range []error{errNoNode, nil} { // an empty result is a failure too
		b.lookups = nil
		b.pass(time.Minute)
		if len(b.lookups) != 1 {
			t.Fatalf("looks up %v", b.lookups)
		}
		b.Resolved(b.now, "dns://chat", nil, failure, b)
		if len(b.seeds) != 3 {
			t.Errorf("a look-up failed, and the seeds are %v", b.seeds)
		}
	}
	b.pass(time.Minute)
	b.Resolved(b.now, "dns://chat", []string{addr(6)}, nil, b)
	b.Resolved(b.now, "dns://what", []string{addr(9)}, nil, b) // this name is not a seed
	if len(b.seeds) != 2 || slices.Contains(b.seeds, addr(5)) {
		t.Errorf("an address that is gone stays: %v", b.seeds)
	}
}

func TestTurnedOffItOnlyAnswers(t *testing.T) {
	b := newBench(t, addr(self), addr(1))
	b.cfg.Interval = -1
	b.neighbors(2)
	b.beacon(2, 7)
	b.pass(time.Hour)
	if b.IsBeaconing() || len(b.dials)+len(b.sent) > 0 {
		t.Errorf("dials %v, sent %v", b.dials, b.sent)
	}
	b.get(9, &Probe{Known: hears(7), Settled: long})
	if len(sentTo[*ProbeReply](b, 9)) != 1 {
		t.Error("it does not answer")
	}
}

// The membership of a node without neighbours dials the seeds. The Watch learns from it
// that a seed is dead.
func TestDeadSeedsAreReportedWhileAlone(t *testing.T) {
	b := newBench(t, addr(1), addr(2), "dns://chat", "dns://none")
	b.Resolved(b.now, "dns://chat", []string{addr(3)}, nil, b)
	for range 200 { // the membership and the resolver retry
		for _, n := range []int{1, 3, 9} {
			b.Unanswered(b.now, addr(n), errNoNode, b)
		}
		if b.now.Sub(birth) < lostAfter && len(b.noticed) > 0 {
			t.Fatalf("after %v notices %v", b.now.Sub(birth), b.noticed)
		}
		if b.now.Sub(birth) > lostAfter+time.Second && len(b.noticed) < 3 {
			t.Fatalf("after %v notices %v", b.now.Sub(birth), b.noticed)
		}
		b.Reached(b.now, addr(2), b)
		for _, name := range b.lookups {
			if name == "dns://none" {
				b.Resolved(b.now, name, nil, errNoNode, b)
			}
		}
		b.lookups = nil
		b.pass(300 * time.Millisecond)
	}
	lost := notices[SeedLost](b)
	for _, want := range []string{addr(1), addr(3), "dns://none"} {
		if n := len(slices.DeleteFunc(slices.Clone(lost), func(l SeedLost) bool { return l.Addr != want || !errors.Is(l.Err, errNoNode) })); n != 1 {
			t.Errorf("%s is reported %d times: %v", want, n, lost)
		}
	}
	if len(lost) != 3 || b.SeedsLost() != 3 {
		t.Errorf("notices %v, lost %d", lost, b.SeedsLost())
	}
	b.Reached(b.now, addr(1), b)
	b.neighbors(3)
	b.Resolved(b.now, "dns://none", []string{addr(4)}, nil, b)
	back := notices[SeedBack](b)
	if len(back) != 3 || back[0].Addr != addr(1) || back[1].Addr != addr(3) || back[2].Addr != "dns://none" || b.SeedsLost() != 0 {
		t.Errorf("back %v, lost %d", back, b.SeedsLost())
	}
}

// A seed that was a neighbour counts as heard until its link ended.
func TestASeedThatWasANeighborIsLostLater(t *testing.T) {
	b := newBench(t, addr(1))
	b.neighbors(1)
	b.hear(time.Minute, 1, 1)
	b.NeighborDown(b.now, 1)
	gone := b.now
	for b.now.Sub(gone) < 20*time.Second && len(b.noticed) == 0 {
		b.Unanswered(b.now, addr(1), errNoNode, b)
		b.pass(500 * time.Millisecond)
	}
	if d := b.now.Sub(gone); len(notices[SeedLost](b)) != 1 || d < lostAfter || d > 15*time.Second {
		t.Errorf("after %v notices %v", d, b.noticed)
	}
}

// The addresses of silent beacons are probed, whatever the origin of the beacon. Only
// seeds are reported.
func TestOnlySeedsAreLost(t *testing.T) {
	b := newBench(t, addr(1), "dns://chat")
	b.Resolved(b.now, "dns://chat", []string{addr(5)}, nil, b)
	b.neighbors(2)
	b.hear(20*time.Second, 2, 1, 2, 3, 5)
	for range 10 {
		b.hear(12*time.Second, 2, 2)
		b.fails()
	}
	lost := notices[SeedLost](b)
	if len(lost) != 2 || lost[0].Addr == addr(3) || lost[1].Addr == addr(3) {
		t.Errorf("notices %v", b.noticed)
	}
	b.Resolved(b.now, "dns://chat", []string{addr(6)}, nil, b) // the name resolves to this address now
	if back := notices[SeedBack](b); len(back) != 1 || back[0].Addr != addr(5) {
		t.Errorf("notices %v", b.noticed)
	}
}

// A seed that this node has never dialled is probed once, although other nodes probe it.
func TestEachSeedIsDialledOnce(t *testing.T) {
	b := newBench(t, addr(1), addr(2), addr(3))
	b.Reached(b.now, addr(1), b)
	b.Unanswered(b.now, addr(2), errNoNode, b)
	b.neighbors(9)
	b.hear(12*time.Second, 9, 9)
	if !slices.Equal(b.dials, []string{addr(3)}) {
		t.Fatalf("it dials %v", b.dials)
	}
	b.fails()
	b.hear(3*time.Second, 9, 9)
	if lost := notices[SeedLost](b); len(lost) != 2 {
		t.Errorf("notices %v", b.noticed)
	}
	b.hear(time.Minute, 9, 9)
	if n := b.fails(); n > 0 {
		t.Errorf("%d more dials", n)
	}
}

// If a name resolves to many addresses, those that were heard before are probed first.
func TestWhatWasHeardIsProbedFirst(t *testing.T) {
	b := newBench(t, "dns://chat")
	b.neighbors(2)
	b.CalledSeed()
	all := []string{}
	for n := range 400 {
		all = append(all, addr(n+10))
	}
	good := 333
	b.Resolved(b.now, "dns://chat", all, nil, b)
	b.Reached(b.now, addr(good), b)
	b.pass(3 * time.Second)
	for took := time.Duration(0); !slices.Contains(b.dials, addr(good)); took += 1500 * time.Millisecond {
		b.fails()
		b.pass(1500 * time.Millisecond)
		if took > 10*time.Second {
			t.Fatal("it is not probed within ten seconds")
		}
	}
}

// If beacons with this node's ID but another epoch continue, another node has the ID.
func TestBeaconsOfATwin(t *testing.T) {
	b := newBench(t)
	b.neighbors(2)
	beacon := func(epoch, count uint64) {
		b.get(2, &Beacon{Origin: ident.Origin{ID: nodeID(self), Epoch: epoch}, Count: count, Addr: addr(7)})
	}
	beacon(77, 100) // a beacon of the node's former run, still in flight
	beacon(77, 101)
	b.pass(12 * time.Second)
	beacon(77, 101)
	beacon(77, 101) // a copy of that beacon
	if twins := notices[Twin](b); len(twins) > 0 {
		t.Fatalf("notices %v", b.noticed)
	}
	b.pass(3 * time.Second)
	beacon(77, 102)
	if twins := notices[Twin](b); len(twins) != 1 || twins[0].Addr != addr(7) || !twins[0].Later {
		t.Errorf("notices %v", b.noticed)
	}
	b.pass(3 * time.Second)
	beacon(b.cfg.Self.Epoch, 1000) // this node's own beacon
	if twins := notices[Twin](b); len(twins) != 1 {
		t.Errorf("notices %v", b.noticed)
	}
}
