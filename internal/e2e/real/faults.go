package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/e2e/cluster"
)

// part partitions the network into n parts of about equal size and returns them. Nodes are
// drawn at random, but all seeds are in the first part.
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

// heal ends all cuts and returns the time at which it began.
func (r *run) heal() (at time.Time) {
	at = time.Now()
	if !r.failed() {
		r.try(r.lab.Heal())
	}
	return at
}

// crash kills processes. If silently is set, the network first drops all their packets, so
// that no node gets a reset. It returns the time at which it began.
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

// gone waits until killed processes have ended.
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

// cutOneWay blocks n links between different neighbours in one direction, from the first to
// the second. It returns the time at which it began.
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

// stall suspends processes, each for its own time, and returns when the last one is
// resumed.
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
