package meshview

import (
	"fmt"
	"strings"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// While links break and return, a mesh passes through short-lived states: six parts before
// it has two, or seeds that are not dialled again yet. So the board waits for a stable
// state before it reports.
const (
	// partsSettle is how long the number of parts must be stable before it is reported. By
	// default, a partition's dead links are found within 5 s.
	partsSettle = 6 * time.Second
	// settleFor is how long the mesh must be whole before that is reported. A guess:
	// surveys that began before the heal have ended by then.
	settleFor = 3 * time.Second
	// seedsSettle is how long after a heal lost seeds are not reported. By default, nodes
	// dial their seeds again within four seconds.
	seedsSettle = 6 * time.Second
	// healedFor is how long a heal is shown. Losses are known by then: a lost event is
	// given up within 30 s (docs/proof.md).
	healedFor = 30 * time.Second
)

// Healer is a mesh that reports when two parts have become one.
type Healer interface {
	OnHeal(fn func())
}

// Tallier is a mesh that counts late and lost events at the node that serves the page.
type Tallier interface {
	// Tally returns how many events arrived long after they were emitted while a page was
	// open, and how many are lost since the node was made.
	Tally() (late, lost uint64)
}

// Healed is the cost of a partition, shown for half a minute after it.
type Healed struct {
	At    float64 `json:"at"`    // as Picture.At
	After float64 `json:"after"` // seconds for which the mesh was in parts
	// Late and Lost count events at the node that serves the page; -1: not known, as in a
	// simulation.
	Late int `json:"late"`
	Lost int `json:"lost"`
	// Losers is the number of nodes that lost events.
	Losers int `json:"losers"`
}

// cut describes the period in which the mesh is not whole. Board.mu guards it.
type cut struct {
	at         time.Time // zero: there is none
	isParted   bool      // the mesh had several parts, not only silent nodes
	isHealed   bool      // the mesh has reported the heal
	wholeAt    time.Time // when the mesh became whole again; zero: not yet
	late, lost uint64    // the counts when the cut began
	gaps       map[smoke.ID]uint64
}

// turn holds the numbers that one survey passes to follow.
type turn struct {
	parts, silent, fell int // silent nodes, and those that were not silent before
}

// follow updates the partition. The caller holds mu, and has called tally before.
func (b *Board) follow(now time.Time, t turn, late, lost uint64) {
	b.followParts(now, t.parts)
	isWhole := t.parts <= 1 && (t.silent == 0 || b.cut.isHealed)
	if b.cut.at.IsZero() && t.parts > 1 || t.fell > 0 && !b.cut.isParted {
		// A node that is down may be silent for minutes. If other nodes fall silent later,
		// a new partition begins.
		b.cut = cut{at: now, late: late, lost: lost, gaps: b.gaps()}
		isWhole = false
	}
	if t.parts > 1 {
		b.cut.isParted = true
		b.healed, b.healedCut = time.Time{}, cut{}
	}
	switch {
	case b.cut.at.IsZero():
	case !isWhole:
		b.cut.wholeAt = time.Time{}
	case b.cut.wholeAt.IsZero():
		b.cut.wholeAt = now
	case now.Sub(b.cut.wholeAt) >= settleFor:
		if b.cut.isParted || b.cut.isHealed {
			b.healed, b.healedCut = b.cut.wholeAt, b.cut
			b.note(fmt.Sprintf("the mesh is whole again, after %v", b.cut.wholeAt.Sub(b.cut.at).Round(100*time.Millisecond)))
		}
		b.cut = cut{}
	}
	if !b.healed.IsZero() && now.Sub(b.healed) >= healedFor {
		if text := b.toll(late, lost).words(); text != "" {
			b.note("since the heal: " + text)
		}
		b.healed, b.healedCut = time.Time{}, cut{}
	}
}

// followParts reports the number of parts once it has been stable. The caller holds mu.
func (b *Board) followParts(now time.Time, parts int) {
	if parts == 0 {
		return // no node answered
	}
	if parts != b.parts {
		b.parts, b.partsSince = parts, now
	}
	if now.Sub(b.partsSince) < partsSettle || parts == b.notedParts {
		return
	}
	if parts > 1 {
		b.note(fmt.Sprintf("the mesh is in %d parts", parts))
	}
	b.notedParts = parts
}

// gaps returns the gap counts of all nodes. The caller holds mu.
func (b *Board) gaps() map[smoke.ID]uint64 {
	m := make(map[smoke.ID]uint64, len(b.nodes))
	for id, n := range b.nodes { // order does not matter: the result is a map
		m[id] = n.Gaps
	}
	return m
}

// toll returns the cost of the last partition so far: its late and lost events. It returns
// nil if there was none. The caller holds mu.
func (b *Board) toll(late, lost uint64) *Healed {
	if b.healed.IsZero() {
		return nil
	}
	c := b.healedCut
	h := &Healed{At: b.since(b.healed), After: b.healed.Sub(c.at).Seconds(), Late: -1, Lost: -1}
	if _, ok := b.mesh.(Tallier); ok {
		h.Late, h.Lost = int(late-c.late), int(lost-c.lost)
	}
	for id, n := range b.nodes { // order does not matter: the result is a count
		if before, known := c.gaps[id]; known && n.Gaps > before {
			h.Losers++
		}
	}
	return h
}

// words formats the cost of a partition; "" if it is not known.
func (h *Healed) words() string {
	var list []string
	if h.Late >= 0 {
		list = append(list, fmt.Sprintf("%s late at this node, which lost %d", count(h.Late, "event arrived", "events arrived"), h.Lost))
	}
	if h.Losers > 0 {
		list = append(list, count(h.Losers, "node lost events", "nodes lost events"))
	} else {
		list = append(list, "no node lost an event")
	}
	return strings.Join(list, "; ")
}

// isSettling reports whether the mesh is about to be whole, or has just become whole. The
// caller holds mu.
func (b *Board) isSettling(now time.Time) bool {
	return !b.cut.at.IsZero() || !b.healed.IsZero() && now.Sub(b.healed) < seedsSettle || now.Sub(b.healHeard) < seedsSettle
}

// onHeal records that the mesh has reported a heal.
func (b *Board) onHeal() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.healHeard = time.Now()
	b.cut.isHealed = !b.cut.at.IsZero()
}

// tally asks the mesh for its counts of late and lost events. It is called without mu,
// because the mesh may hold its own lock while it calls the board.
func (b *Board) tally() (late, lost uint64) {
	if t, ok := b.mesh.(Tallier); ok {
		return t.Tally()
	}
	return 0, 0
}
