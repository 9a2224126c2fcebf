package netsplit

import "time"

// A seed is lost if no frame came from it for lostAfter and the last dial of it failed.
// Watch dials seeds while the node has neighbours; the membership dials them while it has
// none. Only seeds are reported: the addresses in Config.Seeds, and the addresses to
// which a name in it resolves now.

// lostAfter is the time after which a seed that is not heard can count as lost. It is
// about as long as a beacon may be silent.
const lostAfter = 10 * time.Second

// maxAsked bounds the seeds that a node dials once although other nodes probe them.
// Because of these dials, every node notices a dead seed. If there are more seeds than
// that, only the beaconing nodes probe them.
const maxAsked = 16

// markHeard records that a target answers now, or is a neighbour.
func (w *Watch) markHeard(now time.Time, t *target, out Out) {
	t.heard, t.failure, t.tried, t.worked = now, nil, true, true
	w.reportBack(t, out)
}

// Reached records that a dial of the membership reached a node at addr.
func (w *Watch) Reached(now time.Time, addr string, out Out) {
	w.resting.Drop(addr)
	if t := w.target(addr); t != nil {
		w.markHeard(now, t, out)
	}
}

// Unanswered records that a dial of the membership to addr failed.
func (w *Watch) Unanswered(now time.Time, addr string, err error, out Out) {
	if t := w.target(addr); t != nil && !w.isOff() {
		t.failure, t.tried = err, true
		w.judge(now, t, out)
	}
}

// judge reports a lost seed to the program.
func (w *Watch) judge(now time.Time, t *target, out Out) {
	switch {
	case t.failure == nil:
	case w.isWell(now, t):
		w.markHeard(now, t, out)
	case t.seed && !t.lost && !now.Before(t.heard.Add(lostAfter)):
		t.lost = true
		out.Notify(SeedLost{t.addr, t.failure})
	}
}

// judgeName reports a seed name that resolves to no address to the program.
func (w *Watch) judgeName(now time.Time, s *seedName, out Out) {
	if s.failure != nil && len(s.addrs) == 0 && !s.lost && !now.Before(w.started.Add(lostAfter)) {
		s.lost = true
		out.Notify(SeedLost{s.name, s.failure})
	}
}

// findLost calls judge and judgeName for all seeds.
func (w *Watch) findLost(now time.Time, out Out) {
	if w.isOff() {
		return
	}
	for _, t := range w.targets {
		w.judge(now, t, out)
	}
	for _, s := range w.names {
		w.judgeName(now, s, out)
	}
}

// lostAt calls sooner with each time at which findLost must run.
func (w *Watch) lostAt(sooner func(time.Time)) {
	if w.isOff() {
		return
	}
	for _, t := range w.targets {
		if t.seed && t.failure != nil && !t.lost {
			sooner(t.heard.Add(lostAfter))
		}
	}
	for _, s := range w.names {
		if s.failure != nil && len(s.addrs) == 0 && !s.lost {
			sooner(w.started.Add(lostAfter))
		}
	}
}

// wantsFirstLook reports whether a seed must be dialled although other nodes probe it,
// because this node has never dialled it.
func (w *Watch) wantsFirstLook(t *target) bool {
	if !t.seed || t.tried {
		return false
	}
	seeds := 0
	for _, t := range w.targets {
		if t.seed {
			seeds++
		}
	}
	return seeds <= maxAsked
}
