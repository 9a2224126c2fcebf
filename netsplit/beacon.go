package netsplit

import (
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/retry"
)

func (w *Watch) isOff() bool { return w.cfg.Interval < 0 }

func (w *Watch) silence() time.Duration { return missed*w.cfg.Interval + slack }

// freshFor returns the age up to which a beacon counts as heard. In an intact component,
// each beacon arrives once per interval.
func (w *Watch) freshFor() time.Duration { return w.cfg.Interval*3/2 + slack/2 }

func (w *Watch) isFresh(now time.Time, b *beacon) bool { return now.Sub(b.heard) <= w.freshFor() }

func (w *Watch) own() *Beacon {
	return &Beacon{Origin: w.cfg.Self, Count: w.count, Addr: w.cfg.Addr}
}

// forLink returns a copy of the beacon for one link, without an address that is not
// valid at the other end.
func (w *Watch) forLink(b *Beacon, local bool) *Beacon {
	copied := *b
	if !local && ident.IsLoopback(copied.Addr) {
		copied.Addr = ""
	}
	return &copied
}

func (w *Watch) flood(except ident.Link, b *Beacon, out Out) {
	for _, n := range w.neighbors {
		if n.link != except {
			out.Send(n.link, w.forLink(b, n.local))
		}
	}
}

// onBeacon stores a new beacon and forwards it.
func (w *Watch) onBeacon(now time.Time, link ident.Link, msg *Beacon, out Out) {
	from := w.neighbor(link)
	if from == nil || w.isOff() {
		return
	}
	if msg.Origin.ID == w.cfg.Self.ID {
		w.onTwin(now, w.forLink(msg, from.local), out)
		return
	}
	msg = w.forLink(msg, from.local) // the address may not be valid on this machine
	at, found := slices.BinarySearchFunc(w.known, msg.Origin.ID, func(b *beacon, id ident.ID) int {
		return b.Origin.ID.Compare(id)
	})
	var fresh *beacon
	switch {
	case found && !isNews(&w.known[at].Beacon, msg):
		return
	case found:
		w.known[at].Beacon = *msg
		w.known[at].heard = now
	case len(w.known) >= maxKnown && at == len(w.known):
		return // the ID of the beacon is higher than all stored IDs, so it cannot name the component
	default:
		fresh = &beacon{Beacon: *msg, heard: now, first: now}
		w.known = slices.Insert(w.known, at, fresh)
		w.known = w.known[:min(len(w.known), maxKnown)]
	}
	if w.since.IsZero() {
		w.since = now
	}
	w.postponeVolunteering(now)
	w.flood(link, msg, out)
	w.stopProbing(now, msg.Addr, out)
	if fresh != nil {
		w.matchClaims(now, fresh, out)
	}
	w.dropOther(now, msg.Origin.ID, out)
	w.decideBeaconing(now, out)
}

func isNews(old, msg *Beacon) bool {
	if msg.Origin.Epoch != old.Origin.Epoch {
		return msg.Origin.Epoch > old.Origin.Epoch
	}
	return msg.Count > old.Count
}

// expireBeacons removes beacons that have fallen silent. It makes their addresses targets
// of probes.
func (w *Watch) expireBeacons(now time.Time) {
	w.known = slices.DeleteFunc(w.known, func(b *beacon) bool {
		silent := now.Sub(b.heard) >= w.silence()
		if silent {
			w.addLostTarget(now, b)
		}
		return silent
	})
}

// postponeVolunteering sets the time at which this node starts to beacon if it hears no
// beacon by then. The time is partly random, so that usually one node starts first.
func (w *Watch) postponeVolunteering(now time.Time) {
	wait := w.cfg.Interval + retry.Upto(2*w.cfg.Interval, w.cfg.Rand)
	if len(w.known) > 0 {
		wait += w.silence()
	}
	w.volunteer = now.Add(wait)
}

// decideBeaconing decides whether this node beacons. A seed does, unless it hears three
// beacons with lower IDs. Any other node starts if it hears no beacon at all, and stops
// when it hears one with a lower ID.
func (w *Watch) decideBeaconing(now time.Time, out Out) {
	lower, lasting := 0, 0
	for _, b := range w.known {
		if b.Origin.ID.Less(w.cfg.Self.ID) {
			lower++
			// After a split heals, continue until all nodes have heard this node's ID.
			if now.Sub(b.first) >= w.silence() {
				lasting++
			}
		}
	}
	was := w.beaconing
	switch {
	case len(w.neighbors) == 0 || w.isOff():
		w.beaconing = false
	case w.isSeed && w.beaconing:
		w.beaconing = lasting < quietWith
	case w.isSeed:
		w.beaconing = lower < quietWith
	case w.beaconing:
		w.beaconing = lower == 0
	default:
		w.beaconing = len(w.known) == 0 && !w.volunteer.IsZero() && !now.Before(w.volunteer)
	}
	if w.beaconing && !was {
		if w.since.IsZero() {
			w.since = now
		}
		w.count++
		w.beaconAt = now.Add(w.cfg.Interval)
		w.flood(0, w.own(), out)
		w.hastenProbes(now)
	}
	if !w.beaconing && was {
		w.postponeVolunteering(now)
	}
}
