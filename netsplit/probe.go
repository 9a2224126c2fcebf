package netsplit

import (
	"errors"
	"net/netip"
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
	seed     bool // the address is in the list of seeds, so it is probed forever
	silent   bool // the beacon with this address fell silent
	lost     bool // SeedLost was reported
	busy     bool // a dial or probe of the address is running
	attempts int  // failed dials and probes in a row
	next     time.Time

	heard   time.Time // when the target was last heard, or became a target
	failure error     // the error of the last dial, if it failed after heard; else nil
	tried   bool      // the address was dialled or heard
	worked  bool      // the address was heard at least once
}

type probe struct {
	link    ident.Link
	target  *target
	expires time.Time
}

// other is a component that was found and has not merged with this one yet.
type other struct {
	name  ident.ID
	until time.Time
}

type seedName struct {
	name     string
	addrs    []string
	asked    bool
	failures int
	next     time.Time
	failure  error // of the last look-up
	lost     bool  // SeedLost was reported
}

var (
	// The few beaconing nodes probe often, because a component that they find is
	// connected to all of this one.
	atBeacons = retry.Policy{Min: time.Second, Max: 5 * time.Second}
	// The other nodes are many. They probe rarely, in case no beaconing node does it.
	atOthers = retry.Policy{Min: 10 * time.Second, Max: 10 * time.Minute}
	// A name that does not resolve is retried soon.
	lookUps = retry.Policy{Min: time.Second, Max: reresolve}
)

const (
	routine   = 30 * time.Second // time between probes of a seed that answered and hears the same beacons
	atHearsay = 30 * time.Second // time between this node's dials of all addresses that only a beacon named
	atTwin    = 30 * time.Second // time between probes of an address with another node of the same ID
	unheardOf = 15 * time.Second // after this time, a component that is neither found again nor heard is dropped
)

// retarget updates the targets after a change of the seeds' addresses.
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
			w.reportBack(t, out) // the name no longer resolves to this address
		}
	}
	for _, addr := range all {
		if w.target(addr) == nil {
			w.targets = append(w.targets, &target{addr: addr, seed: true, heard: now, next: now.Add(w.spread())})
		}
	}
	w.targets = slices.DeleteFunc(w.targets, func(t *target) bool {
		if w.isSelf(now, t.addr) {
			w.reportBack(t, out)
			return true
		}
		return !t.seed && !t.silent && !t.busy
	})
	out.SetSeeds(slices.DeleteFunc(all, func(addr string) bool { return addr == w.cfg.Addr && !w.cfg.Elsewhere }))
}

// spread returns the random wait before this node probes. If few nodes probe, it is
// short.
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

