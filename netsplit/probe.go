package netsplit

import (
	"errors"
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/retry"
)

var (
	errNoAnswer  = errors.New("it accepted the connection and did not answer the probe")
	errNoAddress = errors.New("the name has no address")
)

// target is an address that may lead to another component.
type target struct {
	addr     string
	seed     bool // from the list of seeds: probed for as long as we live
	silent   bool // its beacon was heard and fell silent
	lost     bool // SeedLost was told
	busy     bool // a dial or probe is under way
	attempts int  // in a row without an answer
	next     time.Time

	heard   time.Time // when it was last heard, or became a target
	failure error     // of the last dial since then; nil if none failed
	tried   bool      // it was dialled, or heard
	worked  bool      // it was heard once
}

type probe struct {
	link    ident.Link
	target  *target
	expires time.Time
}

// other is a component that was found, and is not yet one with ours.
type other struct {
	name  ident.ID // zero: it heard no beacon, so it cannot be heard of either
	until time.Time
}

type seedName struct {
	name     string
	addrs    []string
	asked    bool
	failures int
	next     time.Time
	failure  error // of the last look-up
	lost     bool  // SeedLost was told
}

var (
	// A few beaconing nodes probe often: what they find heals the others.
	atBeacons = retry.Policy{Min: time.Second, Max: 5 * time.Second}
	// All others are many, and a second line of defence.
	atOthers = retry.Policy{Min: 10 * time.Second, Max: 10 * time.Minute}
	// A name that does not resolve is tried again soon.
	lookUps = retry.Policy{Min: time.Second, Max: reresolve}
)

const (
	routine   = 30 * time.Second // a seed that answered and was well
	unnamed   = 6 * time.Second  // see other.name
	atTwin    = 30 * time.Second // another life of this node's ID is there
	unheardOf = 15 * time.Second // a component that is neither proven again nor heard
)

// retarget brings the targets in line with the addresses of the seeds.
func (w *Watch) retarget(now time.Time, out Out) {
	var all []string
	for _, s := range w.names {
		for _, addr := range s.addrs {
			if !slices.Contains(all, addr) {
				all = append(all, addr)
			}
		}
	}
	for _, t := range w.targets {
		if t.seed = slices.Contains(all, t.addr); !t.seed {
			w.tellBack(t, out) // its name does not stand for it any more
		}
	}
	for _, addr := range all {
		if w.target(addr) == nil {
			w.targets = append(w.targets, &target{addr: addr, seed: true, heard: now, next: now.Add(w.spread())})
		}
	}
	w.targets = slices.DeleteFunc(w.targets, func(t *target) bool {
		if w.isSelf(now, t.addr) {
			w.tellBack(t, out)
			return true
		}
		return !t.seed && !t.silent && !t.busy
	})
	out.SetSeeds(slices.DeleteFunc(all, func(addr string) bool { return addr == w.cfg.Addr && !w.cfg.Elsewhere }))
}

// spread is the wait before this node probes: short where few do it.
func (w *Watch) spread() time.Duration {
	if w.beaconing {
		return retry.Upto(time.Second, w.cfg.Rand)
	}
	return retry.Upto(atOthers.Min, w.cfg.Rand)
}

func (w *Watch) target(addr string) *target {
	for _, t := range w.targets {
		if t.addr == addr {
			return t
		}
	}
	return nil
}

// lost makes a target of a beacon that fell silent.
func (w *Watch) lost(now time.Time, b *beacon) {
	if b.Addr == "" || w.isSelf(now, b.Addr) {
		return
	}
	t := w.target(b.Addr)
	if t == nil {
		w.limitLost()
		t = &target{addr: b.Addr}
		w.targets = append(w.targets, t)
	}
	if t.heard.Before(b.heard) {
		t.heard = b.heard
	}
	t.silent, t.attempts = true, 0
	t.next = now.Add(w.spread())
}

// limitLost makes room for one more silent beacon: the address that was tried
// most often in vain goes.
func (w *Watch) limitLost() {
	var worst *target
	n := 0
	for _, t := range w.targets {
		if !t.seed && !t.busy {
			if n++; worst == nil || t.attempts > worst.attempts {
				worst = t
			}
		}
	}
	if n >= maxLost {
		w.targets = slices.DeleteFunc(w.targets, func(t *target) bool { return t == worst })
	}
}

