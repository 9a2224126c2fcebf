package plumtree

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// heart is a pulse without a tree: its links have roles, but carry no events.
type heart struct {
	t *testing.T
	pulse
	now   time.Time
	links links
	said  []string
}

func newHeart(t *testing.T, n ident.Link) *heart {
	h := &heart{t: t, now: birth}
	cfg := Config{Self: origin(0)}.withDefaults()
	h.pulse = pulse{cfg: &cfg, started: birth, links: &h.links, late: new(lateness)}
	for id := range n {
		h.links = append(h.links, newLink(id+1))
		h.showTree(h.now, &h.links[id], h)
	}
	return h
}

func (h *heart) sendPulse(to ident.Link, m *Pulse) {
	h.said = append(h.said, fmt.Sprintf("pulse %d of %s over %d to %d", m.Count, m.Root, m.Hops, to))
}

func (h *heart) askToPush(to ident.Link, isParent bool) {
	h.said = append(h.said, fmt.Sprintf("ask %d, parent %v", to, isParent))
}

func (h *heart) makeEager(l *link)                 { l.role.startPushing() }
func (h *heart) makeLazy(l *link)                  { l.role.stopPushing() }
func (h *heart) pullDelay(time.Time) time.Duration { return 150 * time.Millisecond }

func (h *heart) get(from ident.Link, m *Pulse) { h.onPulse(h.now, h.links.find(from), m, h) }

func (h *heart) pass(d time.Duration) {
	h.now = h.now.Add(d)
	h.advance(h.now, h)
}

func (h *heart) want(said ...string) {
	h.t.Helper()
	if !slices.Equal(h.said, said) {
		h.t.Errorf("at %v: said %q, want %q", h.now.Sub(birth), h.said, said)
	}
	h.said = nil
}

func (h *heart) wantRole(id ident.Link, push push, place place) {
	h.t.Helper()
	if r := h.links.find(id).role; r.push != push || r.place != place {
		h.t.Errorf("at %v: link %d has role %+v", h.now.Sub(birth), id, r)
	}
}

// A pulse assigns the role of each link, and a lost parent is replaced, without any
// event.
func TestPulseNeedsNoTree(t *testing.T) {
	h := newHeart(t, 3)
	h.get(1, pulseOf(7, 1, 2))
	root := origin(7).String()
	h.want("pulse 1 of "+root+" over 3 to 2", "pulse 1 of "+root+" over 3 to 3", "ask 1, parent true")
	h.get(2, pulseOf(7, 1, 2))
	h.pass(149 * time.Millisecond)
	h.wantRole(2, eager, stray)
	h.wantRole(3, eager, stray)
	h.pass(time.Millisecond) // all links get their places at once
	h.wantRole(1, eager, branch)
	h.wantRole(2, lazy, stray)
	h.wantRole(3, eager, branch)

	gone := h.links[0]
	h.links = h.links[1:]
	h.onLinkDown(gone.id, gone.role, h)
	h.want("ask 2, parent true")
	h.wantRole(2, eager, branch)
	if h.parent != 2 || h.isLost() {
		t.Errorf("the parent is %d", h.parent)
	}
	h.links = h.links[1:]
	h.onLinkDown(2, role{push: eager, place: branch}, h)
	h.want() // the last link is eager already
	if !h.isLost() {
		t.Error("a child became the path to the root")
	}
}

// Without a root, the first event of this node makes it the root.
func TestPulseOfANodeThatEmits(t *testing.T) {
	h := newHeart(t, 1)
	if h.noteEvents(h.now) {
		t.Error("a pulse for an event of another node")
	}
	if !h.noteEmitted(h.now) {
		t.Fatal("no pulse for an own event")
	}
	h.send(h.now, h)
	h.want("pulse 1 of " + origin(0).String() + " over 1 to 1")
	if h.noteEmitted(h.now) {
		t.Error("a second pulse at once")
	}
	h.pass(pulseEvery)
	h.want("pulse 2 of " + origin(0).String() + " over 1 to 1")
	h.pass(pulseEvery)
	h.want() // no pulse, because there were no events
	if !h.noteEvents(h.now) {
		t.Error("there are events again, and no pulse")
	}
}

// A neighbour asked this node to push, and after that its copy of the pulse came. The
// pulse is about to make that link lazy, so a node that loses its parent asks on that
// link too.
func TestLostNodeAsksOnEachLinkThatMayBecomeLazy(t *testing.T) {
	h := newHeart(t, 4)
	h.get(1, pulseOf(7, 1, 2))
	h.links[1].role.exemptFromPulse()
	h.links[2].role.exemptFromPulse()
	h.get(2, pulseOf(7, 1, 5))
	h.said = nil
	gone := h.links[0]
	h.links = h.links[1:]
	h.onLinkDown(gone.id, gone.role, h)
	h.want("ask 2, parent false", "ask 4, parent false")
	h.pass(time.Second)
	for _, id := range []ident.Link{2, 3, 4} {
		h.wantRole(id, eager, stray)
	}
}

// The rank of a node counts its events since the last pulse, even if another root sent
// that pulse.
func TestRankCountsEventsSinceTheLastPulse(t *testing.T) {
	h := newHeart(t, 1)
	h.get(1, pulseOf(7, 1, 2))
	quiet := h.ownRank()
	for range 16 {
		h.noteEmitted(h.now)
	}
	if busy := h.ownRank(); busy != quiet+3 {
		t.Errorf("rank %d after 16 events, and %d before", busy, quiet)
	}
	h.get(1, pulseOf(7, 2, 2))
	if again := h.ownRank(); again != quiet {
		t.Errorf("rank %d after a pulse, and %d before", again, quiet)
	}
}
