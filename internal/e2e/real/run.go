package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/e2e/cluster"
	"github.com/smokesignal-go/smokesignal/internal/e2e/netlab"
)

// port is the port at which every node listens. Each node has its own IP address.
const port = 8495

// run is a running scenario. After a failure its methods do nothing, so that a scenario is
// a plain list of calls; see failed. Its config is a copy, which a scenario may change
// before it begins.
type run struct {
	config
	ctx     context.Context
	lab     *netlab.Lab
	cast    *cluster.Cast
	rand    *rand.Rand
	result  *result
	screen  *screen
	problem error

	keys   map[*cluster.Actor]string
	killed map[string]bool // by id
	before map[*cluster.Actor]past
}

// past holds an actor's counts at the start of the current failure.
type past struct{ splits, heals, ends int }

// play runs one scenario on its own network and always removes that network.
func play(ctx context.Context, c config, s scene, screen *screen) (got result, err error) {
	got = result{Name: s.name, Does: s.does, Simulated: s.command(c), Figures: []figure{}}
	screen.begin(got)
	begin := time.Now()
	lab, err := netlab.New(sides(c.nodes + c.newcomers)...)
	if err != nil {
		return got, err
	}
	r := &run{
		config: c, ctx: ctx, lab: lab, cast: cluster.NewCast(), result: &got, screen: screen,
		rand: rand.New(rand.NewPCG(c.seed, 0)),
		keys: make(map[*cluster.Actor]string), killed: make(map[string]bool), before: make(map[*cluster.Actor]past),
	}
	r.cast.Verbose = c.verbose
	r.cast.Tick = screen.progress(r.cast, begin)
	defer func() { err = errors.Join(err, r.cast.Close(), lab.Close()) }()

	s.play(r)
	r.promises()
	got.Seconds = time.Since(begin).Seconds()
	screen.close(got)
	return got, r.problem
}

// sides returns the lab's namespaces: one per node, named by its seat.
func sides(n int) (names []string) {
	for seat := range n {
		names = append(names, side(seat))
	}
	return names
}

func side(seat int) string { return "n" + strconv.Itoa(seat) }

func sidesOf(actors []*cluster.Actor) (names []string) {
	for _, a := range actors {
		names = append(names, side(a.Seat))
	}
	return names
}

// failed reports whether the scenario has ended early.
func (r *run) failed() bool { return r.problem != nil || r.ctx.Err() != nil }

// try ends the scenario after an error that is not a result of the measurement.
func (r *run) try(err error) { r.problem = cmp.Or(r.problem, err) }

// enter starts a node in a seat, at a port. With a key, it is the node that has that key;
// otherwise it is a new node.
func (r *run) enter(seat, at int, key string) (a *cluster.Actor) {
	program, err := os.Executable()
	if err == nil && key == "" {
		key, err = cluster.NewKey()
	}
	if err != nil {
		r.try(fmt.Errorf("prepare a node: %w", err))
		return nil
	}
	o := cluster.NodeOptions{Address: r.lab.Addr(side(seat), 1), Port: at, MinPeers: r.least, MaxPeers: r.most, Key: key}
	if r.least == r.most {
		// Each node must be exactly full. Otherwise a neighbour that answers a dial slowly
		// would get a guest place in addition.
		o.Guests = -1
	}
	for s := range r.seeds {
		o.Seeds = append(o.Seeds, net.JoinHostPort(r.lab.Addr(side(s), 1), strconv.Itoa(port)))
	}
	a, err = r.cast.Enter(seat, r.lab.Command(side(seat), program, o.Args()...))
	r.try(err)
	r.keys[a] = key
	return a
}

// form starts all nodes, one right after another, and waits until the network has settled.
func (r *run) form(mark time.Duration) {
	begin := time.Now()
	for seat := range r.nodes {
		if r.failed() {
			return
		}
		r.enter(seat, port, "")
	}
	r.within("settled", mark, begin, r.isSettled)
	r.wait(r.settle)
}

// up waits until all started nodes listen.
func (r *run) up() {
	if r.failed() {
		return
	}
	if took, ok := r.cast.Until(r.ctx, time.Minute, r.cast.IsEverybodyUp); !ok {
		r.try(fmt.Errorf("not all processes have listened in %v", took))
	}
}

// wait lets the given time pass.
func (r *run) wait(so time.Duration) {
	if !r.failed() {
		r.cast.Wait(r.ctx, so)
	}
}

// talk makes all nodes emit in turn. All nodes that have joined must receive each text.
// quiet ends the talk.
func (r *run) talk() { r.cast.Talk(r.rate) }

func (r *run) quiet() { r.cast.Talk(0) }

// isSettled reports whether all nodes form one component with enough neighbours. If
// MinPeers equals MaxPeers, some nodes may be left over, because the last two with a free
// place may already be neighbours.
func (r *run) isSettled() bool {
	enough := r.least
	if r.least == r.most {
		enough--
	}
	return r.cast.IsEverybodyUp() && cluster.IsWhole(r.cast.Alive(), enough, r.most)
}

func (r *run) isOne() bool { return cluster.Parts(r.cast.Alive()) == 1 }

// some draws a share of the actors, at least one.
func (r *run) some(of []*cluster.Actor, share float64) []*cluster.Actor {
	r.rand.Shuffle(len(of), func(i, j int) { of[i], of[j] = of[j], of[i] })
	return of[:max(1, int(share*float64(len(of))))]
}

// ordinary returns the running actors that are not seeds.
func (r *run) ordinary() []*cluster.Actor {
	return slices.DeleteFunc(r.cast.Alive(), func(a *cluster.Actor) bool { return a.Seat < r.seeds })
}

// faultNow begins a failure: earlier reports do not count.
func (r *run) faultNow() {
	for _, a := range r.cast.Alive() {
		r.before[a] = past{a.Told[cluster.Netsplit], a.Told[cluster.Healed], len(a.Ends)}
	}
}
