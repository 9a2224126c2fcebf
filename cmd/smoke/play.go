package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/smokesignal-go/smokesignal/internal/census"
	"github.com/smokesignal-go/smokesignal/internal/meshview"
	"github.com/smokesignal-go/smokesignal/internal/scenario"
	"github.com/smokesignal-go/smokesignal/internal/sim"
	"github.com/smokesignal-go/smokesignal/netsplit"
	"github.com/smokesignal-go/smokesignal/smoke"
)

// playing is smoke sim --open: a simulated network in real time, with buttons.
type playing struct {
	open bool
	http string
}

const (
	mostPlayed  = 1000 // nodes
	playStep    = 20 * time.Millisecond
	playRate    = 5 // events a second, by all nodes together
	playPayload = 64
)

func (p *playing) run(cmd *cobra.Command, spec scenario.Spec) error {
	switch {
	case !cmd.Flags().Changed("nodes"):
		spec.Nodes = 24
	case spec.Nodes < 1 || spec.Nodes > mostPlayed:
		return &scenario.InputError{Field: "nodes", Value: fmt.Sprint(spec.Nodes), Allowed: fmt.Sprintf("1 to %d, with --open", mostPlayed)}
	}
	if spec.Seeds = min(spec.Seeds, spec.Nodes); spec.Rate <= 0 {
		spec.Rate = playRate
	}
	play, err := newPlay(spec)
	if err != nil {
		return err
	}
	page, err := serveWeb(p.http, meshview.New(play))
	if err != nil {
		return err
	}
	defer page.close() // it has nothing to save
	fmt.Fprintf(cmd.OutOrStdout(), "%d simulated nodes at %s\nCtrl-C ends it.\n", spec.Nodes, page.url())
	ctx, release := interruptible(cmd)
	defer release()
	return play.live(ctx)
}

// play is a simulated network in real time. It implements meshview.Mesh and
// meshview.Controller.
type play struct {
	rate float64

	mu     sync.Mutex // guards all below; held while the functions below are called
	net    *sim.Net
	seeds  []string
	parted bool // nodes with even and odd numbers are cut off from each other
	event  func(meshview.Event)
	notice func(string)
}

func newPlay(spec scenario.Spec) (*play, error) {
	if spec.Seeds < 1 {
		return nil, &scenario.InputError{Field: "seeds", Value: fmt.Sprint(spec.Seeds), Allowed: "1 or more, with --open"}
	}
	net, err := spec.Net()
	if err != nil {
		return nil, err
	}
	p := &play{rate: spec.Rate, net: net, event: func(meshview.Event) {}, notice: func(string) {}}
	for i := range spec.Seeds {
		p.seeds = append(p.seeds, sim.Addr(i))
	}
	for range spec.Nodes {
		p.add()
	}
	p.talk()
	return p, nil
}

// add starts one more node.
func (p *play) add() *sim.Node {
	node := p.net.Add(p.seeds...)
	p.net.Start(node)
	node.Forget() // no check reads its events at the end
	node.OnNotice = func(n netsplit.Notice) {
		if node.Index > 0 {
			return // one node reports the events of all nodes
		}
		switch n := n.(type) {
		case netsplit.Found:
			p.notice(fmt.Sprintf("netsplit: %s and %s found each other; merging", n.Ours.Short(), n.Other.Short()))
		case netsplit.Healed:
			p.notice(fmt.Sprintf("the parts are one; merging took %v", n.For.Round(time.Millisecond)))
		}
	}
	return node
}

// talk makes a random node emit, again and again.
func (p *play) talk() {
	gap := time.Duration(float64(time.Second) / p.rate)
	var again func()
	again = func() {
		if living := p.net.Living(); len(living) > 0 {
			node := living[p.net.Rand.IntN(len(living))]
			seq := node.Emit(make([]byte, playPayload))
			p.event(meshview.Event{Name: "simulated", Origin: node.ID, Seq: seq, Size: playPayload})
		}
		p.net.After(gap, again)
	}
	p.net.After(gap, again)
}

// live advances virtual time with real time, until ctx ends. If the machine is too slow,
// virtual time falls behind.
func (p *play) live(ctx context.Context) error {
	tick := time.NewTicker(playStep)
	defer tick.Stop()
	for {
		p.mu.Lock()
		p.net.Run(playStep)
		err := p.net.Err()
		p.mu.Unlock()
		if err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// ID implements meshview.Mesh. The view is not from a node, so it is zero.
func (p *play) ID() smoke.ID { return smoke.ID{} }

// Survey implements meshview.Mesh.
func (p *play) Survey(_ context.Context, told func(smoke.NodeInfo)) (int, error) {
	p.mu.Lock()
	var digests []census.Digest
	side := make(map[smoke.ID]int)
	for _, node := range p.net.Living() {
		d := node.Machine.Describe(p.net.Time())
		side[node.ID] = node.Index % 2
		digests = append(digests, d)
	}
	parted := p.parted
	p.mu.Unlock()
	for _, d := range digests {
		if parted { // nodes notice the cut only after some seconds
			d.Links = slices.DeleteFunc(d.Links, func(l census.Link) bool { return side[l.Peer] != side[d.Node.ID] })
		}
		told(simulatedInfo(d))
	}
	return len(digests), nil
}

// Options implements meshview.Mesh.
func (p *play) Options() []meshview.Setting { return []meshview.Setting{} }

// Health implements meshview.Mesh.
func (p *play) Health() meshview.Health {
	return meshview.Health{State: "found", Text: "A simulation."}
}

// OnEvent implements meshview.Mesh.
func (p *play) OnEvent(fn func(meshview.Event)) (off func()) {
	set := func(fn func(meshview.Event)) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.event = fn
	}
	set(fn)
	return func() { set(func(meshview.Event) {}) }
}

// OnNotice implements meshview.Mesh.
func (p *play) OnNotice(fn func(string)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.notice = fn
}

// Controls implements meshview.Controller.
func (p *play) Controls() []string { return []string{"cut", "heal", "kill", "add"} }

// Control implements meshview.Controller.
func (p *play) Control(name string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch name {
	case "cut":
		p.net.Cut(func(i int) int { return i % 2 })
		p.parted = true
		p.notice("cut: even and odd nodes hear nothing of each other")
	case "heal":
		p.net.Heal()
		p.parted = false
		p.notice("the cut is mended")
	case "kill":
		living := p.net.Living()
		if len(living) == 0 {
			return errors.New("no node is running")
		}
		node := living[p.net.Rand.IntN(len(living))]
		p.net.Crash(node, false)
		p.notice(fmt.Sprintf("%s was killed", node.Addr))
	case "add":
		if len(p.net.Living()) >= mostPlayed {
			return fmt.Errorf("there are %d nodes, the maximum", mostPlayed)
		}
		node := p.add()
		if p.parted { // the new node belongs to one of the sides
			p.net.Cut(func(i int) int { return i % 2 })
		}
		p.notice(fmt.Sprintf("%s was started", node.Addr))
	}
	return nil
}
