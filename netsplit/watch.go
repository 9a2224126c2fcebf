// Package netsplit detects that the overlay has split, and heals it.
//
// A few nodes, seeds first, flood a small beacon every few seconds. The beacon with the
// lowest ID that a node hears names its component. If beacons fall silent, nodes probe
// the addresses of seeds that are not heard; beaconing nodes do so all the time. If a
// node answers and hears other beacons than this node, the split is proven, and the link
// of the probe becomes a bridge. If it hears the same beacons, there is no split. If no
// node answers, the address is down or unreachable, and this is not called a split.
// Probes become rarer over time and never stop.
//
// [Watch] does no I/O. The owner must call its methods from one goroutine at a time, and
// perform the actions of [Out] in order. It must answer each Dial with exactly one LinkUp
// or DialFailed, and each Resolve with one Resolved. It must call Advance at the time
// that Deadline returns.
package netsplit

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/retry"
)

// Out receives the actions of a [Watch]. Its methods only record them.
type Out interface {
	Send(ident.Link, Message)
	Dial(addr string)
	Close(ident.Link)        // the link was a probe, which is done
	Bridge(ident.Link)       // the link was a probe that found another component: make it a neighbour
	Resolve(name string)     // look up the addresses of a seed
	SetSeeds(addrs []string) // the addresses of all seeds, as far as they are resolved now
	Notify(Notice)
}

// Notice is an event that the program may want to know about.
type Notice interface{ notice() }

// Found reports that another live component was found: a netsplit is proven.
type Found struct {
	Ours, Other ident.ID // the lowest beacon IDs of the two components; zero if none is heard
}

// Healed reports that the netsplit is over, because no other component was found for four
// seconds.
type Healed struct {
	For time.Duration // the time since Found
}

// SeedLost reports that a seed was not heard for ten seconds and does not answer: it is
// down or cut off. It is reported once, and again only after a SeedBack.
type SeedLost struct {
	Addr string // the address, or the name of a seed that resolves to no address
	Err  error
}

// SeedBack ends a SeedLost: the address answers or is heard again, the name has
// addresses again, or the name no longer resolves to this address.
type SeedBack struct{ Addr string }

// Twin reports beacons with this node's ID that this run of the node did not send: two
// nodes share an ID, or a peer lies.
type Twin struct {
	Addr  string // the address in the beacon; may be empty
	Later bool   // the other node started after this one
}

func (Twin) notice()     {}
func (Found) notice()    {}
func (Healed) notice()   {}
func (SeedLost) notice() {}
func (SeedBack) notice() {}

// Config configures a [Watch]. Durations that are zero take the defaults.
type Config struct {
	Self ident.Origin
	Addr string // where this node can be dialled; may be empty
	// Elsewhere is set if the owner does not listen at Addr itself. The address is mapped
	// to the owner or shared with others, so another node may answer there.
	Elsewhere bool
	Seeds     []string // addresses, or names that the owner can resolve
	Rand      *rand.Rand

	// Interval is the time between beacons. Zero means 3 s. With 3 s, three missed
	// beacons are noticed within ten seconds, and each node sends about 35 bytes per
	// second. Negative turns beacons and probes off: this node then only answers.
	Interval time.Duration
}

const (
	defaultInterval = 3 * time.Second

	missed    = 3                // missed beacons in a row that count as silence
	slack     = time.Second      // time that the flood of a beacon may take to arrive
	quietWith = 3                // a seed that hears this many beacons with lower IDs sends none
	maxKnown  = 16               // highest number of stored beacons: those with the lowest IDs
	maxLost   = 8                // highest number of addresses of silent beacons that are probed, not counting seeds
	healedFor = 4 * time.Second  // if no other component is found for this long, the netsplit is over
	settled   = 10 * time.Second // if a component is younger than this, it merges without a report
	reresolve = 30 * time.Second // time between look-ups of a seed name
	answerIn  = 3 * time.Second  // longest wait for the answer to a probe
	// maxProbes bounds the concurrent probes. maxHopeless bounds the concurrent probes of
	// addresses that never answer, because a seed name may resolve to hundreds of them.
	maxProbes   = 64
	maxHopeless = 8
)

