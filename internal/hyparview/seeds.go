package hyparview

import (
	"slices"
	"time"
)

// A node without neighbours dials its seeds, at first maxDials at a time. A name may
// resolve to hundreds of addresses of which one answers. So while none answers, the
// number of concurrent dials doubles after each widenAfter: 400 silent addresses are all
// dialled within about a second. If none answers, the wait before the next sweep is
// proportional to their number.

const (
	widenAfter = 200 * time.Millisecond // a guess: most addresses that answer do so by then
	maxSweep   = 512                    // highest number of concurrent dials of seeds
	// perSeed and fewSeeds limit the rate of dials if many seeds are all dead: a sweep of
	// more than fewSeeds takes at least perSeed for each seed. A guess.
	perSeed  = 60 * time.Millisecond
	fewSeeds = 64
)

// sweep is the state of one attempt to dial all seeds. It bounds the concurrent dials.
type sweep struct {
	width   int       // concurrent dials; 0: maxDials
	widenAt time.Time // when width doubles; zero: not scheduled
}

// dialWidth returns how many dials may run at once, seeds included.
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

// scheduleWidening schedules a wider sweep if the current width has no room for all
// seeds. It ends the sweep if no seed is left.
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

// sweepDials returns how many running dials do not count against other dials, so that
// many silent seeds do not delay dials of the book.
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

// betweenSweeps returns the shortest wait before many seeds are dialled again.
func (m *Membership) betweenSweeps() time.Duration {
	if len(m.active) > 0 || len(m.seeds) <= fewSeeds {
		return 0
	}
	return time.Duration(len(m.seeds)) * perSeed
}

// orderSeeds shuffles the seeds if they are too many to be dialled at once, so that
// nodes do not all begin with the same ones. Seeds that have worked come first.
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
