package meshview

import (
	"fmt"
	"strings"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// While links break and come back, a mesh passes through states that mean nothing: six
// parts on the way to two, seeds that were not asked again yet. So the board settles
// before it judges.
const (
	// partsSettle is how long the number of parts stays as it is before it is noted: all
	// links that a cut has broken are found dead within 5 s, by default.
	partsSettle = 6 * time.Second
	// settleFor is how long the mesh is whole before that is noted. A guess: surveys that
	// began before the heal have ended by then.
	settleFor = 3 * time.Second
	// seedsSettle is how long after a heal a seed may count as lost. Nodes ask their
	// seeds again within four seconds, by default.
	seedsSettle = 6 * time.Second
	// healedFor is for how long a heal is shown. What was lost is known by then: an event
	// that can't be had is given up within 30 s (docs/proof.md).
	healedFor = 30 * time.Second
)

// Healer is a mesh that says when two parts of it have become one.
type Healer interface {
	OnHeal(fn func())
}

// Tallier is a mesh that counts what came late and what was lost, at the node through
// which one looks.
type Tallier interface {
	// Tally returns how many events came long after they were emitted, while a page was
	// open, and how many will never come, since that node was made.
	Tally() (late, lost uint64)
}

// Healed is what a cut has cost, in the half minute after it.
type Healed struct {
	At    float64 `json:"at"`    // as Picture.At
	After float64 `json:"after"` // seconds for which the mesh was in parts
	// Late and Lost are events, at the node through which one looks; -1: not known, as in a
	// simulation.
	Late int `json:"late"`
	Lost int `json:"lost"`
	// Losers is the number of nodes that lost events.
	Losers int `json:"losers"`
}

// cut is the time in which the mesh is not whole. Board.mu guards it.
type cut struct {
	at         time.Time // zero: there is none
	isParted   bool      // there were parts, and not only silent nodes
	isHealed   bool      // the mesh has said so
	wholeAt    time.Time // since when it is whole again; zero: it is not
	late, lost uint64    // when it began
	gaps       map[smoke.ID]uint64
}

// turn is what follow saw.
type turn struct {
	parts, silent, fell int // nodes that are silent, and those of them that were not before
}

// follow notes how a cut goes on. The caller holds mu; tally was asked before.
func (b *Board) follow(now time.Time, t turn, late, lost uint64) {
	b.followParts(now, t.parts)
	isWhole := t.parts <= 1 && (t.silent == 0 || b.cut.isHealed)
	if b.cut.at.IsZero() && t.parts > 1 || t.fell > 0 && !b.cut.isParted {
		// A node that is down may be silent for minutes: what falls silent later is
		// another story.
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
			b.note(fmt.Sprintf("the mesh is one again, after %v", b.cut.wholeAt.Sub(b.cut.at).Round(100*time.Millisecond)))
		}
		b.cut = cut{}
	}
	if !b.healed.IsZero() && now.Sub(b.healed) >= healedFor {
		if text := b.toll(late, lost).words(); text != "" {
			b.note("since the mesh is one again: " + text)
		}
		b.healed, b.healedCut = time.Time{}, cut{}
	}
}

// followParts notes in how many parts the mesh is, when that has been so for a while.
// The caller holds mu.
func (b *Board) followParts(now time.Time, parts int) {
	if parts == 0 {
		return // nothing was heard
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

// gaps are those of all nodes now. The caller holds mu.
func (b *Board) gaps() map[smoke.ID]uint64 {
	m := make(map[smoke.ID]uint64, len(b.nodes))
	for id, n := range b.nodes { // order does not matter: it makes a map
		m[id] = n.Gaps
	}
	return m
}

// toll is what the last cut has cost so far; nil if there was none. The caller holds mu.
func (b *Board) toll(late, lost uint64) *Healed {
	if b.healed.IsZero() {
		return nil
	}
	c := b.healedCut
	h := &Healed{At: b.since(b.healed), After: b.healed.Sub(c.at).Seconds(), Late: -1, Lost: -1}
	if _, ok := b.mesh.(Tallier); ok {
		h.Late, h.Lost = int(late-c.late), int(lost-c.lost)
	}
	for id, n := range b.nodes { // order does not matter: it counts
		if before, known := c.gaps[id]; known && n.Gaps > before {
			h.Losers++
		}
	}
	return h
}

// words says what a cut has cost; "" if that is not known.
func (h *Healed) words() string {
	var list []string
	if h.Late >= 0 {
		list = append(list, fmt.Sprintf("%s late to this node, %s lost to it", count(h.Late, "event came", "events came"), count(h.Lost, "is", "are")))
	}
	if h.Losers > 0 {
		list = append(list, count(h.Losers, "node lost events", "nodes lost events"))
	} else {
		list = append(list, "no node lost an event")
	}
	return strings.Join(list, "; ")
}

// isSettling reports whether the mesh is about to be whole, or was not a moment ago. The
// caller holds mu.
func (b *Board) isSettling(now time.Time) bool {
	return !b.cut.at.IsZero() || !b.healed.IsZero() && now.Sub(b.healed) < seedsSettle || now.Sub(b.healHeard) < seedsSettle
}

// onHeal takes it that two parts have become one, as the mesh says.
func (b *Board) onHeal() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.healHeard = time.Now()
	b.cut.isHealed = !b.cut.at.IsZero()
}

// tally asks the mesh. It is called without mu: the mesh may hold a lock of its own while
// it calls the board.
func (b *Board) tally() (late, lost uint64) {
	if t, ok := b.mesh.(Tallier); ok {
		return t.Tally()
	}
	return 0, 0
}
