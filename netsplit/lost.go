package netsplit

import "time"

// A seed counts as lost when nothing was heard of it for lostAfter, and the last dial
// of it failed, whoever made it: this machine probes while the node has neighbours,
// and the membership joins while it has none. Only seeds count: addresses in
// Config.Seeds, and those that a name in it stands for now.

// lostAfter is about as long as a beacon may be silent.
const lostAfter = 10 * time.Second

// mostAsked bounds the seeds that a node asks about that neither it nor its membership
// has dialled yet, so that a dead seed is noticed on every node. A name that stands
// for more addresses is left to the nodes that beacon.
const mostAsked = 16

// heard notes that the address of a target answers, or is a neighbour, now.
func (w *Watch) heard(now time.Time, t *target, out Out) {
	t.heard, t.failure, t.tried, t.worked = now, nil, true, true
	w.tellBack(t, out)
}

// Reached notes that a dial of the membership led to a node at addr.
func (w *Watch) Reached(now time.Time, addr string, out Out) {
	w.resting.Drop(addr)
	if t := w.target(addr); t != nil {
		w.heard(now, t, out)
	}
}

// Unanswered notes that a dial of the membership to addr failed.
func (w *Watch) Unanswered(now time.Time, addr string, err error, out Out) {
	if t := w.target(addr); t != nil && !w.isOff() {
		t.failure, t.tried = err, true
		w.judge(now, t, out)
	}
}

// judge tells the program of a seed that is lost.
func (w *Watch) judge(now time.Time, t *target, out Out) {
	switch {
	case t.failure == nil:
	case w.isWell(now, t):
		w.heard(now, t, out)
	case t.seed && !t.lost && !now.Before(t.heard.Add(lostAfter)):
		t.lost = true
		out.Notify(SeedLost{t.addr, t.failure})
	}
}

// judgeName tells the program of a seed name that stands for no address.
func (w *Watch) judgeName(now time.Time, s *seedName, out Out) {
	if s.failure != nil && len(s.addrs) == 0 && !s.lost && !now.Before(w.started.Add(lostAfter)) {
		s.lost = true
		out.Notify(SeedLost{s.name, s.failure})
	}
}

// findLost judges all seeds.
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

// lostAt calls sooner with the times at which findLost has something to do.
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

// wantsFirstLook reports whether a seed has to be asked once although other nodes
// probe: nobody on this node has.
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
	return seeds <= mostAsked
}
