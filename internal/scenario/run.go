package scenario

import (
	"errors"
	"fmt"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/hyparview"
	"github.com/smokesignal-go/smokesignal/internal/overlay"
	"github.com/smokesignal-go/smokesignal/internal/sim"
)

// The bounds that each node must keep. They are the defaults of hyparview and plumtree. A
// history may exceed its bound by one event.
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
	joined  []*sim.Node   // the nodes that the last join or restart started
	usual   time.Duration // the 99th percentile of deliveries, as last measured
	talking int           // counts talks; a talk ends when the number changes
	churned int           // counts churns
	speaker int           // the position of the next sender, if their number is limited
	talkers []*sim.Node

	mark     *sim.Mark // of the last talk
	marked   time.Duration
	sent     sim.Sent // at the mark
	told     uint64   // deliveries at the mark
	downs    int      // links that ended since the last talk
	stalled  map[*sim.Node]bool
	lost     int // links between healthy nodes that ended since the last stall
	oneway   [][2]*sim.Node
	mainPart float64 // the least share of nodes in the largest component so far
	watching bool    // mainPart is being measured
}

// Run runs a spec. An error wraps one or more *InputErrors. Failures of the network are in
// the Result.
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
	if errs := spec.Validate(); len(errs) > 0 { // a second time, because the script may have set fields
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

// Net returns the network that a spec describes, without nodes.
func (s Spec) Net() (*sim.Net, error) {
	latency, err := s.latency()
	if err != nil {
		return nil, err
	}
	return sim.New(sim.Config{
		Seed: s.Seed, Latency: latency, Loss: s.Loss, Wire: s.Wire,
		Overlay: overlay.Config{Membership: hyparview.Config{MinPeers: s.MinPeers, MaxPeers: s.MaxPeers, MaxGuests: s.MaxGuests, NoLimits: s.NoLimits}},
	}), nil
}

// addr returns the address of the i-th node.
func (r *run) addr(i int) string {
	if r.Public {
		return sim.HonestAddr(i)
	}
	return sim.Addr(i)
}

// add adds one node.
func (r *run) add() *sim.Node {
	node := r.net.Add(r.seeds...)
	if r.hidden > 0 && node.Index >= r.Nodes { // form hides nodes among the first Nodes itself
		node.Hidden = r.net.Rand.Float64() < r.hidden
	}
	if r.Public {
		r.net.Move(node, r.addr(node.Index))
	}
	return node
}

// lasts returns the total length of the steps that have a duration.
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

// sample records the state of the network for a plot, at intervals through the whole run.
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

// guard checks the bounds of every node at intervals.
func (r *run) guard() {
	r.net.After(5*time.Second, func() {
		r.net.CheckBounds(r.MaxPeers, r.guestBound(), bookBound, historyBound)
		r.guard()
	})
}

// guestBound returns how many guests a node may have.
func (r *run) guestBound() int {
	if r.MaxGuests == 0 {
		return 64 // the default of hyparview
	}
	return max(r.MaxGuests, 0)
}

// begin starts a node that is new or has crashed.
func (r *run) begin(node *sim.Node, same bool) {
	r.ledger.Begin(node, same)
	node.OnDown = func(peer *sim.Node, why hyparview.Reason) {
		r.downs++
		if len(r.stalled) > 0 && peer != nil && !r.stalled[node] && !r.stalled[peer] && isAccident(why) {
			r.lost++
		}
	}
}

// isAccident reports whether a link ended because of a fault. Otherwise the protocol ended
// it to use the place for another link.
func isAccident(why hyparview.Reason) bool {
	return why == hyparview.ReasonNone || why == hyparview.ReasonSilent || why == hyparview.ReasonSlow || why == hyparview.ReasonProtocol
}

// talk makes nodes emit until the next talk or quiet.
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

// drawSpeaker returns the node that emits next. It returns nil if no node has joined.
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
	for range 1000 { // most of the time most nodes are suitable
		if node := r.net.Nodes[r.net.Rand.IntN(len(r.net.Nodes))]; can(node) {
			return node
		}
	}
	return nil
}

// awake returns the living nodes that are not stalled.
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

// faultNow clears the record of earlier hooks. It is called when a fault begins.
func (r *run) faultNow() {
	for _, node := range r.net.Nodes {
		node.Notices = nil
	}
}
