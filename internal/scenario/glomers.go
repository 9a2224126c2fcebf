package scenario

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/plumtree"
	"github.com/smokesignal-go/smokesignal/internal/sim"
)

// checker does what the checker of Maelstrom's broadcast workload does, according to its
// public description. Gossip Glomers uses that workload. Clients send operations to random
// nodes: half are broadcasts of a new value, and half are reads of all values that the
// node has. A value is lost if the final read of a node lacks it. Its stable latency is
// the time from the acknowledged broadcast to the last read that lacks it.
//
// The count starts cold. The first operation comes when each node has a neighbour, because
// a node of the challenge answers "init" then. All messages of the run count, including
// those before the first operation.
type checker struct {
	values []value
	has    []map[int]bool // per node
	ops    int
	reads  int
}

type value struct {
	acked  time.Duration
	lacked time.Duration // when a read last lacked the value; zero: no read did
	last   time.Duration // when the last node got the value
}

// challenge has the limits of one challenge of Gossip Glomers. A figure must stay below its
// limit.
type challenge struct {
	name            string
	messages        float64 // for each operation
	median, longest time.Duration
}

// challenges are those of https://fly.io/dist-sys, with 25 nodes and 100 ms for each link.
var challenges = []challenge{
	{"3d", 30, 400 * time.Millisecond, 600 * time.Millisecond},
	{"3e", 20, time.Second, 2 * time.Second},
}

// finalWait is the pause before the final reads. Maelstrom pauses as long.
const finalWait = 10 * time.Second

// glomers runs the workload. If kind names a challenge, it compares the figures with the
// limits of that challenge. If kind is "partitions", the network is whole for ten seconds,
// then in two random halves for ten seconds, and so on.
func (r *run) glomers(rate float64, d time.Duration, kind string) {
	partitions := kind == "partitions"
	c := &checker{has: make([]map[int]bool, len(r.net.Nodes))}
	type event struct {
		src *sim.Source
		seq uint64
	}
	numbers := make(map[event]int) // the value of each event of the workload; other events have none
	for i, node := range r.net.Nodes {
		c.has[i] = make(map[int]bool)
		ledger := node.OnDeliver
		node.OnDeliver = func(e *plumtree.Event) {
			ledger(e)
			if number, ok := numbers[event{r.ledger.Source(e), e.Seq}]; ok {
				c.has[i][number] = true
				c.values[number].last = r.net.Now()
			}
		}
	}
	r.setMark()
	from, before := r.net.Now(), r.net.Sent.All()
	step := func(broadcast bool) {
		node := r.net.Nodes[r.net.Rand.IntN(len(r.net.Nodes))]
		if broadcast {
			number := len(c.values)
			c.values = append(c.values, value{acked: r.net.Now()})
			c.has[node.Index][number] = true
			src, seq := r.ledger.Emit(node, r.Payload) // other nodes get it later
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
	sent := r.net.Sent
	r.net.Heal()
	r.net.Run(finalWait)
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
	var stable, exact []time.Duration
	for _, v := range c.values {
		stable = append(stable, max(v.lacked-v.acked, 0))
		exact = append(exact, max(v.last-v.acked, 0))
	}
	slices.Sort(stable)
	slices.Sort(exact)
	marks := challenge{messages: math.NaN(), median: -1, longest: -1}
	for _, ch := range challenges {
		if ch.name == kind {
			marks = ch
		}
	}
	r.tell("operations", float64(c.ops), "")
	r.below("messages an operation", float64(sent.All())/float64(c.ops), marks.messages, "", fmt.Sprintf("%+v", sent))
	r.tell("of these before the first operation", float64(before)/float64(c.ops), "")
	late := func(name string, is, mark time.Duration) {
		if mark < 0 {
			r.tell(name, is.Seconds(), "s")
			return
		}
		r.below(name, is.Seconds(), mark.Seconds(), "s", "")
	}
	late("stable latency, median", stable[len(stable)/2], marks.median)
	late("stable latency, the longest", stable[len(stable)-1], marks.longest)
	late("last delivery of a value, median", exact[len(exact)/2], -1)
	late("last delivery of a value, the longest", exact[len(exact)-1], -1)
	r.atMost("values lost", float64(lost), 0, "", example)
}

// below adds a figure that must stay below its limit. If mark is NaN, there is no limit.
func (r *run) below(name string, is, mark float64, unit, example string) {
	f := Figure{Name: name, Is: Number(is), Unit: unit, Mark: Number(mark), Good: math.IsNaN(mark) || is < mark}
	if !f.Good {
		f.Note = example
	}
	r.result.add(f)
}

// read performs a read at a node. It records which acknowledged values the node lacks.
func (c *checker) read(now time.Duration, node int) {
	c.reads++
	has := c.has[node]
	for number := range c.values {
		if !has[number] {
			c.values[number].lacked = now
		}
	}
}
