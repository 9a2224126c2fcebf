package main

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/e2e/cluster"
	"github.com/smokesignal-go/smokesignal/internal/scenario"
)

// scene is one scenario.
type scene struct {
	name, does string
	simulated  string // its counterpart: arguments of smoke sim
	play       func(r *run)
}

// command returns the counterpart in the simulator.
func (s scene) command(c config) string {
	return fmt.Sprintf("smoke sim --nodes %d %s", c.nodes, s.simulated)
}

var scenarios = []scene{
	{"split", "two halves of full nodes, with no cable between them for a while; the seeds in one",
		"--scenario split --for 20s --rate 20 --min-peers 4 --max-peers 4",
		func(r *run) {
			r.least, r.most = r.full, r.full
			r.split(2, 10*time.Second)
		}},
	{"split4", "four parts, with no cable between them for a while; the seeds in one",
		"--scenario split --parts 4 --for 20s --rate 20",
		func(r *run) { r.split(4, 15*time.Second) }},
	{"crash", "half of the processes killed at one instant, with a reset", "--scenario crash --rate 20",
		func(r *run) { r.halfDies(false, 2*time.Second) }},
	{"silent", "half of the nodes vanish from the network at one instant, without a reset", "--scenario crash --silent --rate 20",
		func(r *run) { r.halfDies(true, 20*time.Second) }},
	{"oneway", "links between neighbours that stop carrying data in one direction", "--scenario oneway --rate 20", (*run).oneWay},
	{"flap", "a cut between two halves begins or ends every three seconds", "--scenario flap --rounds 10 --rate 20", (*run).flap},
	{"stall", "a quarter of the processes stops for 5 to 30 s each", "--scenario stall --rate 20", (*run).standStill},
	{"seeds", "all seeds are killed, and return at their addresses as new processes; newcomers meanwhile", "--scenario seeds --for 15s --rate 20", (*run).seedsReturn},
	{"restart", "a tenth of the processes killed, and started with the same ids at another port", "--scenario restart --rate 20", (*run).restart},
	{"nat", "half of the nodes can dial, and can't be dialled", "--scenario nat --rate 20", (*run).behindNAT},
}

// longCut is long enough for all nodes to notice a partition before it ends. A silent link
// ends after five seconds, and a component gets its own name after about ten.
const longCut = 15 * time.Second

// split partitions the network and heals it.
func (r *run) split(n int, mark time.Duration) {
	r.form(10 * time.Second)
	r.talk()
	r.wait(2 * time.Second)
	parts := r.part(n)
	r.wait(r.apart)
	across := 0
	for i, p := range parts {
		for j, q := range parts {
			if i != j {
				across += cluster.Crossing(p, q)
			}
		}
	}
	if r.apart > longCut {
		r.atMost("links across the cut at its end", float64(across), 0, "")
	}
	r.swallowed()
	healed := r.heal()
	r.within("one component", mark, healed, r.isOne)
	r.delivered(30 * time.Second)
	r.wait(2 * r.linger) // so that a hook that runs twice is noticed
	r.toldOnce(r.apart > longCut)
	r.within("settled again", time.Minute, time.Now(), r.isSettled)
}

// halfDies crashes half of the nodes. It spares the seeds, like the simulator.
func (r *run) halfDies(silently bool, mark time.Duration) {
	r.form(10 * time.Second)
	r.talk()
	r.wait(2 * time.Second)
	died := r.crash(r.some(r.ordinary(), float64(r.nodes)/2/float64(r.nodes-r.seeds)), silently)
	r.within("one component", mark, died, r.isOne)
	r.wait(r.linger)
	r.endsWell()
}

