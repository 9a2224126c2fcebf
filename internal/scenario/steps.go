package scenario

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/sim"
)

// do executes the steps one after another, until the network fails.
func (r *run) do(steps []step) {
	for _, st := range steps {
		if r.net.Err() != nil {
			return
		}
		w := st.words
		switch st.verb {
		case "hide":
			r.hidden = share(w[0])
		case "form":
			r.form()
		case "run":
			r.net.Run(duration(w[0]))
		case "talk":
			senders := 0
			if len(w) == 3 {
				senders = count(w[2])
			}
			r.talk(rate(w[0]), senders)
		case "mark":
			r.setMark()
		case "quiet":
			r.talking++
		case "cut":
			r.cut(count(w[0]), slices.Contains(w, "seeds"))
		case "oneway":
			r.cutOneWay(count(w[0]))
		case "heal":
			r.net.Heal()
		case "crash":
			spare := strings.HasSuffix(st.text, "spare seeds")
			r.crash(w[0], slices.Contains(w, "silent"), spare)
		case "restart":
			r.restart(slices.Contains(w, "same"), slices.Contains(w, "moved"), slices.Contains(w, "anchors"))
		case "join":
			r.join(count(w[0]))
		case "churn":
			r.churned++
			if w[0] != "off" {
				r.churn(rate(w[0]))
			}
		case "stall":
			low, high, _ := strings.Cut(w[1], "-")
			r.stall(share(w[0]), duration(low), duration(high))
		case "repeat":
			for range count(w[0]) {
				r.do(st.body)
			}
		case "dial":
			r.dial(count(w[0]))
		case "glomers":
			kind := ""
			if len(w) > 2 {
				kind = w[2]
			}
			r.glomers(rate(w[0]), duration(w[1]), kind)
		case "sybils":
			r.attack(count(w[0]), count(w[1]), slices.Contains(w[2:], "relay"), slices.Contains(w[2:], "keep"))
		case "want":
			r.want(w)
		}
	}
}

// form starts all nodes at the same moment.
func (r *run) form() {
	for i := range r.Nodes {
		node := r.add()
		node.Hidden = i >= r.Seeds && r.net.Rand.Float64() < r.hidden
		r.begin(node, false)
	}
	r.setMark()
}

// cut partitions the network at random into pieces of about equal size.
func (r *run) cut(k int, seedsTogether bool) {
	r.faultNow()
	order := r.net.Rand.Perm(len(r.net.Nodes))
	side := make([]int, len(order))
	for place, i := range order {
		side[i] = place % k
	}
	if seedsTogether {
		for i := range r.Seeds {
			side[i] = 0
		}
	}
	r.net.Cut(func(i int) int { return side[i] })
}

// cutOneWay blocks one direction of n links.
func (r *run) cutOneWay(n int) {
	r.faultNow()
	var links [][2]*sim.Node
	for _, node := range r.net.Living() {
		for _, p := range node.Peers() {
			links = append(links, [2]*sim.Node{node, p})
		}
	}
	r.net.Rand.Shuffle(len(links), func(i, j int) { links[i], links[j] = links[j], links[i] })
	r.oneway = links[:min(n, len(links))]
	for _, l := range r.oneway {
		r.net.CutOneWay(l[0], l[1])
	}
}

// crash ends nodes without notice, all at the same moment.
func (r *run) crash(what string, silent, spareSeeds bool) {
	r.faultNow()
	living := r.net.Living()
	var victims []*sim.Node
	if what == "seeds" {
		victims = slices.DeleteFunc(living, func(node *sim.Node) bool { return node.Index >= r.Seeds })
	} else {
		n := int(share(what) * float64(len(living)))
		if spareSeeds {
			living = slices.DeleteFunc(living, func(node *sim.Node) bool { return node.Index < r.Seeds })
		}
		r.net.Rand.Shuffle(len(living), func(i, j int) { living[i], living[j] = living[j], living[i] })
		victims = living[:min(n, len(living))]
	}
	for _, node := range victims {
		node.Anchors = node.Machine.Anchors() // a program that saves anchors does so continually
		r.net.Crash(node, !silent)
	}
	r.crashed = append(r.crashed, victims...)
}

// restart starts all crashed nodes.
func (r *run) restart(same, moved, anchors bool) {
	r.faultNow()
	back := r.crashed
	r.crashed = nil
	r.joined = append(r.joined, back...)
	for i, node := range back {
		if !anchors {
			node.Anchors = nil
		}
		if moved {
			r.net.Move(node, fmt.Sprintf("10.200.%d.%d:%d", i>>8&255, i&255, 2+i>>16))
		}
		r.begin(node, same)
	}
}

func (r *run) join(n int) {
	r.faultNow()
	r.joined = nil
	for range n {
		node := r.add()
		r.begin(node, false)
		r.joined = append(r.joined, node)
	}
}

// churn makes nodes join and leave. The seeds and the first half of the nodes that form
// started stay, so that their deliveries can be compared.
func (r *run) churn(rate float64) {
	r.faultNow()
	r.watching, r.mainPart = true, 1
	this := r.churned
	stay := r.Nodes / 2
	gap := time.Duration(float64(time.Second) / rate)
	n := 0
	var again func()
	again = func() {
		if r.churned != this {
			return
		}
		n++
		r.begin(r.add(), false)
		if node := r.drawLeaver(stay); node != nil {
			switch n % 4 {
			case 0:
				r.net.Crash(node, true)
			case 1:
				r.net.Crash(node, false)
			default:
				r.net.Leave(node)
			}
		}
		r.net.After(gap, again)
	}
	r.net.After(gap, again)
}

func (r *run) drawLeaver(from int) *sim.Node {
	living := r.net.Living()
	at := slices.IndexFunc(living, func(node *sim.Node) bool { return node.Index >= from })
	if at < 0 {
		return nil
	}
	return living[at+r.net.Rand.IntN(len(living)-at)]
}

// stall stops processors for a while.
func (r *run) stall(share float64, low, high time.Duration) {
	r.faultNow()
	clear(r.stalled)
	r.lost = 0
	living := r.awake()
	r.net.Rand.Shuffle(len(living), func(i, j int) { living[i], living[j] = living[j], living[i] })
	for _, node := range living[:int(share*float64(len(living)))] {
		r.stalled[node] = true
		r.net.Stall(node, low+time.Duration(r.net.Rand.Int64N(int64(high-low)+1)))
	}
}