// Watch is the state of one node. Only one goroutine at a time may use it.
type Watch struct {
	cfg       Config
	neighbors []neighbor
	known     []*beacon // beacons that are not silent, lowest ID first
	names     []*seedName
	targets   []*target
	probes    []*probe
	resting   retry.Resting // addresses at which this node met itself
	twin      twin
	restsEnd  time.Time // when the first resting address may be dialled again; zero: none is resting
	started   time.Time
	hearsayAt time.Time // when an address that only a beacon named may be dialled again; see isHearsay

	isSeed     bool
	beaconing  bool
	count      uint64
	beaconAt   time.Time // when this node sends its next beacon
	volunteer  time.Time // when to start to beacon, if no beacon is heard by then
	since      time.Time // when this node last entered a component, in which it hears or sends beacons; a short isolation does not reset it
	others     []other   // the components of the current netsplit
	claims     []claim   // claims of neighbours that a netsplit was found
	isReported bool      // Found was reported, and Healed was not yet
	splitAt    time.Time
	healedAt   time.Time // when the last Healed was reported
	healAt     time.Time // when Healed is due, unless another component is found before; zero: Healed is not due
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
	found bool // the component of this beacon is counted as found
}

// NewWatch returns the Watch of one node. It does nothing until Start is called.
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

// Start looks up the seeds.
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

// SetSelf changes the address that this node advertises.
func (w *Watch) SetSelf(now time.Time, addr string, out Out) {
	w.cfg.Addr = addr
	w.isSeed = w.isSeed || w.isSeedAddr(addr)
	w.retarget(now, out)
}

// MetSelf records an address at which this node met itself. If the address is a seed's,
// this node is a seed. The address is dialled again later, because another node may take
// it over.
func (w *Watch) MetSelf(now time.Time, addr string, out Out) {
	if w.isSelf(now, addr) {
		return
	}
	w.resting.Add(now, addr, atSelf, w.cfg.Rand)
	w.restsEnd, _ = w.resting.Next(now)
	w.isSeed = w.isSeed || w.isSeedAddr(addr)
	w.retarget(now, out)
}

// atSelf spaces the dials of an address that was this node's own. A guess: if another
// node takes the address over, it is found within a minute.
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

// CalledSeed records that another node joined through this one as a seed.
func (w *Watch) CalledSeed() { w.isSeed = true }

// IsBeaconing reports whether this node floods beacons.
func (w *Watch) IsBeaconing() bool { return w.beaconing }

// SeedsLost returns the number of seeds that are reported as lost.
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

// Component returns the lowest beacon ID that this node hears, which names its component.
// It returns zero if the node hears no beacon.
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

// NeighborUp adds a neighbour. This node first sends it the beacons that it hears as a
// ProbeReply, so that a link that is not a probe can show a netsplit too. Then it sends all
// fresh beacons.
func (w *Watch) NeighborUp(now time.Time, link ident.Link, peer ident.ID, advertised, dialled string, local bool, out Out) {
	if !w.isOff() {
		out.Send(link, (*ProbeReply)(w.question(now)))
	}
	if len(w.neighbors) == 0 {
		if w.expireBeacons(now); len(w.known) == 0 {
			w.since = time.Time{} // the node was alone for so long that its former component does not count any more
		}
		if !w.healAt.IsZero() {
			w.healAt = now.Add(healedFor) // while the node was alone, it could not learn of another component
		}
	}
	w.neighbors = append(w.neighbors, neighbor{link, peer, [2]string{advertised, dialled}, local})
	for _, t := range w.targets {
		if t.addr == advertised || t.addr == dialled {
			w.markHeard(now, t, out)
		}
	}
	for _, b := range w.known {
		if w.isFresh(now, b) {
			out.Send(link, w.forLink(&b.Beacon, local))
		}
	}
	if w.volunteer.IsZero() {
		w.postponeVolunteering(now)
	}
	if w.beaconing {
		out.Send(link, w.forLink(w.own(), local))
	}
	w.decideBeaconing(now, out)
}

// NeighborDown removes a neighbour.
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
		// Keep w.since: if this node soon rejoins its component, it counts as having been
		// in that component all the time.
		w.beaconing, w.volunteer = false, time.Time{}
	}
}

// Handle processes a frame that arrived on a link.
func (w *Watch) Handle(now time.Time, link ident.Link, msg Message, out Out) {
	switch msg := msg.(type) {
	case *Beacon:
		w.onBeacon(now, link, msg, out)
	case *Probe:
		w.onProbe(now, link, msg, out)
	case *ProbeReply:
		w.onProbeReply(now, link, msg, out)
	case *Split:
		w.onSplit(now, link, msg, out)
	}
}

// Advance performs every action whose time has come.
func (w *Watch) Advance(now time.Time, out Out) {
	w.expireBeacons(now)
	w.decideBeaconing(now, out)
	if w.beaconing && !now.Before(w.beaconAt) {
		w.beaconAt = now.Add(w.cfg.Interval)
		w.count++
		w.flood(0, w.own(), out)
	}
	if len(w.neighbors) > 0 {
		w.expireOthers(now, out)
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

// Deadline returns the time of the next Advance.
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