// addLostTarget makes a target of the address in a beacon that fell silent. A beacon
// proves nothing about that address. So a member could make all nodes dial any host, or
// dial its own nodes, which answer as another component and become bridges. Therefore
// only beaconing nodes, which are few, probe an address that is not a seed's.
func (w *Watch) addLostTarget(now time.Time, b *beacon) {
	if b.Addr == "" || w.isSelf(now, b.Addr) {
		return
	}
	t := w.target(b.Addr)
	if t == nil && (!w.beaconing || !isIPAddr(b.Addr)) {
		return // only a beacon named the address, so only the beaconing nodes probe it, and a name is not resolved
	}
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

// isIPAddr reports whether an address can be dialled without a resolver.
func isIPAddr(addr string) bool {
	_, err := netip.ParseAddrPort(addr)
	return err == nil
}

// limitLost makes room for one more silent beacon by dropping the address with the most
// failed attempts.
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

// stopProbing stops probing an address, because its beacon is heard.
func (w *Watch) stopProbing(now time.Time, addr string, out Out) {
	t := w.target(addr)
	if t == nil {
		return
	}
	w.markHeard(now, t, out)
	t.silent, t.attempts = false, 0
	if !t.seed && !t.busy {
		w.targets = slices.DeleteFunc(w.targets, func(x *target) bool { return x == t })
	}
}

func (w *Watch) reportBack(t *target, out Out) {
	if t.lost {
		t.lost = false
		out.Notify(SeedBack{t.addr})
	}
}

// hastenProbes moves all probes forward, because this node has begun to beacon.
func (w *Watch) hastenProbes(now time.Time) {
	for _, t := range w.targets {
		if at := now.Add(w.spread()); at.Before(t.next) {
			t.next = at
		}
	}
}

// isWell reports whether an address needs no probe: its node is a neighbour, or its
// beacon is heard.
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

// probe dials the targets whose time has come. A node without neighbours leaves this to
// its membership, which dials seeds in order to join.
func (w *Watch) probe(now time.Time, out Out) {
	w.probes = slices.DeleteFunc(w.probes, func(p *probe) bool {
		late := !now.Before(p.expires)
		if late {
			out.Close(p.link)
			w.markFailed(now, p.target, errNoAnswer, out)
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
			w.markHeard(now, t, out)
			t.next = now.Add(w.calmInterval())
		case !w.beaconing && !t.silent && w.hearsAny(now) && !w.wantsFirstLook(t):
			t.next = now.Add(w.calmInterval()) // the beaconing nodes probe this target
		case busy >= maxProbes, t.isHopeless() && hopeless >= maxHopeless:
			t.next = now.Add(retry.Blur(time.Second, w.cfg.Rand))
		case t.isHearsay() && now.Before(w.hearsayAt):
			t.next = w.hearsayAt
		default:
			if t.isHearsay() {
				w.hearsayAt = now.Add(atHearsay)
			}
			t.busy, t.tried = true, true
			busy++
			if t.isHopeless() {
				hopeless++
			}
			out.Dial(t.addr)
		}
	}
}

// isHearsay reports whether only a beacon named this address: no node was ever heard at
// it.
func (t *target) isHearsay() bool { return !t.seed && !t.worked }

// isHopeless reports whether an address was never heard and has failed twice.
func (t *target) isHopeless() bool { return !t.worked && t.attempts >= 2 }

// due returns the targets whose time has come. It sorts them if some of them share the
// few dials of hearsay, or if more of them are due than may be probed at once. Targets
// that were heard before then come first, and after that those with the fewest attempts.
func (w *Watch) due(now time.Time) (list []*target) {
	for _, t := range w.targets {
		if !t.busy && !now.Before(t.next) {
			list = append(list, t)
		}
	}
	if len(list) > maxHopeless || slices.ContainsFunc(list, (*target).isHearsay) {
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

// calmInterval returns the time to the next probe of a target that needs no probe now.
func (w *Watch) calmInterval() time.Duration {
	if w.beaconing {
		return retry.Blur(atBeacons.Max, w.cfg.Rand)
	}
	return retry.Blur(routine, w.cfg.Rand)
}

// DialFailed processes the failure of a dial of this Watch.
func (w *Watch) DialFailed(now time.Time, addr string, err error, out Out) {
	if t := w.target(addr); t != nil {
		w.markFailed(now, t, err, out)
	}
}

func (w *Watch) markFailed(now time.Time, t *target, err error, out Out) {
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

// LinkUp processes a link that this Watch dialled.
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
		w.markAnswered(now, t, out)
		t.next = now.Add(retry.Blur(routine, w.cfg.Rand))
	default:
		w.probes = append(w.probes, &probe{link, t, now.Add(answerIn)})
		out.Send(link, w.question(now))
	}
}

// MetTwin records that a probe reached another node with this node's ID.
func (w *Watch) MetTwin(now time.Time, addr string, err error, out Out) {
	if t := w.target(addr); t != nil {
		w.markFailed(now, t, err, out)
		t.next = now.Add(retry.Blur(atTwin, w.cfg.Rand))
	}
}

// LinkDown processes the end of a link, if it was a probe.
func (w *Watch) LinkDown(now time.Time, link ident.Link, err error, out Out) {
	if p := w.takeProbe(link); p != nil {
		w.markFailed(now, p.target, err, out)
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

func (w *Watch) markAnswered(now time.Time, t *target, out Out) {
	t.busy, t.attempts, t.silent = false, 0, false
	w.markHeard(now, t, out)
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

// onProbe answers a probe. Both ends compare their beacons, so the receiver draws the
// same conclusion as the sender.
func (w *Watch) onProbe(now time.Time, link ident.Link, p *Probe, out Out) {
	mine := w.question(now)
	out.Send(link, (*ProbeReply)(mine))
	if w.compare(mine, p) == differentComponents {
		w.claimUnasked(now, link, mine, p, out)
	}
}

// onProbeReply compares the beacons that the two ends hear.
func (w *Watch) onProbeReply(now time.Time, link ident.Link, r *ProbeReply, out Out) {
	mine, theirs := w.question(now), (*Probe)(r)
	p := w.takeProbe(link)
	if p == nil { // an unasked reply, from a new neighbour
		if w.neighbor(link) != nil && w.compare(mine, theirs) == differentComponents {
			w.claimUnasked(now, link, mine, theirs, out)
		}
		return
	}
	w.markAnswered(now, p.target, out)
	switch w.compare(mine, theirs) {
	case sameComponent:
		p.target.next = now.Add(retry.Blur(routine, w.cfg.Rand))
		out.Close(link)
	case unclear:
		p.target.next = now.Add(retry.Blur(2*time.Second, w.cfg.Rand))
		out.Close(link)
	case differentComponents:
		p.target.next = now.Add(retry.Blur(2*time.Second, w.cfg.Rand))
		w.reportProven(now, mine, theirs, out)
		out.Bridge(link)
	}
}

type verdict uint8

const (
	sameComponent verdict = iota
	unclear
	differentComponents
)

// compare decides whether two nodes are in one component: they are if both hear the same
// beacon. If neither hears any, the result is unclear.
func (w *Watch) compare(mine, theirs *Probe) verdict {
	if mine.Isolated || theirs.Isolated {
		return differentComponents // a node without neighbours counts as another component, so that it gets a link
	}
	ours, others := w.fresh(mine.Known), w.fresh(theirs.Known)
	switch {
	case haveCommon(ours, others):
		return sameComponent
	case len(ours)+len(others) == 0:
		return unclear
	}
	return differentComponents
}

// fresh returns the beacons that are still heard, without those that are only
// remembered.
func (w *Watch) fresh(list []Sighting) []Sighting {
	return slices.DeleteFunc(slices.Clone(list), func(s Sighting) bool { return s.Age > w.freshFor() })
}

func haveCommon(a, b []Sighting) bool {
	return slices.ContainsFunc(a, func(x Sighting) bool {
		return slices.ContainsFunc(b, func(y Sighting) bool { return x.ID == y.ID })
	})
}

// reportProven reports that the peer of a probe is in another component.
func (w *Watch) reportProven(now time.Time, mine, theirs *Probe, out Out) {
	if other, ok := w.otherComponent(mine, theirs); ok {
		w.addOther(now, w.Component(), other, out)
	}
}

// claimUnasked treats a view that a peer has sent unasked as a claim. The view proves
// nothing, because this node did not choose to ask that peer.
func (w *Watch) claimUnasked(now time.Time, link ident.Link, mine, theirs *Probe, out Out) {
	if other, ok := w.otherComponent(mine, theirs); ok {
		w.addClaim(now, link, Split{w.Component(), other}, out)
	}
}

// otherComponent returns the name of the peer's component. It returns false if one of the
// two components is still forming, or if both remember the same beacon. In the second
// case they were one component a moment ago. A part that broke off, for instance because
// many links failed, is then reconnected without a report.
func (w *Watch) otherComponent(mine, theirs *Probe) (name ident.ID, ok bool) {
	if mine.Isolated || theirs.Isolated || mine.Settled < settled || theirs.Settled < settled ||
		haveCommon(mine.Known, theirs.Known) {
		return name, false
	}
	ours, others := w.fresh(mine.Known), w.fresh(theirs.Known)
	if len(ours) == 0 || len(others) == 0 {
		return name, false // one end is in a group of nodes that no beacon names yet
	}
	return others[0].ID, true
}

// addOther records another component that a probe has found. If it is new, addOther floods
// a Split; if it is the first one, it also notifies the program.
func (w *Watch) addOther(now time.Time, ours, name ident.ID, out Out) {
	if name == w.cfg.Self.ID || !w.mayReport(now) {
		return
	}
	until := now.Add(unheardOf)
	for i := range w.others {
		if w.others[i].name == name {
			w.others[i].until = until
			return
		}
	}
	if len(w.others) >= maxKnown {
		return
	}
	w.others = append(w.others, other{name, until})
	for _, n := range w.neighbors {
		out.Send(n.link, &Split{Ours: ours, Other: name})
	}
	w.report(now, ours, name, out)
}

func (w *Watch) dropOther(now time.Time, id ident.ID, out Out) {
	w.removeOthers(now, func(o other) bool { return o.name == id }, out)
}

func (w *Watch) expireOthers(now time.Time, out Out) {
	w.removeOthers(now, func(o other) bool { return !now.Before(o.until) }, out)
}

func (w *Watch) removeOthers(now time.Time, done func(other) bool, out Out) {
	before := len(w.others)
	w.others = slices.DeleteFunc(w.others, done)
	if before > 0 && len(w.others) == 0 {
		w.healAt = now.Add(healedFor)
	}
}

// heal notifies the program that the netsplit is over, once no other component was found
// for healedFor. It waits that long because components merge one after another if there
// are several.
func (w *Watch) heal(now time.Time, out Out) {
	if !w.healAt.IsZero() && !now.Before(w.healAt) {
		over := w.healAt.Add(-healedFor)
		w.isReported, w.healAt, w.healedAt = false, time.Time{}, now
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

// Resolved processes the addresses of a seed name. If the look-up failed or found
// nothing, the known addresses remain.
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
