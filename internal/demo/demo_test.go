package main

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// The test binary is a node of the story when it is started as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == nodeMode {
		os.Exit(beNode(os.Args[2:]))
	}
	goleak.VerifyTestMain(m)
}

// mesh makes actors of a picture: "a:bc" means that a has links to b and c.
func mesh(picture ...string) []*actor {
	var nodes []*actor
	for seat, row := range picture {
		id, links, _ := strings.Cut(row, ":")
		a := &actor{seat: seat, id: id, heard: make(map[string]int), told: make(map[reportKind]int), first: make(map[reportKind]time.Time)}
		if links != "" {
			a.links = strings.Split(links, "")
		}
		nodes = append(nodes, a)
	}
	return nodes
}

func TestPartsCountsWhatBothEndsKnow(t *testing.T) {
	for _, test := range []struct {
		nodes []*actor
		want  int
	}{
		{mesh(), 0},
		{mesh("a:"), 1},
		{mesh("a:b", "b:a"), 1},
		{mesh("a:b", "b:"), 2},          // only one end has it
		{mesh("a:b", "b:ac", "c:b"), 1}, // a line
		{mesh("a:b", "b:a", "c:d", "d:c"), 2},
		{mesh("a:x"), 1}, // somebody who is not there
	} {
		if got := parts(test.nodes); got != test.want {
			t.Errorf("%v: %d parts, want %d", test.nodes, got, test.want)
		}
	}
}

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
	if got := crossing(nodes[:2], nodes[2:]); got != 1 {
		t.Errorf("%d links across, want 1", got)
	}
}

func TestTheLedgerFindsWhatIsMissingDoubledAndStrayed(t *testing.T) {
	nodes := mesh("a:", "b:", "c:", "d:")
	var l ledger
	l.add("hi", nodes[0], nodes[:3]) // d could not hear it
	if l.isHeard(nodes) {
		t.Error("heard before anybody heard it")
	}
	nodes[1].heard["hi"] = 1
	nodes[2].heard["hi"] = 3
	nodes[3].heard["hi"] = 1
	if got, want := l.tally(nodes), (tally{heard: 2, doubled: 2, strayed: 1}); got != want {
		t.Errorf("tally %+v, want %+v", got, want)
	}
	nodes[0].heard["hi"] = 1 // nobody hears what it says itself
	if got := l.tally(nodes); got.strayed != 2 {
		t.Errorf("tally %+v, want 2 strayed", got)
	}
	nodes[1].heard["hi"] = 0
	if got := l.tally(nodes); got.missing != 1 {
		t.Errorf("tally %+v, want 1 missing", got)
	}
	l.widen(nodes)
	if got := l.tally(nodes); got.heard != 2 || got.strayed != 1 {
		t.Errorf("tally %+v: d should hear it now", got)
	}
}

func TestAMeasureTellsWhatFellShort(t *testing.T) {
	nodes := mesh("a:b", "b:a", "c:")
	c := newCast(nil, &screen{}, false)
	c.actors = nodes
	c.ledger.add("hi", nodes[0], nodes)
	nodes[1].heard["hi"] = 2
	nodes[2].gone, nodes[2].exit, nodes[2].log = true, errors.New("exit status 2"), bytes.NewBufferString("so\nout of luck\n")
	nodes[1].told[isGap] = 1

	m := measure{Phase: "test"}
	m.within("the end of time", 3*time.Second, false)
	m.count(c)
	c.settle(&m)
	c.settle(&m) // what was told is not told again
	want := []string{
		"not in 3 s: the end of time",
		"1 deliveries came again",
		"node 2 ended by itself: exit status 2: out of luck",
		"1 times a node was told that messages are lost for good",
	}
	if got := strings.Join(m.short, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("fell short:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
}

func TestTheTable(t *testing.T) {
	var out bytes.Buffer
	s := &screen{out: &out}
	story := story{Cut: "real", Nodes: 12}
	s.title(story)
	good := measure{Phase: "form", Seconds: 0.5, Alive: 12, Parts: 1, Fewest: 3, Most: 5, Said: 12, Heard: 132}
	good.note("one component: 0.40 s")
	bad := measure{Phase: "talk", Missing: 7}
	bad.fellShort("7 deliveries are missing")
	for _, m := range []measure{good, bad} {
		story.add(m)
		s.row(m)
	}
	s.end(story)
	want := `12 processes on one machine; the cut is real

phase             took  alive parts  links   said  heard missing doubled
form            0.50 s     12     1    3–5     12    132       0       0
              one component: 0.40 s
talk            0.00 s      0     0    0–0      0      0       7       0  FELL SHORT

fell short:
  talk: 7 deliveries are missing
`
	if out.String() != want {
		t.Errorf("shown\n%s\nwant\n%s", out.String(), want)
	}
}

// TestTheStory tells it from the beginning to the end, with the relay and with
// the real network.
func TestTheStory(t *testing.T) {
	if testing.Short() {
		t.Skip("NOT TESTED: the story takes half a minute")
	}
	for name, proxy := range map[string]bool{"relay": true, "network": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it waits more than it works
			var out bytes.Buffer
			story, err := tell(t.Context(), proxy, false, &screen{out: &out})
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(story.Cut, "not real") {
				t.Skipf("NOT TESTED: no network to cut: %s", story.Cut)
			}
			t.Log("\n" + out.String())
			if len(story.Shortfalls) > 0 {
				t.Errorf("fell short: %s", strings.Join(story.Shortfalls, "; "))
			}
		})
	}
}
