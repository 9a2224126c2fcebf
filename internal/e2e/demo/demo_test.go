package demo

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/smokesignal-go/smokesignal/internal/e2e/cluster"
)

// If started as a node, the test binary is a node of the story.
func TestMain(m *testing.M) {
	if cluster.IsNode() {
		os.Exit(cluster.BeNode())
	}
	goleak.VerifyTestMain(m)
}

// script is a rig whose nodes are programs that the test chooses.
type script struct {
	proxyRig
	shell string
}

func (s script) command(int, string) *exec.Cmd { return exec.Command("sh", "-c", s.shell) }
func (s script) placed(int, string)            {}

func TestAMeasureTellsWhatFellShort(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skipf("NOT TESTED: %v", err)
	}
	c := newCast(script{shell: `echo '{"is":"gap","node":"a"}'; echo so >&2; echo out of luck >&2; exit 2`}, &screen{}, false)
	if err := c.enter(seedSeat); err != nil {
		t.Fatal(err)
	}
	c.Until(t.Context(), time.Minute, func() bool { return c.Actors[seedSeat].Gone })

	m := measure{Phase: "test"}
	m.within("the end of time", 3*time.Second, false)
	m.count(c)
	c.settle(&m)
	c.settle(&m) // reported only once
	want := []string{
		"not in 3 s: the end of time",
		"node 0 ended by itself: exit status 2: out of luck",
		"nodes reported lost messages 1 times",
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

// TestTheStory runs the whole story, with the relay and with the real network.
func TestTheStory(t *testing.T) {
	if testing.Short() {
		t.Skip("NOT TESTED: the story takes half a minute")
	}
	for name, proxy := range map[string]bool{"relay": true, "network": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it mostly waits
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
