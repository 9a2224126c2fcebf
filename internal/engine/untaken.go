package engine

import (
	"context"
	"time"

	"github.com/smokesignal-go/smokesignal/discovery"
)

// Package untaken records the events that no neighbour has taken. They are lost if the
// node ends. So Stop first tries to send them to a seed, and reports those that are left.

// takeWithin is how long Stop and Shutdown wait for a neighbour that takes the emitted events. A
// guess: a dial and a few round trips.
const takeWithin = 2 * time.Second

const (
	// freshTry limits repeated dials: Stop does not dial a seed again if a dial of it
	// began less than freshTry ago. A guess.
	freshTry = time.Second
	// mostTries is how many seeds Stop dials at the same time. A guess.
	mostTries = 16
	// mostTried limits the number of dials that are remembered so that Stop does not
	// repeat them.
	mostTried = 1024
)

// attempts are the dials and look-ups of this node. driver.mu guards all but stirs.
type attempts struct {
	dialling map[string]attempt     // number of dials under way, by address
	looking  map[string]attempt     // number of look-ups under way, by seed
	tried    map[string]time.Time   // by address, when the last dial that has ended began
	found    map[string]foundByName // result of the last look-up, by seed that is a name
	stirs    chan struct{}          // has a token after a change, for AwaitTaken; nil in tests
}

// attempt counts the dials, or the look-ups, of one address that are under way.
type attempt struct {
	count int
	began time.Time // when the last of them began
}

// foundByName is the result of a look-up.
type foundByName struct {
	began time.Time
	addrs []string
}

func newAttempts() attempts { return attempts{stirs: make(chan struct{}, 1)} }

// stir wakes AwaitTaken. The caller may hold any lock.
func (a *attempts) stir() {
	select {
	case a.stirs <- struct{}{}:
	default:
	}
}

// begin records that an attempt begins.
func (a *attempts) begin(in *map[string]attempt, what string) {
	if *in == nil {
		*in = make(map[string]attempt)
	}
	(*in)[what] = attempt{(*in)[what].count + 1, time.Now()}
}

// end records that an attempt has ended, and returns when it began.
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

// dialled records that a dial has ended.
func (a *attempts) dialled(addr string) {
	if a.tried == nil || len(a.tried) >= mostTried {
		a.tried = make(map[string]time.Time) // an address that is forgotten here may be dialled again
	}
	a.tried[addr] = a.end(a.dialling, addr)
}

// lookedUp records that a look-up has ended.
func (a *attempts) lookedUp(seed string, addrs []string) {
	if a.found == nil {
		a.found = make(map[string]foundByName)
	}
	a.found[seed] = foundByName{a.end(a.looking, seed), addrs}
}

// AwaitTaken waits until a neighbour has taken the events that this node has emitted, or
// until each seed was tried once without success. It waits for takeWithin at most, and
// only until ctx ends. If no event waits, or no seed can be tried, it returns at once.
func (d *Driver) AwaitTaken(ctx context.Context) {
	if !d.own.OnTaken(d.stir) {
		return
	}
	limit := time.NewTimer(takeWithin)
	defer limit.Stop()
	tries := make(map[string]bool) // the seeds that this call has tried
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

// mayBeTaken reports whether a neighbour may still take the events that wait. It dials
// the seeds that were not dialled after the last of these events was emitted. The caller
// holds mu, in a step.
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

// mayPull reports whether there is a link for which no event waits. The peer of such a
// link gets announcements, and may pull the events. Events that wait for a link are sent
// before the goodbye, so they need no extra time. The caller holds mu.
func (d *Driver) mayPull() bool {
	for _, l := range d.links {
		if d.machine.Lag(l.id) == 0 && !l.hasOwn() {
			return true
		}
	}
	return false
}

// hasOwn reports whether broadcasts of this node are in the outbox or being written.
func (l *link) hasOwn() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.own)+len(l.ownTaken) > 0
}

// trySeed dials a seed, unless it was dialled after since or by this call of AwaitTaken.
// The caller holds mu.
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
		d.lastToken++ // no caller waits for the answer
		d.machine.Add(now, addr, d.lastToken, d.out())
	}
}