func (r *run) oneWay() {
	r.form(10 * time.Second)
	r.talk()
	r.wait(2 * time.Second)
	links, cut := r.cutOneWay(1 + r.nodes/20)
	r.tell("links cut", scenario.Number(len(links)), "")
	r.within("dropped by both ends", 6*time.Second, cut, func() bool {
		return !slices.ContainsFunc(links, func(l [2]*cluster.Actor) bool {
			return slices.Contains(l[0].Links, l[1].ID) || slices.Contains(l[1].Links, l[0].ID)
		})
	})
	r.wait(r.linger)
	r.swallowed()
	var hit []*cluster.Actor
	for _, l := range links {
		hit = append(hit, l[0], l[1])
	}
	r.kept(hit)
	r.delivered(10 * time.Second)
	r.within("one component", time.Second, time.Now(), r.isOne)
}

func (r *run) flap() {
	r.form(10 * time.Second)
	r.talk()
	r.wait(2 * time.Second)
	r.faultNow()
	start, healed := maps.Clone(r.before), time.Time{}
	for round := range r.rounds {
		if round > 0 {
			r.wait(r.beat)
		}
		r.part(2)
		r.wait(r.beat)
		healed = r.heal()
	}
	r.within("one component", 10*time.Second, healed, r.isOne)
	r.wait(r.linger) // so that links that end late are counted
	r.before = start // links that ended in any round count
	r.swallowed()
	r.ends(float64(r.rounds))
	r.delivered(20 * time.Second)
	r.within("settled again", time.Minute, time.Now(), r.isSettled)
}

func (r *run) standStill() {
	r.form(10 * time.Second)
	r.talk()
	r.wait(2 * time.Second)
	stalled := r.some(r.cast.Alive(), 0.25)
	r.stall(stalled)
	r.wait(r.linger)
	r.kept(stalled)
	r.within("one component", 10*time.Second, time.Now(), r.isOne)
	r.delivered(20 * time.Second)
	r.within("settled again", time.Minute, time.Now(), r.isSettled)
}

func (r *run) seedsReturn() {
	r.form(10 * time.Second)
	if r.failed() {
		return
	}
	seeds := r.cast.Alive()[:r.seeds]
	r.crash(seeds, false)
	r.talk()
	r.wait(r.away * 2 / 3)
	var newcomers []*cluster.Actor
	for i := range r.newcomers {
		newcomers = append(newcomers, r.enter(r.nodes+i, port, ""))
	}
	r.wait(r.away / 3)
	r.noNetsplit()
	if r.failed() {
		return
	}
	for seat := range r.seeds {
		r.enter(seat, port, "")
	}
	r.up()
	r.within("newcomers joined", 5*time.Second, time.Now(), func() bool {
		return !slices.ContainsFunc(newcomers, func(a *cluster.Actor) bool { return len(a.Links) == 0 })
	})
	r.wait(r.linger)
	r.endsWell()
}

func (r *run) restart() {
	r.form(10 * time.Second)
	if r.failed() {
		return
	}
	former := r.some(r.ordinary(), 0.1*float64(r.nodes)/float64(r.nodes-r.seeds))
	r.crash(former, false)
	r.gone(former)
	back := time.Now()
	var returned []*cluster.Actor
	for _, a := range former {
		if !r.failed() {
			returned = append(returned, r.enter(a.Seat, port+1, r.keys[a]))
		}
	}
	r.within("full degree", 3*time.Second, back, func() bool {
		return !slices.ContainsFunc(returned, func(a *cluster.Actor) bool { return len(a.Links) < r.least })
	})
	r.talk()
	r.wait(2 * r.linger)
	r.endsWell()
}

func (r *run) behindNAT() {
	var hidden []string
	for seat := r.seeds; seat < r.nodes; seat++ {
		hidden = append(hidden, side(seat))
	}
	r.rand.Shuffle(len(hidden), func(i, j int) { hidden[i], hidden[j] = hidden[j], hidden[i] })
	r.try(r.lab.Shield(hidden[:r.nodes/2]...))
	r.form(2 * time.Minute)
	r.talk()
	r.wait(2 * r.linger)
	r.delivered(10 * time.Second)
}

// endsWell is the end of most scenarios: all texts arrived, all nodes have enough
// neighbours, and no node reported a netsplit.
func (r *run) endsWell() {
	r.delivered(10 * time.Second)
	r.within("settled again", time.Minute, time.Now(), r.isSettled)
	r.noNetsplit()
}
