package scenario

import (
	"errors"
	"fmt"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/overlay"
	"github.com/smokesignal-go/smokesignal/internal/sim"
	"github.com/smokesignal-go/smokesignal/peerlist"
)

// The bounds that every node is held to; they are the defaults of peerlist and
// plumtree. A history may be over by one event.
const (
	bookBound    = 512
	historyBound = 16<<20 + 1<<20
)

// run is one run of a script.
type run struct {
	Spec
	net    *sim.Net
	ledger *sim.Ledger
	result *Result
	end    time.Duration // expected end of the script

	seeds   []string
	hidden  float64
	crashed []*sim.Node
	joined  []*sim.Node   // by the last join, restart or return
	usual   time.Duration // the 99th percentile of deliveries, when it was last measured
	talking int           // counts talks, to end the one before
	churned int           // counts churns
	speaker int           // senders: the next one's place
	talkers []*sim.Node

	mark     *sim.Mark // the last talk
	marked   time.Duration
	sent     sim.Sent // at the mark
	told     uint64   // deliveries at the mark
	downs    int      // links that ended since the last talk
	stalled  map[*sim.Node]bool
	lost     int // links between healthy nodes that ended since the last stall
	oneway   [][2]*sim.Node
	mainPart float64 // the least share in the largest component
	watching bool    // mainPart
}

// Run runs a spec. The error wraps one *InputError or several; what goes wrong
// in the network is in the Result.
func Run(spec Spec) (*Result, error) {
	if errs := spec.Validate(); len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	if spec.Scenario != "" {
		spec.Script = spec.script()
	}
	steps, err := spec.parse()
	if err != nil {
		return nil, err
	}
	if errs := spec.Validate(); len(errs) > 0 { // settings of the script
		return nil, errors.Join(errs...)
	}
	r := &run{Spec: spec, result: &Result{Seed: spec.Seed}, stalled: make(map[*sim.Node]bool)}
	if r.net, err = spec.Net(); err != nil {
		return nil, err
	}
	r.ledger = sim.NewLedger(r.net)
	r.mark = r.ledger.Mark()
	for i := range spec.Seeds {
		r.seeds = append(r.seeds, r.addr(i))
	}
	r.end = lasts(steps)
	r.sample()
	r.guard()
	r.do(steps)
	if err := r.net.Err(); err != nil {
		r.result.Broken = err.Error()
	}
	r.result.Hash = fmt.Sprintf("%016x", r.net.Hash())
	r.result.Steps = r.net.Steps
	r.result.Virtual = r.net.Now().Seconds()
	return r.result, nil
}

// Net makes the network that a spec describes, without any node.
func (s Spec) Net() (*sim.Net, error) {
	latency, err := s.latency()
	if err != nil {
		return nil, err
	}
	return sim.New(sim.Config{
		Seed: s.Seed, Latency: latency, Loss: s.Loss, Wire: s.Wire,
		Overlay: overlay.Config{Membership: peerlist.Config{MinPeers: s.MinPeers, MaxPeers: s.MaxPeers, MaxGuests: s.MaxGuests, NoLimits: s.NoLimits}},
	}), nil
}

// addr is the address of the i-th node.
func (r *run) addr(i int) string {
	if r.Public {
		return sim.HonestAddr(i)
	}
	return sim.Addr(i)
}

// add makes one more node.
func (r *run) add() *sim.Node {
	node := r.net.Add(r.seeds...)
	if r.hidden > 0 && node.Index >= r.Nodes { // form decides for those before
		node.Hidden = r.net.Rand.Float64() < r.hidden
	}
	if r.Public {
		r.net.Move(node, r.addr(node.Index))
	}
	return node
}

// lasts is how long the steps take that have a length.
func lasts(steps []step) (d time.Duration) {
	for _, st := range steps {
		switch st.verb {
		case "run":
			d += duration(st.words[0])
		case "glomers":
			d += duration(st.words[1])
		case "repeat":
			d += time.Duration(count(st.words[0])) * lasts(st.body)
		}
	}
	return d
}

