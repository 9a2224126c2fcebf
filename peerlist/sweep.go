package peerlist

import (
	"slices"
	"time"
)

// A node that is alone dials its seeds, maxDials at a time. A name may stand for
// hundreds of addresses of which one answers, so while none does, twice as many are
// under way each widenAfter: 400 silent addresses are all dialled after a second. If
// that leads nowhere, the next sweep waits in proportion.

const (
	widenAfter = 200 * time.Millisecond // a guess: most addresses that answer do so by then
	maxSweep   = 512                    // dials of seeds under way
	// perSeed and fewSeeds bound the dials of many seeds that are all dead: a sweep of
	// more than fewSeeds takes perSeed for each. A guess.
	perSeed  = 60 * time.Millisecond
	fewSeeds = 64
)

// sweep is how many dials of seeds may be under way.
type sweep struct {
	width   int       // 0: maxDials
	widenAt time.Time // zero: it is wide enough
}

// width is how many dials may be under way, so that seeds are among them.
func (m *Membership) dialWidth(now time.Time, want int) int {
	s := &m.sweep
	if len(m.active) > 0 {
		return want
	}
	if s.width == 0 {
		s.width = maxDials
	}
	if !s.widenAt.IsZero() && !now.Before(s.widenAt) {
		s.width, s.widenAt = min(2*s.width, maxSweep), time.Time{}
	}
	return max(want, s.width)
}

// sweeps notes after a step of a sweep whether there was no room for all seeds.
func (m *Membership) scheduleWidening(now time.Time, isFull bool) {
	s := &m.sweep
	rest := slices.ContainsFunc(m.seeds, func(s seed) bool { return !s.tried && m.canDial(Contact{Addr: s.addr}) })
	switch {
	case len(m.active) > 0 || !rest:
		*s = sweep{}
	case isFull && s.widenAt.IsZero() && s.width < maxSweep:
		s.widenAt = now.Add(widenAfter)
	}
}

// sweeping is how many of the dials under way leave the places of others alone: many
// silent seeds do not hold up what the book knows.
func (m *Membership) sweepDials() (n int) {
	if len(m.active) > 0 || len(m.seeds) <= maxDials {
		return 0
	}
	for _, d := range m.dials {
		if d.purpose == toJoin {
			n++
		}
	}
	return n
}

// betweenSweeps is the least wait before many seeds are dialled again.
func (m *Membership) betweenSweeps() time.Duration {
	if len(m.active) > 0 || len(m.seeds) <= fewSeeds {
		return 0
	}
	return time.Duration(len(m.seeds)) * perSeed
}

// orderSeeds shuffles seeds that are too many to be dialled at once, so that nodes do
// not all begin with the same, and puts those first that have worked.
func (m *Membership) orderSeeds() {
	if len(m.seeds) <= maxDials {
		return
	}
	m.cfg.Rand.Shuffle(len(m.seeds), func(i, j int) { m.seeds[i], m.seeds[j] = m.seeds[j], m.seeds[i] })
	slices.SortStableFunc(m.seeds, func(a, b seed) int { return m.seedRank(a) - m.seedRank(b) })
}

func (m *Membership) seedRank(s seed) int {
	if e := m.book.find(s.addr); e != nil && e.worked {
		return 0
	}
	return 1
}
