// Package netsplit notices that the overlay has come apart, and puts it
// together again.
//
// A few nodes, the seeds before all others, flood a small beacon every few
// seconds. The lowest beacon that a node hears names its component. When
// beacons fall silent, and at the beaconing nodes as a routine, the addresses of
// seeds that are not heard are probed: a node that answers and hears other
// beacons than we do is the proof of a split, and the link on which it answered
// becomes a bridge. A node that hears the same beacons is well. No answer means
// only that the address is down, or out of reach; what cannot be told apart is
// not called a split. Probing slows down, and never stops.
//
// [Watch] is the machine. It does no I/O. The owner's duties: call its methods
// from one goroutine at a time, perform the actions of [Out] in order, answer
// each Dial by exactly one LinkUp or DialFailed and each Resolve by one
// Resolved, and call Advance at Deadline.
package netsplit

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/retry"
)

// Out takes what a [Watch] wants done. Its methods only note it down.
type Out interface {
	Send(ident.Link, Message)
	Dial(addr string)
	Close(ident.Link)        // a probe that has done its work
	Bridge(ident.Link)       // a probe that found another component: make it a neighbour
	Resolve(name string)     // look the addresses of a seed up
	SetSeeds(addrs []string) // the addresses of all seeds, as they are now known
	Notify(Notice)
}

// Notice is something that the program may want to know.
type Notice interface{ notice() }

// Found says that another living component was found: a netsplit is proven.
type Found struct {
	Ours, Other ident.ID // the lowest beacons of the two components; zero where none is heard
}

// Healed says that no other component is left, and none was for four seconds.
type Healed struct {
	For time.Duration // since Found
}

// SeedLost says that a seed was not heard for ten seconds, or never since the start
// ten seconds ago, and does not answer: it is down, or a cut lies between. It is told
// once, until SeedBack.
type SeedLost struct {
	Addr string // or the name of a seed, if that stands for no address
	Err  error
}

// SeedBack ends a SeedLost: the address answers or is heard again, the name has
// addresses, or it does not stand for this address any more.
type SeedBack struct{ Addr string }

// Twin says that beacons of another life of this node's ID go round: two nodes have
// one ID, or a peer says so.
type Twin struct {
	Addr  string // where it says that it is; may be empty
	Later bool   // that life began after this one
}

func (Twin) notice()     {}
func (Found) notice()    {}
func (Healed) notice()   {}
func (SeedLost) notice() {}
func (SeedBack) notice() {}

// Config sets a [Watch] up. Durations left zero take the defaults.
type Config struct {
	Self ident.Origin
	Addr string // where this node can be dialled; may be empty
	// Elsewhere says that the owner does not listen at Addr, but is mapped there or
	// shares it: another node may answer at it.
	Elsewhere bool
	Seeds     []string // names of seeds: addresses, or whatever the owner can resolve
	Rand      *rand.Rand

	// Interval is the gap between beacons. Zero means 3 s, so that three missed
	// ones show within ten seconds, at some 35 bytes a second for each node.
	// Negative turns beacons and probes off: this node then only answers.
	Interval time.Duration
}

const (
	defaultInterval = 3 * time.Second

	missed    = 3                // beacons in a row that make a silence
	slack     = time.Second      // for the flood to arrive
	quietWith = 3                // lower beacons heard: enough others do the work
	maxKnown  = 16               // beacons kept, the lowest ones
	maxLost   = 8                // addresses of silent beacons probed, seeds aside
	healedFor = 4 * time.Second  // without another component: the netsplit is over
	settled   = 10 * time.Second // younger components merge without ceremony
	reresolve = 30 * time.Second // gap between look-ups of a seed name
	answerIn  = 3 * time.Second  // wait for the answer to a probe
	// maxProbes bounds the probes under way at one time, maxHopeless those of them to
	// addresses that never answer: a seed name may stand for hundreds of addresses.
	maxProbes   = 64
	maxHopeless = 8
)