// sample notes the state of the network for a plot, all through the run.
func (r *run) sample() {
	gap := max(r.end/400, 100*time.Millisecond)
	var before struct {
		emitted, delivered uint64
		sent               sim.Sent
	}
	var again func()
	again = func() {
		living := len(r.net.Living())
		parts, largest := r.net.Parts()
		var emitted uint64
		for _, src := range r.ledger.Sources {
			emitted += uint64(len(src.Events))
		}
		s := Sample{At: r.net.Now().Seconds(), Nodes: living, Components: parts}
		if living > 0 {
			delivered := r.ledger.Delivered - before.delivered
			pushes := r.net.Sent.Pushes - before.sent.Pushes
			s.Emitted = float64(emitted-before.emitted) / gap.Seconds()
			s.Delivered = float64(delivered) / float64(living) / gap.Seconds()
			s.Frames = float64(r.net.Sent.All()-before.sent.All()) / float64(living) / gap.Seconds()
			if delivered > 0 {
				s.Redundancy = max(0, float64(pushes)/float64(delivered)-1)
			}
			if r.watching {
				r.mainPart = min(r.mainPart, float64(largest)/float64(living))
			}
		}
		before.emitted, before.delivered, before.sent = emitted, r.ledger.Delivered, r.net.Sent
		r.result.Samples = append(r.result.Samples, s)
		if r.Progress != nil {
			r.Progress(r.net.Now(), max(r.end, r.net.Now()))
		}
		r.net.After(gap, again)
	}
	again()
}

// guard checks the bounds of every node now and then.
func (r *run) guard() {
	r.net.After(5*time.Second, func() {
		r.net.CheckBounds(r.MaxPeers, r.guestBound(), bookBound, historyBound)
		r.guard()
	})
}

// guestBound is how many guests a node may have.
func (r *run) guestBound() int {
	if r.MaxGuests == 0 {
		return 64 // the default of peerlist
	}
	return max(r.MaxGuests, 0)
}

// begin starts a node, new or crashed.
func (r *run) begin(node *sim.Node, same bool) {
	r.ledger.Begin(node, same)
	node.OnDown = func(peer *sim.Node, why peerlist.Reason) {
		r.downs++
		if len(r.stalled) > 0 && peer != nil && !r.stalled[node] && !r.stalled[peer] && isAccident(why) {
			r.lost++
		}
	}
}

// isAccident reports whether a link ended for a fault, and not because the
// protocol had a better use for the place.
func isAccident(why peerlist.Reason) bool {
	return why == peerlist.ReasonNone || why == peerlist.ReasonSilent || why == peerlist.ReasonSlow || why == peerlist.ReasonProtocol
}

// talk lets nodes emit until the next talk or quiet.
func (r *run) talk(rate float64, senders int) {
	r.talking++
	this := r.talking
	r.setMark()
	r.talkers = nil
	if senders > 0 {
		living := r.awake()
		r.net.Rand.Shuffle(len(living), func(i, j int) { living[i], living[j] = living[j], living[i] })
		r.talkers = living[:min(senders, len(living))]
	}
	gap := time.Duration(float64(time.Second) / rate)
	var again func()
	again = func() {
		if r.talking != this {
			return
		}
		if node := r.drawSpeaker(); node != nil {
			r.ledger.Emit(node, r.Payload)
		}
		r.net.After(gap, again)
	}
	r.net.After(gap, again)
}

// drawSpeaker is the node that emits next, one that has joined; nil if there is
// none.
func (r *run) drawSpeaker() *sim.Node {
	can := func(node *sim.Node) bool { return node.Alive && !node.IsStalled() && node.Joined <= r.net.Now() }
	if n := len(r.talkers); n > 0 {
		for range n {
			r.speaker++
			if node := r.talkers[r.speaker%n]; can(node) {
				return node
			}
		}
		return nil
	}
	for range 1000 { // most of the time most nodes can
		if node := r.net.Nodes[r.net.Rand.IntN(len(r.net.Nodes))]; can(node) {
			return node
		}
	}
	return nil
}

// awake are the nodes that live and do not stall.
func (r *run) awake() (list []*sim.Node) {
	for _, node := range r.net.Nodes {
		if node.Alive && !node.IsStalled() {
			list = append(list, node)
		}
	}
	return list
}

func (r *run) setMark() {
	r.mark, r.sent, r.told, r.marked = r.ledger.Mark(), r.net.Sent, r.ledger.Delivered, r.net.Now()
	r.ledger.Latency, r.ledger.Hops, r.downs = sim.Histogram{}, [256]uint64{}, 0
	for _, node := range r.net.Nodes {
		node.Alone = 0
	}
}

// faultNow resets the record of hooks that ran before.
func (r *run) faultNow() {
	for _, node := range r.net.Nodes {
		node.Notices = nil
	}
}
