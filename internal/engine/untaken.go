package engine

import (
	"context"
	"time"

	"github.com/smokesignal-go/smokesignal/discovery"
)

// Package untaken keeps account of the events that no neighbour has taken. They are lost
// if the node ends, so Stop first sees to it that a seed gets them, and reports the rest.

// takeWithin is how long Stop and Shutdown wait for a neighbour that takes what was
// emitted. A guess: a dial and a few round trips.
const takeWithin = 2 * time.Second

const (
	// freshTry is how old a dial of a seed may be that counts for Stop. A guess.
	freshTry = time.Second
	// mostTries is how many seeds Stop dials at the same time. A guess.
	mostTries = 16
	// mostTried bounds the dials that are remembered for it.
	mostTried = 1024
)

// attempts are what this node does to reach others. driver.mu guards it, but for stirs.
type attempts struct {
	dialling map[string]attempt     // dials under way, by address
	looking  map[string]attempt     // look-ups under way, by seed
	tried    map[string]time.Time   // when the last dial of an address began that has ended
	found    map[string]foundByName // the last look-up of a seed that is a name
	stirs    chan struct{}          // has one in it after a change, for AwaitTaken; nil in tests
}

// attempt is those under way of one kind at one address.
type attempt struct {
	count int
	began time.Time // the last one
}

// foundByName is what a look-up has found.
type foundByName struct {
	began time.Time
	addrs []string
}

func newAttempts() attempts { return attempts{stirs: make(chan struct{}, 1)} }

// stir wakes AwaitTaken. It may be called with any lock held.
func (a *attempts) stir() {
	select {
	case a.stirs <- struct{}{}:
	default:
	}
}

// begin counts an attempt.
func (a *attempts) begin(in *map[string]attempt, what string) {
	if *in == nil {
		*in = make(map[string]attempt)
	}
	(*in)[what] = attempt{(*in)[what].count + 1, time.Now()}
}

// end counts an attempt that has ended, and returns when it began.
func (a *attempts) end(in map[string]attempt, what string) (began time.Time) {
	now := in[what]
	if now.count--; now.count > 0 {
		in[what] = now
	} else {
		delete(in, what)
	}
	a.stir()
	return now.began
}

// dialled notes that a dial has ended.
func (a *attempts) dialled(addr string) {
	if a.tried == nil || len(a.tried) >= mostTried {
		a.tried = make(map[string]time.Time) // what is missing in it is tried once more
	}
	a.tried[addr] = a.end(a.dialling, addr)
}

// lookedUp notes that a look-up has ended.
func (a *attempts) lookedUp(seed string, addrs []string) {
	if a.found == nil {
		a.found = make(map[string]foundByName)
	}
	a.found[seed] = foundByName{a.end(a.looking, seed), addrs}
}

// AwaitTaken waits until a neighbour has taken the events that this node has emitted, or
// until each seed was tried once without success: for takeWithin at most, and not beyond
// the end of ctx. If no event waits, or no seed can be tried, it returns at once.
func (d *Driver) AwaitTaken(ctx context.Context) {
	if !d.own.OnTaken(d.stir) {
		return
	}
	limit := time.NewTimer(takeWithin)
	defer limit.Stop()
	tries := make(map[string]bool) // of this call
	for ctx.Err() == nil {
		waits := false
		d.step(func(now time.Time) { waits = d.mayBeTaken(now, tries) })
		if !waits {
			return
		}
		select {
		case <-d.stirs:
		case <-limit.C:
			return
		case <-ctx.Done():
		}
	}
}

// mayBeTaken reports whether events wait for a neighbour that may yet take them, and
// tries seeds that were not tried since the last of them. The caller holds mu, in a step.
func (d *Driver) mayBeTaken(now time.Time, tries map[string]bool) bool {
	n, latest := d.own.Count(d.machine.FirstHeld())
	switch {
	case n == 0:
		return false
	case len(d.links) > 0:
		return d.mayPull()
	}
	if fresh := now.Add(-freshTry); latest.Before(fresh) {
		latest = fresh
	}
	for _, seed := range d.cfg.Seeds {
		d.trySeed(now, seed, latest, tries)
	}
	return len(d.dialling)+len(d.looking) > 0
}

// mayPull reports whether there is a link for which nothing waits. The peer of such a link
// gets announcements, and may pull the events. Events that wait for a link are sent before
// the goodbye, so they need no time. The caller holds mu.
func (d *Driver) mayPull() bool {
	for _, l := range d.links {
		if d.machine.Lag(l.id) == 0 && !l.hasOwn() {
			return true
		}
	}
	return false
}

// hasOwn reports whether broadcasts of this node are in the outbox, or being written.
func (l *link) hasOwn() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.own)+len(l.ownTaken) > 0
}

// trySeed dials a seed that was not dialled since a time, once. The caller holds mu.
func (d *Driver) trySeed(now time.Time, seed string, since time.Time, tries map[string]bool) {
	addrs := []string{seed}
	if parsed, err := discovery.ParseSeed(seed); err == nil {
		if _, ok := parsed.Addr(); !ok {
			found, known := d.found[seed]
			if (!known || len(found.addrs) == 0 && found.began.Before(since)) && !tries[seed] && d.looking[seed].count == 0 {
				tries[seed] = true
				d.out().Resolve(seed)
			}
			addrs = found.addrs
		}
	}
	for _, addr := range addrs {
		if tries[addr] || d.dialling[addr].count > 0 || len(d.dialling) >= mostTries || !d.tried[addr].Before(since) ||
			addr == d.advertised || addr == d.program.listening {
			continue
		}
		tries[addr] = true
		d.lastToken++ // nothing waits for the answer
		d.machine.Add(now, addr, d.lastToken, d.out())
	}
}