// Watch is the machine. It may not be used by two goroutines at once.
type Watch struct {
	cfg       Config
	neighbors []neighbor
	known     []*beacon // live ones, lowest id first
	names     []*seedName
	targets   []*target
	probes    []*probe
	resting   retry.Resting // addresses at which we met ourselves
	twin      twin
	restsEnd  time.Time // when the first of them may be tried again; zero: none rests
	started   time.Time

	isSeed    bool
	beaconing bool
	count     uint64
	beaconAt  time.Time // next own beacon
	volunteer time.Time // when to begin, if nobody else is heard by then
	since     time.Time // in a component (a beacon heard, or sent) since; short isolation does not count
	others    []other   // the components that the current netsplit is about
	told      bool      // the program was told so, and not yet that it is over
	splitAt   time.Time
	healedAt  time.Time // when it was last told that one is over
	healAt    time.Time // when it is told that it is over, unless another one shows up; zero: not yet
}

type neighbor struct {
	link  ident.Link
	peer  ident.ID
	addrs [2]string
	local bool
}

type beacon struct {
	Beacon
	heard time.Time
	first time.Time
}

// NewWatch makes the machine of one node. It does nothing before Start.
func NewWatch(cfg Config) *Watch {
	if cfg.Interval == 0 {
		cfg.Interval = defaultInterval
	}
	w := &Watch{cfg: cfg}
	for _, name := range cfg.Seeds {
		if !slices.ContainsFunc(w.names, func(s *seedName) bool { return s.name == name }) {
			w.names = append(w.names, &seedName{name: name})
		}
	}
	return w
}

// Start looks the seeds up.
func (w *Watch) Start(now time.Time, out Out) {
	w.started = now
	for _, s := range w.names {
		if _, err := netip.ParseAddrPort(s.name); err == nil {
			s.addrs = []string{s.name}
			w.isSeed = w.isSeed || w.isSelf(now, s.name)
			continue
		}
		s.asked = true
		out.Resolve(s.name)
	}
	w.retarget(now, out)
}

// SetSelf changes the address that this node tells others.
func (w *Watch) SetSelf(now time.Time, addr string, out Out) {
	w.cfg.Addr = addr
	w.isSeed = w.isSeed || w.isSeedAddr(addr)
	w.retarget(now, out)
}

// MetSelf notes an address at which this node met itself. A node that is in its
// own list of seeds is one. The address is tried again later: another node may take
// it.
func (w *Watch) MetSelf(now time.Time, addr string, out Out) {
	if w.isSelf(now, addr) {
		return
	}
	w.resting.Add(now, addr, atSelf, w.cfg.Rand)
	w.restsEnd, _ = w.resting.Next(now)
	w.isSeed = w.isSeed || w.isSeedAddr(addr)
	w.retarget(now, out)
}

// atSelf spaces the dials of an address that was this node's own. A guess: another
// node that takes it is found within a minute.
var atSelf = retry.Policy{Min: 10 * time.Second, Max: time.Minute}

// isSelf reports whether an address is this node's own, or was a while ago.
func (w *Watch) isSelf(now time.Time, addr string) bool {
	return addr == w.cfg.Addr && !w.cfg.Elsewhere || w.resting.Has(now, addr)
}

func (w *Watch) hasOwnAddr(now time.Time, addrs []string) bool {
	return slices.ContainsFunc(addrs, func(addr string) bool { return w.isSelf(now, addr) })
}

func (w *Watch) isSeedAddr(addr string) bool {
	return slices.ContainsFunc(w.names, func(s *seedName) bool { return slices.Contains(s.addrs, addr) })
}

// CalledSeed notes that somebody joined through this node as one of its seeds.
func (w *Watch) CalledSeed() { w.isSeed = true }

// IsBeaconing reports whether this node floods beacons.
func (w *Watch) IsBeaconing() bool { return w.beaconing }

// SeedsLost is how many seeds do not answer, as the program was told.
func (w *Watch) SeedsLost() (n int) {
	for _, t := range w.targets {
		if t.seed && t.lost {
			n++
		}
	}
	for _, s := range w.names {
		if s.lost {
			n++
		}
	}
	return n
}

// Component is the lowest beacon that this node hears, which names its
// component; zero if it hears none.
func (w *Watch) Component() ident.ID {
	name := ident.ID{}
	if len(w.known) > 0 {
		name = w.known[0].Origin.ID
	}
	if w.beaconing && (name.IsZero() || w.cfg.Self.ID.Less(name)) {
		name = w.cfg.Self.ID
	}
	return name
}

