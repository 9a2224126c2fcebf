package scenario

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/sim"
	"github.com/smokesignal-go/smokesignal/netsplit"
)

// want measures one condition. It waits much longer than the pass mark, so that it can also
// measure by how much a mark was missed.
func (r *run) want(w []string) {
	mark := time.Duration(-1)
	if len(w) == 3 {
		mark = duration(w[2])
	}
	switch w[0] {
	case "whole":
		r.wait("one component", mark, func() bool { parts, _ := r.net.Parts(); return parts == 1 }, r.parts)
	case "settled":
		r.wait("settled", mark, func() bool {
			parts, _ := r.net.Parts()
			return parts == 1 && r.net.Unsettled(r.enough()) == ""
		}, func() string { return r.parts() + "; " + r.net.Unsettled(r.enough()) })
	case "reached":
		r.reached(mark)
	case "linked":
		r.wait("all linked", mark, func() bool {
			return !slices.ContainsFunc(r.net.Living(), func(node *sim.Node) bool { return node.Machine.Degree() == 0 })
		}, r.parts)
	case "joined":
		r.wait("all joined", mark, func() bool {
			for _, node := range r.joined {
				if node.Alive && node.Machine.Degree() == 0 {
					return false
				}
			}
			return true
		}, r.parts)
	case "delivered":
		r.wait("all delivered", mark, func() bool { return !r.ledger.IsShort(r.mark) },
			func() string { return r.ledger.Shortfall(r.mark).Example })
	case "lossless":
		s := r.ledger.Shortfall(r.mark)
		r.atMost("events lost", float64(s.Told+s.Lacking), 0, "", s.Example)
	case "dropped":
		r.wait("one-way links dropped", mark, func() bool {
			for _, l := range r.oneway {
				if l[0].IsPeer(l[1]) || l[1].IsPeer(l[0]) {
					return false
				}
			}
			return true
		}, r.parts)
	case "kept":
		r.atMost("links lost between healthy nodes", float64(r.lost), 0, "", "")
	case "kept-in":
		r.keptIn()
	case "guests":
		most := 0
		for _, node := range r.net.Living() {
			most = max(most, node.Machine.Guests())
		}
		r.atMost("most guests of a node", float64(most), float64(r.guestBound()), "", "")
	case "no-netsplit":
		n, example := r.notices()
		r.atMost("false netsplits", float64(n), 0, "", example)
	case "told-once":
		r.toldOnce()
	case "rmr":
		delivered := r.ledger.Delivered - r.told
		rmr := 0.0
		if delivered > 0 {
			rmr = float64(r.net.Sent.Pushes-r.sent.Pushes)/float64(delivered) - 1
		}
		r.atMost("redundancy (RMR)", max(rmr, 0), number(w[1]), "", "")
	case "downs":
		r.atMost("links ended, a node", float64(r.downs)/float64(len(r.net.Living())), number(w[1]), "", "")
	case "hops":
		most := 0
		r.ledger.Events(r.mark, func(_ *sim.Source, _ uint64, e *sim.Emitted) { most = max(most, int(e.Hops)) })
		r.tell("hops, median", float64(quantile(r.ledger.Hops[:], 0.5)), "")
		r.tell("hops, 99.9 %", float64(quantile(r.ledger.Hops[:], 0.999)), "")
		r.atMost("hops of the last delivery", float64(most), number(w[1]), "", "")
	case "last":
		r.slowest(mark)
	case "traffic":
		of := (r.net.Now() - r.marked).Seconds() * float64(len(r.net.Living()))
		r.tell("frames a node and second", float64(r.net.Sent.All()-r.sent.All())/of, "")
		if r.Wire {
			r.tell("bytes a node and second", float64(r.net.Sent.Bytes-r.sent.Bytes)/of, "")
		}
	case "slower":
		r.slower(number(w[1]))
	case "honest":
		r.honest()
	case "books":
		r.books()
	case "main":
		r.least("least share in one component", 100*r.mainPart, 100*share(w[1]), "%", r.parts())
	case "coverage":
		s := r.ledger.Shortfall(r.mark)
		is := 100.0
		if s.Expected > 0 {
			is = 100 * float64(s.Expected-s.Lacking-s.Told) / float64(s.Expected)
		}
		r.least("coverage", is, 100*share(w[1]), "%", s.Example)
	}
}

// quantile returns the lowest class such that at least the given share of all counts is in
// this class or below it.
func quantile(classes []uint64, share float64) int {
	all, sum := uint64(0), uint64(0)
	for _, n := range classes {
		all += n
	}
	for i, n := range classes {
		if sum += n; float64(sum) >= share*float64(all) {
			return i
		}
	}
	return len(classes)
}

func number(word string) float64 {
	f, _ := strconv.ParseFloat(word, 64) // isWellFormed has checked the word
	return f
}

