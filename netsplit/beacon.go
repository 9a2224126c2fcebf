package netsplit

import (
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/retry"
)

func (w *Watch) isOff() bool { return w.cfg.Interval < 0 }

func (w *Watch) silence() time.Duration { return missed*w.cfg.Interval + slack }

// freshFor: in a whole component every beacon is heard once an interval.
func (w *Watch) freshFor() time.Duration { return w.cfg.Interval*3/2 + slack/2 }

func (w *Watch) isFresh(now time.Time, b *beacon) bool { return now.Sub(b.heard) <= w.freshFor() }

func (w *Watch) own() *Beacon {
	return &Beacon{Origin: w.cfg.Self, Count: w.count, Addr: w.cfg.Addr}
}

// passOn is the beacon as it may be told over a link: without an address that
// means nothing there.
func (w *Watch) passOn(b *Beacon, local bool) *Beacon {
	copied := *b
	if !local && ident.IsLoopback(copied.Addr) {
		copied.Addr = ""
	}
	return &copied
}

func (w *Watch) flood(except ident.Link, b *Beacon, out Out) {
	for _, n := range w.neighbors {
		if n.link != except {
			out.Send(n.link, w.passOn(b, n.local))
		}
	}
}

// onBeacon notes a beacon that is news, and passes it on.
func (w *Watch) onBeacon(now time.Time, link ident.Link, msg *Beacon, out Out) {
	from := w.neighbor(link)
	if from == nil || w.isOff() {
		return
	}
	if msg.Origin.ID == w.cfg.Self.ID {
		w.onTwin(now, w.passOn(msg, from.local), out)
		return
	}
	msg = w.passOn(msg, from.local) // its address may mean nothing here
	at, found := slices.BinarySearchFunc(w.known, msg.Origin.ID, func(b *beacon, id ident.ID) int {
		return b.Origin.ID.Compare(id)
	})
	switch {
	case found && !isNews(&w.known[at].Beacon, msg):
		return
	case found:
		w.known[at].Beacon = *msg
		w.known[at].heard = now
	case len(w.known) >= maxKnown && at == len(w.known):
		return // higher than all that we keep: not needed for a name
	default:
		b := &beacon{Beacon: *msg, heard: now, first: now}
		w.known = slices.Insert(w.known, at, b)
		w.known = w.known[:min(len(w.known), maxKnown)]
	}
	if w.since.IsZero() {
		w.since = now
	}
	w.rearm(now)
	w.flood(link, msg, out)
	w.heardTarget(now, msg.Addr, out)
	w.heardOther(now, msg.Origin.ID, out)
	w.consider(now, out)
}

func isNews(old, msg *Beacon) bool {
	if msg.Origin.Epoch != old.Origin.Epoch {
		return msg.Origin.Epoch > old.Origin.Epoch
	}
	return msg.Count > old.Count
}

// listen notices beacons that fell silent. Their addresses become targets.
func (w *Watch) listen(now time.Time) {
	w.known = slices.DeleteFunc(w.known, func(b *beacon) bool {
		silent := now.Sub(b.heard) >= w.silence()
		if silent {
			w.lost(now, b)
		}
		return silent
	})
}

// rearm puts off the moment at which this node begins to beacon because nobody
// else does. The random part lets one of many begin, as a rule.
func (w *Watch) rearm(now time.Time) {
	wait := w.cfg.Interval + retry.Upto(2*w.cfg.Interval, w.cfg.Rand)
	if len(w.known) > 0 {
		wait += w.silence()
	}
	w.volunteer = now.Add(wait)
}

// consider decides whether this node beacons. Seeds do, except where three
// lower beacons are heard; others do if no beacon is heard at all, until they
// hear a lower one.
func (w *Watch) consider(now time.Time, out Out) {
	lower, lasting := 0, 0
	for _, b := range w.known {
		if b.Origin.ID.Less(w.cfg.Self.ID) {
			lower++
			// After a split heals, go on until all have heard our name.
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
		w.hurry(now)
	}
	if !w.beaconing && was {
		w.rearm(now)
	}
}
