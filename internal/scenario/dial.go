package scenario

import (
	"fmt"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/overlay"
	"github.com/smokesignal-go/smokesignal/internal/sim"
)

// dial makes pairs of nodes dial each other within 5 ms, each pair in a network of its own.
// One link must be left, the same on both ends. At no time in between may an end be without
// a link, and both dials must succeed.
func (r *run) dial(rounds int) {
	wrong := 0
	example := ""
	var slowest time.Duration
	for round := range rounds {
		if took, err := r.dialOnce(round); err != nil {
			wrong++
			example = fmt.Sprintf("round %d: %v", round, err)
		} else {
			slowest = max(slowest, took)
		}
		if r.Progress != nil && round%256 == 0 {
			r.Progress(time.Duration(round), time.Duration(rounds))
		}
	}
	r.tell("rounds", float64(rounds), "")
	r.atMost("rounds without exactly one link", float64(wrong), 0, "", example)
	r.atMost("slowest pair", slowest.Seconds(), 1, "s", "")
}

func (r *run) dialOnce(round int) (took time.Duration, err error) {
	latency, err := r.latency()
	if err != nil {
		return 0, err
	}
	n := sim.New(sim.Config{Seed: r.Seed<<32 | uint64(round), Latency: latency, Loss: r.Loss, Wire: r.Wire})
	a, b := n.Add(), n.Add()
	n.Start(a)
	n.Start(b)
	add := func(from, to *sim.Node) {
		from.Do(func(m *overlay.Machine, now time.Time, out overlay.Out) { m.Add(now, to.Addr, 1, out) })
	}
	add(a, b)
	n.Run(time.Duration(n.Rand.IntN(5000)) * time.Microsecond)
	add(b, a)
	from := n.Now()
	linked := func(x, y *sim.Node) bool { return x.IsPeer(y) && len(x.Peers()) == 1 }
	if !n.RunUntil(time.Second, func() bool {
		return linked(a, b) && linked(b, a) && len(a.Answers) == 1 && len(b.Answers) == 1
	}) {
		return 0, fmt.Errorf("%d and %d links, answers %v and %v", len(a.Peers()), len(b.Peers()), a.Answers, b.Answers)
	}
	took = n.Now() - from
	n.Run(time.Second)
	r.net.Steps += n.Steps
	switch {
	case n.Err() != nil:
		return 0, n.Err()
	case a.Answers[1] != nil || b.Answers[1] != nil:
		return 0, fmt.Errorf("the dials ended with %v and %v", a.Answers[1], b.Answers[1])
	case len(a.Downs)+len(b.Downs) > 0:
		return 0, fmt.Errorf("links were lost: %v and %v", a.Downs, b.Downs)
	case !linked(a, b) || !linked(b, a) || n.Unsettled(1) != "":
		return 0, fmt.Errorf("a second later there are %d and %d links", len(a.Peers()), len(b.Peers()))
	case dialled(a) == dialled(b):
		return 0, fmt.Errorf("the ends have kept different links")
	}
	return took, nil
}

// dialled reports whether the node dialled its one link.
func dialled(node *sim.Node) (yes bool) {
	for c := range node.Machine.Neighbors {
		yes = c.Dialled != ""
	}
	return yes
}