// parts describes the components of the network.
func (r *run) parts() string {
	parts, largest := r.net.Parts()
	return fmt.Sprintf("%d components, the largest has %d of %d nodes", parts, largest, len(r.net.Living()))
}

// wait lets time pass until done returns true.
func (r *run) wait(name string, mark time.Duration, done func() bool, example func() string) {
	from := r.net.Now()
	f := Figure{Name: name, Is: Never, Unit: "s", Mark: None}
	limit := 2 * time.Minute
	if mark >= 0 {
		f.Mark = Number(mark.Seconds())
		limit = max(4*mark, time.Minute)
	}
	if r.net.RunUntil(limit, done) {
		took := r.net.Now() - from
		f.Is = Number(took.Seconds())
		f.Good = mark < 0 || took <= mark
	} else if r.net.Err() == nil {
		f.Note = example()
	}
	r.result.add(f)
}

// reached makes 20 nodes emit, and waits until all nodes have received all events.
func (r *run) reached(mark time.Duration) {
	r.setMark()
	living := r.awake()
	for range min(20, len(living)) {
		r.ledger.Emit(living[r.net.Rand.IntN(len(living))], r.Payload)
	}
	r.wait("everybody reached", mark, func() bool { return !r.ledger.IsShort(r.mark) },
		func() string { return r.ledger.Shortfall(r.mark).Example })
}

// slowest adds a figure: the longest time from the emission of an event to its last
// delivery. It notes the median and the 99th percentile of all deliveries.
func (r *run) slowest(mark time.Duration) {
	var worst time.Duration
	r.ledger.Events(r.mark, func(_ *sim.Source, _ uint64, e *sim.Emitted) { worst = max(worst, e.Last-e.At) })
	h := &r.ledger.Latency
	r.tell("delivery, median", h.Quantile(0.5).Seconds(), "s")
	r.usual = h.Quantile(0.99)
	r.tell("delivery, 99 %", r.usual.Seconds(), "s")
	r.atMost("delivery, the last", worst.Seconds(), mark.Seconds(), "s", "")
}

func (r *run) tell(name string, is float64, unit string) {
	r.result.add(Figure{Name: name, Is: Number(is), Unit: unit, Mark: None, Good: true})
}

func (r *run) atMost(name string, is, mark float64, unit, example string) {
	f := Figure{Name: name, Is: Number(is), Unit: unit, Mark: Number(mark), Good: is <= mark}
	if !f.Good {
		f.Note = example
	}
	r.result.add(f)
}

func (r *run) least(name string, is, mark float64, unit, example string) {
	f := Figure{Name: name, Is: Number(is), Unit: unit, Mark: Number(mark), Good: is >= mark, More: true}
	if !f.Good {
		f.Note = example
	}
	r.result.add(f)
}

// notices counts the living nodes that reported a netsplit to their program.
func (r *run) notices() (n int, example string) {
	for _, node := range r.net.Living() {
		for _, x := range node.Notices {
			if found, ok := x.(netsplit.Found); ok {
				n++
				example = fmt.Sprintf("node %d: %v", node.Index, found)
			}
		}
	}
	return n, example
}

// keptIn counts the nodes that have no neighbour, or that lost their last one since the
// mark.
func (r *run) keptIn() {
	n, example := 0, ""
	for _, node := range r.net.Living() {
		if node.Machine.Degree() == 0 || node.Alone > 0 {
			n++
			example = fmt.Sprintf("node %d has %d neighbours, and was alone %d times", node.Index, node.Machine.Degree(), node.Alone)
		}
	}
	r.atMost("nodes that lost their only link", float64(n), 0, "", example)
}

// toldOnce counts the nodes that did not report a netsplit and its heal exactly once each,
// if any node reported one.
func (r *run) toldOnce() {
	told, wrong := 0, 0
	example := ""
	living := r.net.Living()
	for _, node := range living {
		found, healed := 0, 0
		for _, x := range node.Notices {
			switch x.(type) {
			case netsplit.Found:
				found++
			case netsplit.Healed:
				healed++
			}
		}
		if found > 0 {
			told++
		}
		if found > 1 || healed != found {
			wrong++
			example = fmt.Sprintf("node %d got %d netsplits and %d ends of them", node.Index, found, healed)
		}
	}
	if told > 0 && told < len(living) {
		wrong += len(living) - told
		if example == "" {
			example = fmt.Sprintf("%d of %d programs got the netsplit", told, len(living))
		}
	}
	r.tell("programs that got the netsplit", 100*float64(told)/float64(len(living)), "%")
	r.atMost("programs that did not get it once", float64(wrong), 0, "", example)
}

// enough returns how many neighbours a node should have at least. If MinPeers equals
// MaxPeers, some nodes may have to stay one below, because the last two nodes with a free
// place may already be neighbours.
func (r *run) enough() int {
	if r.MinPeers == r.MaxPeers {
		return r.MinPeers - 1
	}
	return r.MinPeers
}
