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
	playRate    = 5 // events a second, of all together
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
	defer page.close() // nothing of it has to be saved
	fmt.Fprintf(cmd.OutOrStdout(), "%d simulated nodes at %s\nCtrl-C ends it.\n", spec.Nodes, page.url())
	ctx, release := interruptible(cmd)
	defer release()
	return play.live(ctx)
}

// play is a simulated network that lives in real time. It is a board.Mesh and a
// board.Controller.
type play struct {
	rate float64

	mu     sync.Mutex // guards all below, and what is called for them
	net    *sim.Net
	seeds  []string
	parted bool // by even and odd
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
	node.Forget() // there is no end at which anybody would look at its events
	node.OnNotice = func(n netsplit.Notice) {
		if node.Index > 0 {
			return // one tells for all
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

// talk has somebody emit, again and again.
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

// live lets as much virtual time pass as real time does, until ctx ends. Where the
// machine is too slow for that, it is less.
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

// ID implements board.Mesh: one looks from above, and not from a node.
func (p *play) ID() smoke.ID { return smoke.ID{} }

// Survey implements board.Mesh.
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
		if parted { // what nobody notices before some seconds have passed
			d.Links = slices.DeleteFunc(d.Links, func(l census.Link) bool { return side[l.Peer] != side[d.Node.ID] })
		}
		told(simulatedInfo(d))
	}
	return len(digests), nil
}

// Options implements board.Mesh.
func (p *play) Options() []meshview.Setting { return []meshview.Setting{} }

// Health implements board.Mesh.
func (p *play) Health() meshview.Health {
	return meshview.Health{State: "found", Text: "A simulation."}
}

// OnEvent implements board.Mesh.
func (p *play) OnEvent(fn func(meshview.Event)) (off func()) {
	set := func(fn func(meshview.Event)) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.event = fn
	}
	set(fn)
	return func() { set(func(meshview.Event) {}) }
}

// OnNotice implements board.Mesh.
func (p *play) OnNotice(fn func(string)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.notice = fn
}

// Controls implements board.Controller.
func (p *play) Controls() []string { return []string{"cut", "heal", "kill", "add"} }

// Control implements board.Controller.
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
			return errors.New("nobody lives")
		}
		node := living[p.net.Rand.IntN(len(living))]
		p.net.Crash(node, false)
		p.notice(fmt.Sprintf("%s was killed", node.Addr))
	case "add":
		if len(p.net.Living()) >= mostPlayed {
			return fmt.Errorf("there are %d nodes: enough", mostPlayed)
		}
		node := p.add()
		if p.parted { // it stands on one of the sides
			p.net.Cut(func(i int) int { return i % 2 })
		}
		p.notice(fmt.Sprintf("%s was started", node.Addr))
	}
	return nil
}
