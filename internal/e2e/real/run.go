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

// port is where every node listens: each has an address to itself.
const port = 8495

// run is one scenario under way. Its verbs do nothing once one of them has
// failed, so that a scenario reads as a list of them; see failed. Its config is
// a copy, which a scenario may change before it begins.
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

// past is what an actor had told when the present failure began.
type past struct{ splits, heals, ends int }

// play plays one scenario on a network of its own. Whatever happens, it leaves
// nothing of it.
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

// sides are the namespaces of the lab: a node each, called by its seat.
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

// failed reports whether the scenario is over before its end.
func (r *run) failed() bool { return r.problem != nil || r.ctx.Err() != nil }

// try ends the scenario if something went wrong that is no finding.
func (r *run) try(err error) { r.problem = cmp.Or(r.problem, err) }

// enter starts a node in a seat, at a port: somebody new, or who has that key.
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
		// Each node is to be exactly full. A neighbour that takes long to answer when it
		// is dialled would have a guest place, beyond that.
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

// form starts all nodes, one right after the other, and lets the network settle.
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

// up waits until all who were started listen.
func (r *run) up() {
	if r.failed() {
		return
	}
	if took, ok := r.cast.Until(r.ctx, time.Minute, r.cast.IsEverybodyUp); !ok {
		r.try(fmt.Errorf("not all processes have listened in %v", took))
	}
}

// wait lets time pass.
func (r *run) wait(so time.Duration) {
	if !r.failed() {
		r.cast.Wait(r.ctx, so)
	}
}

// talk has all nodes speak in turn; what one says is meant for all who have
// joined. quiet ends it.
func (r *run) talk() { r.cast.Talk(r.rate) }

func (r *run) quiet() { r.cast.Talk(0) }

// isSettled reports whether all are one component, with as many neighbours as
// they want. Where MinPeers is MaxPeers somebody may be left over: the last two
// who have room may be neighbours already.
func (r *run) isSettled() bool {
	enough := r.least
	if r.least == r.most {
		enough--
	}
	return r.cast.IsEverybodyUp() && cluster.IsWhole(r.cast.Alive(), enough, r.most)
}

func (r *run) isOne() bool { return cluster.Parts(r.cast.Alive()) == 1 }

// some draws a share of the actors that may be hit, at least one.
func (r *run) some(of []*cluster.Actor, share float64) []*cluster.Actor {
	r.rand.Shuffle(len(of), func(i, j int) { of[i], of[j] = of[j], of[i] })
	return of[:max(1, int(share*float64(len(of))))]
}

// ordinary are those who live and are no seeds.
func (r *run) ordinary() []*cluster.Actor {
	return slices.DeleteFunc(r.cast.Alive(), func(a *cluster.Actor) bool { return a.Seat < r.seeds })
}

// faultNow begins a failure: what was told before has nothing to do with it.
func (r *run) faultNow() {
	for _, a := range r.cast.Alive() {
		r.before[a] = past{a.Told[cluster.Netsplit], a.Told[cluster.Healed], len(a.Ends)}
	}
}
