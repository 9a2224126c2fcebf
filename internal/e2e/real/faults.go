package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/e2e/cluster"
)

// part cuts the network into so many parts of about equal size, drawn at random,
// but with all seeds in the first, and returns them.
func (r *run) part(n int) [][]*cluster.Actor {
	if r.failed() {
		return nil
	}
	r.faultNow()
	parts := make([][]*cluster.Actor, n)
	living := r.cast.Alive()
	seeds, others := living[:r.seeds], living[r.seeds:]
	r.rand.Shuffle(len(others), func(i, j int) { others[i], others[j] = others[j], others[i] })
	for place, a := range slices.Concat(seeds, others) {
		at := place * n / len(living)
		parts[at] = append(parts[at], a)
	}
	var names [][]string
	for _, p := range parts {
		names = append(names, sidesOf(p))
	}
	r.try(r.lab.Part(names...))
	return parts
}

// heal ends all cuts, and says when it began to.
func (r *run) heal() (at time.Time) {
	at = time.Now()
	if !r.failed() {
		r.try(r.lab.Heal())
	}
	return at
}

// crash kills processes. Silently: the network drops all from and to them first,
// so that nobody hears a reset. It says when it began to.
func (r *run) crash(victims []*cluster.Actor, silently bool) (at time.Time) {
	at = time.Now()
	if r.failed() {
		return at
	}
	r.faultNow()
	for _, a := range victims {
		r.killed[a.ID] = true
	}
	if silently {
		r.try(r.lab.Isolate(sidesOf(victims)...))
	}
	r.try(r.cast.Kill(victims...))
	return at
}

// gone waits until killed processes have gone.
func (r *run) gone(victims []*cluster.Actor) {
	if r.failed() {
		return
	}
	_, ok := r.cast.Until(r.ctx, time.Minute, func() bool {
		return !slices.ContainsFunc(victims, func(a *cluster.Actor) bool { return !a.Gone })
	})
	if !ok {
		r.try(fmt.Errorf("a killed process has not gone in a minute"))
	}
}

// cutOneWay lets so many links between neighbours, each of other nodes, carry
// nothing any more from the first to the second. It says when it began to.
func (r *run) cutOneWay(n int) (links [][2]*cluster.Actor, at time.Time) {
	at = time.Now()
	if r.failed() {
		return nil, at
	}
	r.faultNow()
	hit := make(map[*cluster.Actor]bool)
	for _, a := range r.some(r.cast.Alive(), 1) {
		for _, b := range r.cast.Alive() {
			if len(links) < n && !hit[a] && !hit[b] && slices.Contains(a.Links, b.ID) && slices.Contains(b.Links, a.ID) {
				hit[a], hit[b] = true, true
				links = append(links, [2]*cluster.Actor{a, b})
				r.try(r.lab.CutOneWay(side(a.Seat), side(b.Seat)))
			}
		}
	}
	return links, at
}

// stall has processes stand still, each for a time of its own, and returns when
// the last one goes on.
func (r *run) stall(victims []*cluster.Actor) {
	if r.failed() {
		return
	}
	r.faultNow()
	begin := time.Now()
	ends := make(map[*cluster.Actor]time.Duration)
	for _, a := range victims {
		ends[a] = r.stallLeast + time.Duration(r.rand.Int64N(int64(r.stallMost-r.stallLeast)+1))
		r.try(a.Pause())
	}
	slices.SortFunc(victims, func(a, b *cluster.Actor) int { return int(ends[a] - ends[b]) })
	for _, a := range victims {
		r.wait(ends[a] - time.Since(begin))
		r.try(a.Resume())
	}
}