// NeighborUp takes a new neighbour. It is told what we hear, so that a link that
// came about by itself, without a probe, shows a netsplit too; and all beacons
// that are fresh.
func (w *Watch) NeighborUp(now time.Time, link ident.Link, peer ident.ID, advertised, dialled string, local bool, out Out) {
	if !w.isOff() {
		out.Send(link, (*ProbeReply)(w.question(now)))
	}
	if len(w.neighbors) == 0 {
		if w.listen(now); len(w.known) == 0 {
			w.since = time.Time{} // alone for so long that it has forgotten its component
		}
		if !w.healAt.IsZero() {
			w.healAt = now.Add(healedFor) // alone it could not be told of another component
		}
	}
	w.neighbors = append(w.neighbors, neighbor{link, peer, [2]string{advertised, dialled}, local})
	for _, t := range w.targets {
		if t.addr == advertised || t.addr == dialled {
			w.heard(now, t, out)
		}
	}
	for _, b := range w.known {
		if w.isFresh(now, b) {
			out.Send(link, w.passOn(&b.Beacon, local))
		}
	}
	if w.volunteer.IsZero() {
		w.rearm(now)
	}
	if w.beaconing {
		out.Send(link, w.passOn(w.own(), local))
	}
	w.consider(now, out)
}

// NeighborDown takes the end of a neighbour.
func (w *Watch) NeighborDown(now time.Time, link ident.Link) {
	if n := w.neighbor(link); n != nil {
		for _, t := range w.targets {
			if n.addrs[0] == t.addr || n.addrs[1] == t.addr {
				t.heard, t.failure = now, nil
			}
		}
	}
	w.neighbors = slices.DeleteFunc(w.neighbors, func(n neighbor) bool { return n.link == link })
	if len(w.neighbors) == 0 {
		// Not w.since: whoever is soon taken in again by its component is as old
		// a part of it as before.
		w.beaconing, w.volunteer = false, time.Time{}
	}
}

// Handle takes a frame that came on a link.
func (w *Watch) Handle(now time.Time, link ident.Link, msg Message, out Out) {
	switch msg := msg.(type) {
	case *Beacon:
		w.onBeacon(now, link, msg, out)
	case *Probe:
		w.onProbe(now, link, msg, out)
	case *ProbeReply:
		w.onProbeReply(now, link, msg, out)
	case *Split:
		if n := w.neighbor(link); n != nil {
			w.found(now, link, msg.Ours, msg.Other, out)
		}
	}
}

// Advance does what is due.
func (w *Watch) Advance(now time.Time, out Out) {
	w.listen(now)
	w.consider(now, out)
	if w.beaconing && !now.Before(w.beaconAt) {
		w.beaconAt = now.Add(w.cfg.Interval)
		w.count++
		w.flood(0, w.own(), out)
	}
	if len(w.neighbors) > 0 {
		w.forgetOthers(now, out)
		w.heal(now, out)
	}
	w.targets = slices.DeleteFunc(w.targets, func(t *target) bool { return !t.seed && !t.silent && !t.busy })
	if !w.restsEnd.IsZero() && !now.Before(w.restsEnd) {
		w.restsEnd, _ = w.resting.Next(now)
		w.retarget(now, out)
	}
	w.probe(now, out)
	w.findLost(now, out)
	w.resolve(now, out)
}

// Deadline is when Advance is wanted next.
func (w *Watch) Deadline() (at time.Time, ok bool) {
	sooner := func(t time.Time) {
		if !t.IsZero() && (!ok || t.Before(at)) {
			at, ok = t, true
		}
	}
	for _, b := range w.known {
		sooner(b.heard.Add(w.silence()))
	}
	if w.beaconing {
		sooner(w.beaconAt)
	} else if !w.isOff() {
		sooner(w.volunteer)
	}
	if len(w.neighbors) > 0 {
		for _, o := range w.others {
			sooner(o.until)
		}
		sooner(w.healAt)
	}
	for _, p := range w.probes {
		sooner(p.expires)
	}
	for _, t := range w.targets {
		if !t.busy && !w.isOff() {
			sooner(t.next)
		}
	}
	for _, s := range w.names {
		if !s.asked {
			sooner(s.next)
		}
	}
	sooner(w.restsEnd)
	w.lostAt(sooner)
	return at, ok
}

func (w *Watch) neighbor(link ident.Link) *neighbor {
	for i := range w.neighbors {
		if w.neighbors[i].link == link {
			return &w.neighbors[i]
		}
	}
	return nil
}