// heardTarget calls the probing of an address off: its beacon is heard.
func (w *Watch) heardTarget(now time.Time, addr string, out Out) {
	t := w.target(addr)
	if t == nil {
		return
	}
	w.heard(now, t, out)
	t.silent, t.attempts = false, 0
	if !t.seed && !t.busy {
		w.targets = slices.DeleteFunc(w.targets, func(x *target) bool { return x == t })
	}
}

func (w *Watch) tellBack(t *target, out Out) {
	if t.lost {
		t.lost = false
		out.Notify(SeedBack{t.addr})
	}
}

// hurry brings all probes forward: this node has just begun to beacon.
func (w *Watch) hurry(now time.Time) {
	for _, t := range w.targets {
		if at := now.Add(w.spread()); at.Before(t.next) {
			t.next = at
		}
	}
}

// isWell reports whether the address needs no probe: a neighbour is there, or
// its beacon is heard.
func (w *Watch) isWell(now time.Time, t *target) bool {
	for _, n := range w.neighbors {
		if n.addrs[0] == t.addr || n.addrs[1] == t.addr {
			return true
		}
	}
	for _, b := range w.known {
		if b.Addr == t.addr && w.isFresh(now, b) {
			return true
		}
	}
	return false
}

// probe dials the targets that are due. A node without neighbours leaves that
// to its membership, which is joining anyway.
func (w *Watch) probe(now time.Time, out Out) {
	w.probes = slices.DeleteFunc(w.probes, func(p *probe) bool {
		late := !now.Before(p.expires)
		if late {
			out.Close(p.link)
			w.failed(now, p.target, errNoAnswer, out)
		}
		return late
	})
	if w.isOff() {
		return
	}
	busy, hopeless := 0, 0
	for _, t := range w.targets {
		if t.busy {
			busy++
			if t.isHopeless() {
				hopeless++
			}
		}
	}
	for _, t := range w.due(now) {
		switch {
		case len(w.neighbors) == 0:
			t.next = now.Add(retry.Blur(time.Second, w.cfg.Rand))
		case w.isWell(now, t):
			w.heard(now, t, out)
			t.next = now.Add(w.calm())
		case !w.beaconing && !t.silent && w.hearsAny(now) && !w.wantsFirstLook(t):
			t.next = now.Add(w.calm()) // the beaconing nodes see to it
		case busy >= maxProbes, t.isHopeless() && hopeless >= maxHopeless:
			t.next = now.Add(retry.Blur(time.Second, w.cfg.Rand))
		default:
			t.busy, t.tried = true, true
			busy++
			if t.isHopeless() {
				hopeless++
			}
			out.Dial(t.addr)
		}
	}
}

// isHopeless reports whether an address was never heard, and has not answered twice.
func (t *target) isHopeless() bool { return !t.worked && t.attempts >= 2 }

// due are the targets whose time has come. If they are more than may be probed at
// once, those that were heard once come first, then those that were tried least.
func (w *Watch) due(now time.Time) (list []*target) {
	for _, t := range w.targets {
		if !t.busy && !now.Before(t.next) {
			list = append(list, t)
		}
	}
	if len(list) > maxHopeless {
		slices.SortStableFunc(list, func(a, b *target) int {
			if a.worked != b.worked {
				if a.worked {
					return -1
				}
				return 1
			}
			return a.attempts - b.attempts
		})
	}
	return list
}

func (w *Watch) hearsAny(now time.Time) bool {
	return slices.ContainsFunc(w.known, func(b *beacon) bool { return w.isFresh(now, b) })
}

// calm is the gap to the next look at a target that is well.
func (w *Watch) calm() time.Duration {
	if w.beaconing {
		return retry.Blur(atBeacons.Max, w.cfg.Rand)
	}
	return retry.Blur(routine, w.cfg.Rand)
}

// DialFailed takes the news that nobody answered at addr.
func (w *Watch) DialFailed(now time.Time, addr string, err error, out Out) {
	if t := w.target(addr); t != nil {
		w.failed(now, t, err, out)
	}
}

func (w *Watch) failed(now time.Time, t *target, err error, out Out) {
	t.busy = false
	policy := atOthers
	if w.beaconing {
		policy = atBeacons
	}
	t.next = now.Add(policy.Delay(t.attempts, w.cfg.Rand))
	t.attempts++
	t.failure, t.tried = err, true
	w.judge(now, t, out)
}

