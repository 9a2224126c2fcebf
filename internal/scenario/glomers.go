package scenario

import (
	"fmt"
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/internal/sim"
)

// checker is the one of the broadcast workload of Gossip Glomers (Maelstrom),
// from its public description. Clients do operations on random nodes, half of
// them broadcasts of a value that nobody used before, half of them reads of all
// values that the node has. A value is lost if a read after the end lacks it. A
// value is stable from when no read lacks it any more; how long that takes after
// the broadcast was acknowledged is its stable latency.
type checker struct {
	values []value
	has    []map[int]bool // per node
	ops    int
	reads  int
}

type value struct {
	acked  time.Duration
	lacked time.Duration // when a read lacked it last; zero: none did
}

// glomers runs the workload. With partitions, the network is whole for ten
// seconds and in two random halves for the next ten, and so on.
func (r *run) glomers(rate float64, d time.Duration, partitions bool) {
	c := &checker{has: make([]map[int]bool, len(r.net.Nodes))}
	type event struct {
		src *sim.Source
		seq uint64
	}
	numbers := make(map[event]int) // the value that an event carries; others are not the workload's
	for i, node := range r.net.Nodes {
		c.has[i] = make(map[int]bool)
		ledger := node.OnDeliver
		node.OnDeliver = func(e *plumtree.Event) {
			ledger(e)
			if number, ok := numbers[event{r.ledger.Source(e), e.Seq}]; ok {
				c.has[i][number] = true
			}
		}
	}
	r.setMark()
	from, before := r.net.Now(), r.net.Sent
	step := func(broadcast bool) {
		node := r.net.Nodes[r.net.Rand.IntN(len(r.net.Nodes))]
		if broadcast {
			number := len(c.values)
			c.values = append(c.values, value{acked: r.net.Now()})
			c.has[node.Index][number] = true
			src, seq := r.ledger.Emit(node, r.Payload) // comes to others later
			numbers[event{src, seq}] = number
			return
		}
		c.read(r.net.Now(), node.Index)
	}
	gap := time.Duration(float64(time.Second) / rate)
	isCut := false
	for i := 0; r.net.Now()-from < d && r.net.Err() == nil; i++ {
		if cut := partitions && (r.net.Now()-from)/(10*time.Second)%2 == 1; cut != isCut {
			if isCut = cut; cut {
				r.cut(2, false)
			} else {
				r.net.Heal()
			}
		}
		c.ops++
		step(i%2 == 0)
		r.net.Run(gap)
	}
	sent := r.net.Sent.All() - before.All()
	r.net.Heal()
	r.net.Run(20 * time.Second) // the workload's own pause before the last reads
	lost := 0
	example := ""
	for i := range r.net.Nodes {
		for number := range c.values {
			if !c.has[i][number] {
				lost++
				example = fmt.Sprintf("node %d lacks value %d", i, number)
			}
		}
	}
	var stable []time.Duration
	for _, v := range c.values {
		stable = append(stable, max(v.lacked-v.acked, 0))
	}
	slices.Sort(stable)
	r.tell("operations", float64(c.ops), "")
	if !partitions {
		r.atMost("messages an operation", float64(sent)/float64(c.ops), 13.5, "", fmt.Sprintf("%+v", difference(r.net.Sent, before)))
		r.atMost("stable latency, median", stable[len(stable)/2].Seconds(), 0.25, "s", "")
		r.atMost("stable latency, the longest", stable[len(stable)-1].Seconds(), 0.4, "s", "")
	} else {
		r.tell("messages an operation", float64(sent)/float64(c.ops), "")
		r.tell("stable latency, median", stable[len(stable)/2].Seconds(), "s")
		r.tell("stable latency, the longest", stable[len(stable)-1].Seconds(), "s")
	}
	r.atMost("values lost", float64(lost), 0, "", example)
}

// read notes what a node lacks of all that was acknowledged.
func (c *checker) read(now time.Duration, node int) {
	c.reads++
	has := c.has[node]
	for number := range c.values {
		if !has[number] {
			c.values[number].lacked = now
		}
	}
}

func difference(a, b sim.Sent) sim.Sent {
	return sim.Sent{
		Pushes: a.Pushes - b.Pushes, Announced: a.Announced - b.Announced, Repair: a.Repair - b.Repair,
		Pulses: a.Pulses - b.Pulses, Beacons: a.Beacons - b.Beacons, Pings: a.Pings - b.Pings, Other: a.Other - b.Other,
	}
}
