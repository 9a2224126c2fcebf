package cluster

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// If started as a node, the test binary is a node.
func TestMain(m *testing.M) {
	if IsNode() {
		os.Exit(BeNode())
	}
	goleak.VerifyTestMain(m)
}

// mesh makes actors from a description: "a:bc" means that a has links to b and c.
func mesh(picture ...string) []*Actor {
	var nodes []*Actor
	for seat, row := range picture {
		id, links, _ := strings.Cut(row, ":")
		a := newActor(seat)
		a.ID = id
		if links != "" {
			a.Links = strings.Split(links, "")
		}
		nodes = append(nodes, a)
	}
	return nodes
}

func TestPartsCountsWhatBothEndsKnow(t *testing.T) {
	for _, test := range []struct {
		nodes []*Actor
		want  int
	}{
		{mesh(), 0},
		{mesh("a:"), 1},
		{mesh("a:b", "b:a"), 1},
		{mesh("a:b", "b:"), 2},          // only one end has it
		{mesh("a:b", "b:ac", "c:b"), 1}, // a line
		{mesh("a:b", "b:a", "c:d", "d:c"), 2},
		{mesh("a:x"), 1}, // a node that does not exist
	} {
		if got := Parts(test.nodes); got != test.want {
			t.Errorf("%v: %d parts, want %d", test.nodes, got, test.want)
		}
	}
}

func isWhole(nodes []*Actor) bool { return IsWhole(nodes, 3, 5) }

func TestWholeMeansLinksInBoundsAndOnePart(t *testing.T) {
	if !isWhole(mesh("a:bcd", "b:acd", "c:abd", "d:abc")) {
		t.Error("four with three links each are whole")
	}
	if isWhole(mesh("a:bc", "b:acd", "c:abd", "d:bc")) {
		t.Error("two links are too few")
	}
	if !isWhole(mesh("a:b", "b:a")) {
		t.Error("two can't have more than one link")
	}
	if isWhole(mesh("a:bcdefg", "b:acdefg", "c:abdefg", "d:abcefg", "e:abcdfg", "f:abcdeg", "g:abcdef")) {
		t.Error("six links are too many")
	}
}

func TestCrossing(t *testing.T) {
	nodes := mesh("a:bc", "b:a", "c:ad", "d:c")
	if got := Crossing(nodes[:2], nodes[2:]); got != 1 {
		t.Errorf("%d links across, want 1", got)
	}
}

func TestTheLedgerFindsWhatIsMissingDoubledAndStrayed(t *testing.T) {
	nodes := mesh("a:", "b:", "c:", "d:")
	a, b, c, d := nodes[0], nodes[1], nodes[2], nodes[3]
	var l Ledger
	l.add(1, "hi", a, nodes[:3]) // d was not in the audience
	if l.IsHeard() {
		t.Error("heard before anybody heard it")
	}
	l.hear("hi", c)
	if who, text := l.Lacking(); who != b || text != "hi" {
		t.Errorf("%v lacks %q", who, text)
	}
	l.hear("hi", b)
	l.hear("hi", c)
	l.hear("hi", c)
	l.hear("hi", d)
	l.hear("another page", d)
	if !l.IsHeard() {
		t.Error("not heard, though all have heard it")
	}
	if got, want := l.Tally(), (Tally{Said: 1, Heard: 2, Doubled: 2, Strayed: 1}); got != want {
		t.Errorf("tally %+v, want %+v", got, want)
	}
	l.hear("hi", a) // a node does not receive its own texts
	if got := l.Tally(); got.Strayed != 2 {
		t.Errorf("tally %+v, want 2 strayed", got)
	}
	l.Widen(nodes)
	if got := l.Tally(); got.Strayed != 1 || got.Missing != 0 {
		t.Errorf("tally %+v: d may hear it now, and has", got)
	}
}

func TestTheLedgerFindsWhatComesOutOfOrder(t *testing.T) {
	nodes := mesh("a:", "b:")
	var l Ledger
	l.add(1, "one", nodes[0], nodes)
	l.add(2, "two", nodes[0], nodes)
	l.add(3, "three", nodes[1], nodes)
	for _, text := range []string{"two", "one", "two"} {
		l.hear(text, nodes[1])
	}
	l.hear("three", nodes[0])
	if got, want := l.Tally(), (Tally{Said: 3, Heard: 3, Doubled: 1, Disordered: 1}); got != want {
		t.Errorf("tally %+v, want %+v", got, want)
	}
}

