package smoke

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/smokesignal-go/smokesignal/discovery"
)

// What a node has emitted is taken when it was written to the connection of one
// neighbour: from there on it spreads without this node, unless that one dies at once; see
// doubt. What was not taken when the node
// ends is lost, so Stop first sees to it that a seed gets it, and reports what is left.

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
	// mostHoles bounds the ranges of events that were not taken. Holes come about only
	// where a peer pulls events out of order.
	mostHoles = 256
)

// span is the numbers from ≤ n < to of events of this node.
type span struct{ from, to uint64 }

// ownEvents are the events of this node in one life that no neighbour has taken. It may
// be used by many goroutines. Its lock is taken inside all others.
type ownEvents struct {
	mu     sync.Mutex // guards all below
	left   []span     // in order
	last   uint64     // the number of the last one that was emitted
	latest time.Time  // when that was
	marks  [2]mark    // recentFor apart at least, the older one first
	taken  func()     // called, with mu held, when all are taken; may be nil
}

// mark is when a node has emitted an event.
type mark struct {
	at  time.Time
	seq uint64
}

// add adds the event that was emitted now.
func (o *ownEvents) add(seq uint64, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.last, o.latest = seq, now
	if now.Sub(o.marks[1].at) >= recentFor {
		o.marks[0], o.marks[1] = o.marks[1], mark{now, seq}
	}
	if n := len(o.left); n > 0 && o.left[n-1].to == seq {
		o.left[n-1].to++
		return
	}
	o.left = append(o.left, span{seq, seq + 1})
}

// take takes out what a neighbour has taken.
func (o *ownEvents) take(list []span) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.left) == 0 {
		return // a second neighbour, as a rule
	}
	for _, s := range list {
		o.takeOne(s)
	}
	if len(o.left) == 0 && o.taken != nil {
		o.taken()
	}
}

// takeOne takes out one span. The caller holds mu.
func (o *ownEvents) takeOne(s span) {
	for i := 0; i < len(o.left) && o.left[i].from < s.to; {
		l := &o.left[i]
		switch {
		case s.to <= l.from || l.to <= s.from:
			i++
		case s.from <= l.from && l.to <= s.to:
			o.left = slices.Delete(o.left, i, i+1)
		case s.from <= l.from:
			l.from = s.to
			i++
		case l.to <= s.to:
			l.to = s.from
			i++
		case len(o.left) >= mostHoles:
			return // counted as not taken, which errs towards an error
		default:
			rest := span{s.to, l.to}
			l.to = s.from
			o.left = slices.Insert(o.left, i+1, rest)
			return
		}
	}
}

// tell has f called when all are taken, and reports whether they are not yet.
func (o *ownEvents) tell(f func()) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.taken = f
	return len(o.left) > 0
}

// count is how many there are from a number on, and when the last one was emitted.
func (o *ownEvents) count(from uint64) (n int, latest time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range o.left {
		if s.to > from {
			n += int(s.to - max(s.from, from))
		}
	}
	return n, o.latest
}

// attempts are what this node does to reach others. driver.mu guards it, but for stirs.
type attempts struct {
	dialling map[string]attempt     // dials under way, by address
	looking  map[string]attempt     // look-ups under way, by seed
	tried    map[string]time.Time   // when the last dial of an address began that has ended
	found    map[string]foundByName // the last look-up of a seed that is a name
	stirs    chan struct{}          // has one in it after a change, for awaitTaken; nil in tests
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

// stir wakes awaitTaken. It may be called with any lock held.
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

// awaitTaken waits until a neighbour has taken what this node has emitted, or until each
// seed was tried once and nothing came of it: takeWithin at most, and not beyond the end
// of ctx. If nothing waits, or no seed can be tried, it returns at once.
func (d *driver) awaitTaken(ctx context.Context) {
	if !d.own.tell(d.stir) {
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
func (d *driver) mayBeTaken(now time.Time, tries map[string]bool) bool {
	n, latest := d.own.count(d.machine.FirstHeld())
	switch {
	case n == 0:
		return false
	case len(d.links) > 0:
		return d.mayPull()
	}
	if fresh := now.Add(-freshTry); latest.Before(fresh) {
		latest = fresh
	}
	for _, seed := range d.opts.Seeds {
		d.trySeed(now, seed, latest, tries)
	}
	return len(d.dialling)+len(d.looking) > 0
}

// mayPull reports whether there is a link for which nothing waits: its end is told what
// there is, and pulls it. What waits for a link goes out before the goodbye. The caller
// holds mu.
func (d *driver) mayPull() bool {
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
func (d *driver) trySeed(now time.Time, seed string, since time.Time, tries map[string]bool) {
	addrs := []string{seed}
	if parsed, err := discovery.ParseSeed(seed); err == nil {
		if _, ok := parsed.Addr(); !ok {
			found, known := d.found[seed]
			if (!known || len(found.addrs) == 0 && found.began.Before(since)) && !tries[seed] && d.looking[seed].count == 0 {
				tries[seed] = true
				d.Resolve(seed)
			}
			addrs = found.addrs
		}
	}
	for _, addr := range addrs {
		if tries[addr] || d.dialling[addr].count > 0 || len(d.dialling) >= mostTries || !d.tried[addr].Before(since) ||
			addr == d.advertised || addr == d.listening {
			continue
		}
		tries[addr] = true
		d.lastCall++ // nothing waits for the answer
		d.machine.Add(now, addr, d.lastCall, d)
	}
}