// LinkUp takes a link that this machine dialled.
func (w *Watch) LinkUp(now time.Time, link ident.Link, peer ident.ID, dialled string, out Out) {
	t := w.target(dialled)
	known := slices.ContainsFunc(w.neighbors, func(n neighbor) bool { return n.peer == peer })
	switch {
	case peer == w.cfg.Self.ID:
		out.Close(link)
		w.MetSelf(now, dialled, out)
	case t == nil:
		out.Close(link)
	case known:
		out.Close(link)
		w.answered(now, t, out)
		t.next = now.Add(retry.Blur(routine, w.cfg.Rand))
	default:
		w.probes = append(w.probes, &probe{link, t, now.Add(answerIn)})
		out.Send(link, w.question(now))
	}
}

// MetTwin notes that a probe led to another life of this node's ID.
func (w *Watch) MetTwin(now time.Time, addr string, err error, out Out) {
	if t := w.target(addr); t != nil {
		w.failed(now, t, err, out)
		t.next = now.Add(retry.Blur(atTwin, w.cfg.Rand))
	}
}

// LinkDown takes the end of a link, if it was a probe.
func (w *Watch) LinkDown(now time.Time, link ident.Link, err error, out Out) {
	if p := w.takeProbe(link); p != nil {
		w.failed(now, p.target, err, out)
	}
}

func (w *Watch) takeProbe(link ident.Link) *probe {
	for i, p := range w.probes {
		if p.link == link {
			w.probes = slices.Delete(w.probes, i, i+1)
			return p
		}
	}
	return nil
}

func (w *Watch) answered(now time.Time, t *target, out Out) {
	t.busy, t.attempts, t.silent = false, 0, false
	w.heard(now, t, out)
}

func (w *Watch) sightings(now time.Time) (list []Sighting) {
	add := func(s Sighting) { list = append(list, s) }
	own := w.beaconing
	for _, b := range w.known {
		if own && w.cfg.Self.ID.Less(b.Origin.ID) {
			add(Sighting{ID: w.cfg.Self.ID})
			own = false
		}
		add(Sighting{b.Origin.ID, now.Sub(b.heard)})
	}
	if own {
		add(Sighting{ID: w.cfg.Self.ID})
	}
	return list[:min(len(list), maxKnown)]
}

func (w *Watch) age(now time.Time) time.Duration {
	if w.since.IsZero() {
		return 0
	}
	return now.Sub(w.since)
}

func (w *Watch) question(now time.Time) *Probe {
	return &Probe{w.sightings(now), w.age(now), len(w.neighbors) == 0}
}

// onProbe answers, and draws the same conclusion as the asker.
func (w *Watch) onProbe(now time.Time, link ident.Link, p *Probe, out Out) {
	mine := w.question(now)
	out.Send(link, (*ProbeReply)(mine))
	if w.compare(mine, p) == isSplit {
		w.proven(now, mine, p, out)
	}
}

// onProbeReply compares what the two ends hear.
func (w *Watch) onProbeReply(now time.Time, link ident.Link, r *ProbeReply, out Out) {
	mine, theirs := w.question(now), (*Probe)(r)
	p := w.takeProbe(link)
	if p == nil { // unasked, from a new neighbour
		if w.neighbor(link) != nil && w.compare(mine, theirs) == isSplit {
			w.proven(now, mine, theirs, out)
		}
		return
	}
	w.answered(now, p.target, out)
	switch w.compare(mine, theirs) {
	case isSame:
		p.target.next = now.Add(retry.Blur(routine, w.cfg.Rand))
		out.Close(link)
	case isUnclear:
		p.target.next = now.Add(retry.Blur(2*time.Second, w.cfg.Rand))
		out.Close(link)
	case isSplit:
		p.target.next = now.Add(retry.Blur(2*time.Second, w.cfg.Rand))
		w.proven(now, mine, theirs, out)
		out.Bridge(link)
	}
}

type verdict uint8

const (
	isSame verdict = iota
	isUnclear
	isSplit
)

// compare: two nodes that hear one beacon alike are in one component. Two that
// hear none at all cannot tell.
func (w *Watch) compare(mine, theirs *Probe) verdict {
	if mine.Isolated || theirs.Isolated {
		return isSplit // somebody without neighbours is always taken in
	}
	ours, others := w.fresh(mine.Known), w.fresh(theirs.Known)
	switch {
	case haveCommon(ours, others):
		return isSame
	case len(ours)+len(others) == 0:
		return isUnclear
	}
	return isSplit
}