func TestTheDeadAreOwedNothingNorAnybodyWhatTheySaid(t *testing.T) {
	nodes := mesh("a:", "b:", "c:")
	var l Ledger
	l.add(1, "from a", nodes[0], nodes)
	l.add(2, "from b", nodes[1], nodes)
	l.hear("from a", nodes[1])
	l.excuse(nodes[0])
	if got := l.Missing(); got != 1 {
		t.Errorf("%d are missing, want 1: c has not heard b", got)
	}
	l.hear("from a", nodes[2])
	l.hear("from b", nodes[2])
	if got, want := l.Tally(), (Tally{Said: 2, Heard: 3}); got != want {
		t.Errorf("tally %+v, want %+v", got, want)
	}
}

// enter starts a node in a seat, with the common seed.
func enter(t *testing.T, c *Cast, seat int, o NodeOptions) *Actor {
	t.Helper()
	o.MinPeers, o.MaxPeers = 1, 2
	a, err := c.Enter(seat, exec.Command(os.Args[0], o.Args()...))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func until(t *testing.T, c *Cast, what string, done func() bool) {
	t.Helper()
	if took, ok := c.Until(t.Context(), time.Minute, done); !ok {
		t.Fatalf("not in %v: %s; last words: %q, %q", took, what, c.Actors[0].LastWords(), c.Actors[len(c.Actors)-1].LastWords())
	}
}

// TestTwoActors covers everything that an actor can do, with real processes on loopback.
func TestTwoActors(t *testing.T) {
	c := NewCast()
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	var keys [2]string
	for i := range keys {
		var err error
		if keys[i], err = NewKey(); err != nil {
			t.Fatal(err)
		}
	}
	first := enter(t, c, 0, NodeOptions{Address: "127.0.0.1", Key: keys[0]})
	until(t, c, "the first is up", c.IsEverybodyUp)
	second := enter(t, c, 1, NodeOptions{Address: "127.0.0.1", Seeds: []string{first.Addr}, Key: keys[1]})
	until(t, c, "one component", func() bool { return c.IsEverybodyUp() && Parts(c.Alive()) == 1 })

	c.Talk(100)
	until(t, c, "they talk", func() bool { return c.Ledger.Tally().Heard >= 10 })
	if err := second.Pause(); errors.Is(err, errors.ErrUnsupported) {
		t.Log("NOT TESTED: processes can't be paused here")
	} else if err != nil {
		t.Fatal(err)
	} else {
		said := len(c.Ledger.lines)
		until(t, c, "they said more", func() bool { return len(c.Ledger.lines) >= said+3 })
		for _, e := range c.Ledger.lines {
			if e.number > said+1 && e.speaker == second {
				t.Error("the one who is paused was told to speak")
			}
		}
		if err := second.Resume(); err != nil {
			t.Fatal(err)
		}
	}
	c.Talk(0)
	until(t, c, "all is heard", c.Ledger.IsHeard)
	if got := c.Ledger.Tally(); got.Missing+got.Doubled+got.Disordered+got.Strayed != 0 {
		t.Errorf("tally %+v", got)
	}

	if err := c.Kill(second); err != nil {
		t.Fatal(err)
	}
	until(t, c, "the end of the link is told", func() bool { return len(first.Ends) > 0 && second.Gone })
	if end := first.Ends[0]; !strings.HasPrefix(second.ID, end.Peer) || end.Peer == "" || !end.IsAccident() {
		t.Errorf("the link to %s ended as %+v", second.ID, end)
	}
	if there := c.Alive(); !slices.Equal(there, []*Actor{first}) {
		t.Errorf("%d actors are alive", len(there))
	}

	third := enter(t, c, 1, NodeOptions{Address: "127.0.0.1", Seeds: []string{first.Addr}, Key: keys[1]})
	until(t, c, "its successor has joined", func() bool { return third.Joined && Parts(c.Alive()) == 1 })
	if third.ID != second.ID || len(c.AllActors()) != 3 {
		t.Errorf("the successor is %s, of %d", third.ID, len(c.AllActors()))
	}
	if err := third.Tell(Order{Stop: true}); err != nil {
		t.Fatal(err)
	}
	until(t, c, "it stops when told", func() bool { return third.Gone })
	if bad := c.Endings(); len(bad) > 0 {
		t.Errorf("node %d ended badly: %v: %s", bad[0].Seat, bad[0].Exit, bad[0].LastWords())
	}
}

func TestAnActorThatCanNotStartSaysWhy(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, text, _ := net.SplitHostPort(taken.Addr().String())
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	c := NewCast()
	a := enter(t, c, 0, NodeOptions{Address: "127.0.0.1", Port: port})
	until(t, c, "it ends", func() bool { return a.Gone })
	if bad := c.Endings(); len(bad) != 1 || !strings.Contains(a.LastWords(), "in use") {
		t.Errorf("ended as %v, and said %q", a.Exit, a.LastWords())
	}
}