// fresh are the beacons that are heard, and not only remembered.
func (w *Watch) fresh(list []Sighting) []Sighting {
	return slices.DeleteFunc(slices.Clone(list), func(s Sighting) bool { return s.Age > w.freshFor() })
}

func haveCommon(a, b []Sighting) bool {
	return slices.ContainsFunc(a, func(x Sighting) bool {
		return slices.ContainsFunc(b, func(y Sighting) bool { return x.ID == y.ID })
	})
}

// proven tells our component: unless one of the two is still forming, or both
// remember one beacon. Then they were one a moment ago: a piece that broke off,
// for instance when links died all around, is joined without ceremony.
func (w *Watch) proven(now time.Time, mine, theirs *Probe, out Out) {
	if mine.Isolated || theirs.Isolated || mine.Settled < settled || theirs.Settled < settled ||
		haveCommon(mine.Known, theirs.Known) {
		return
	}
	ours, others := w.fresh(mine.Known), w.fresh(theirs.Known)
	if len(ours) == 0 || len(others) == 0 {
		return // a few nodes that nobody has named yet
	}
	w.found(now, 0, w.Component(), others[0].ID, out)
}

// found notes another component, tells the program of the first one, and floods
// what is news.
func (w *Watch) found(now time.Time, from ident.Link, ours, name ident.ID, out Out) {
	for _, b := range w.known {
		if b.Origin.ID == name && w.isFresh(now, b) {
			return // we hear it already: healed before this notice came
		}
	}
	if !w.told && !w.healedAt.IsZero() && now.Sub(w.healedAt) < settled {
		return // an echo: a part that was cut off again would not be missed yet
	}
	until := now.Add(unheardOf)
	if name.IsZero() {
		until = now.Add(unnamed)
	}
	for i := range w.others {
		if w.others[i].name == name {
			w.others[i].until = until
			return
		}
	}
	if name == w.cfg.Self.ID || len(w.others) >= maxKnown {
		return
	}
	w.others = append(w.others, other{name, until})
	for _, n := range w.neighbors {
		if n.link != from {
			out.Send(n.link, &Split{Ours: ours, Other: name})
		}
	}
	w.healAt = time.Time{}
	if !w.told {
		w.told, w.splitAt = true, now
		out.Notify(Found{ours, name})
	}
}

func (w *Watch) heardOther(now time.Time, id ident.ID, out Out) {
	w.settleOthers(now, func(o other) bool { return o.name == id }, out)
}

func (w *Watch) forgetOthers(now time.Time, out Out) {
	w.settleOthers(now, func(o other) bool { return !now.Before(o.until) }, out)
}

func (w *Watch) settleOthers(now time.Time, done func(other) bool, out Out) {
	before := len(w.others)
	w.others = slices.DeleteFunc(w.others, done)
	if before > 0 && len(w.others) == 0 {
		w.healAt = now.Add(healedFor)
	}
}

// heal tells the program that the netsplit is over, once no other component has
// shown up for a while: where there were many, they come one after another.
func (w *Watch) heal(now time.Time, out Out) {
	if !w.healAt.IsZero() && !now.Before(w.healAt) {
		over := w.healAt.Add(-healedFor)
		w.told, w.healAt, w.healedAt = false, time.Time{}, now
		out.Notify(Healed{For: over.Sub(w.splitAt)})
	}
}

func (w *Watch) resolve(now time.Time, out Out) {
	for _, s := range w.names {
		if !s.asked && !s.next.IsZero() && !now.Before(s.next) {
			s.asked = true
			out.Resolve(s.name)
		}
	}
}

// Resolved takes the addresses of a seed name. A look-up that failed, or found
// nothing, leaves the addresses that were known.
func (w *Watch) Resolved(now time.Time, name string, addrs []string, err error, out Out) {
	for _, s := range w.names {
		if s.name != name {
			continue
		}
		s.asked = false
		if err != nil || len(addrs) == 0 {
			s.next = now.Add(lookUps.Delay(s.failures, w.cfg.Rand))
			s.failures++
			if s.failure = err; err == nil {
				s.failure = errNoAddress
			}
			w.judgeName(now, s, out)
			return
		}
		s.failures, s.next, s.failure = 0, now.Add(retry.Blur(reresolve, w.cfg.Rand)), nil
		if s.lost {
			s.lost = false
			out.Notify(SeedBack{s.name})
		}
		s.addrs = addrs
		w.isSeed = w.isSeed || w.hasOwnAddr(now, addrs)
	}
	w.retarget(now, out)
}
