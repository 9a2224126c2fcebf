package smoketest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// view is a snapshot of the network.
type view struct {
	fault   string // why it is not connected; "": connected
	waits   string // which events are not handled yet; "": none
	links   string // all links; compared with earlier views
	events  uint64 // events that nodes have taken in
	picture string // for people
}

// look takes a view.
func (n *Network) look() view {
	var v view
	var links, picture strings.Builder
	sees := make([][]int, len(n.members))
	for i, m := range n.members {
		if m.state != running {
			fmt.Fprintf(&picture, "\tnode %d %s\n", i, m.state)
			continue
		}
		var notes []string
		note := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
		for p := range m.node.Peers().All() {
			j, why := n.peer(m, p.ID())
			if why != "" {
				v.blame("node %d has %s for a neighbour", i, why)
				note("%s", why)
				continue
			}
			sees[i] = append(sees[i], j)
		}
		slices.Sort(sees[i])
		fmt.Fprintln(&links, i, sees[i], notes)

		s := m.node.Stats()
		v.events += s.Delivered + s.Gaps
		if s.Queued > 0 {
			note("%d events wait for its handlers", s.Queued)
			v.waits = fmt.Sprintf("%d events wait for the handlers of node %d", s.Queued, i)
		}
		if s.Lag > 0 {
			note("%d bytes wait for one of its neighbours", s.Lag)
			v.waits = fmt.Sprintf("%d bytes of events wait for a neighbour of node %d", s.Lag, i)
		}
		fmt.Fprintf(&picture, "\tnode %d sees %s\n", i, strings.Join(append([]string{numbers(sees[i])}, notes...), "; "))
	}
	parts := n.parts()
	if len(parts) > 1 {
		fmt.Fprintf(&picture, "\tcut into the parts %s\n", partsText(parts))
	}
	n.checkLinks(parts, sees, &v)
	v.links, v.picture = links.String(), strings.TrimSuffix(picture.String(), "\n")
	return v
}

// blame records the first fault.
func (v *view) blame(format string, args ...any) {
	if v.fault == "" {
		v.fault = fmt.Sprintf(format, args...)
	}
}

// peer returns the number of a neighbour of m, or the reason why m should not have this
// neighbour.
func (n *Network) peer(m *member, id smoke.ID) (number int, why string) {
	j, known := n.numbers[id]
	switch {
	case !known:
		return 0, fmt.Sprintf("a stranger, %s,", id.Short())
	case n.members[j].node.ID() != id:
		return 0, fmt.Sprintf("an earlier life of node %d", j)
	case n.members[j].state != running:
		return 0, fmt.Sprintf("node %d, which %s,", j, n.members[j].state)
	case n.isCut(m.number, j):
		return 0, fmt.Sprintf("node %d, which is cut off from it,", j)
	}
	return j, ""
}

// checkLinks finds faults in the links of each part.
func (n *Network) checkLinks(parts [][]int, sees [][]int, v *view) {
	for i := range sees {
		for _, j := range sees[i] {
			if !slices.Contains(sees[j], i) {
				v.blame("node %d sees node %d, which does not see it", i, j)
			}
		}
	}
	for _, part := range parts {
		for _, i := range part {
			if len(part) > 1 && len(sees[i]) == 0 {
				v.blame("node %d has no neighbours", i)
			}
		}
		reached := reach(part[0], func(i, j int) bool { return slices.Contains(sees[i], j) }, part)
		for _, i := range part {
			if !slices.Contains(reached, i) {
				v.blame("no links lead from node %d to node %d", part[0], i)
			}
		}
	}
}

// parts returns the numbers of the running nodes, grouped by the parts into which
// partitions divide them.
func (n *Network) parts() [][]int {
	var left []int
	for i := range n.Nodes() {
		left = append(left, i)
	}
	var parts [][]int
	for len(left) > 0 {
		part := reach(left[0], func(i, j int) bool { return !n.isCut(i, j) }, left)
		slices.Sort(part)
		parts = append(parts, part)
		left = slices.DeleteFunc(left, func(i int) bool { return slices.Contains(part, i) })
	}
	return parts
}

// reach returns the nodes that can be reached from a node by steps.
func reach(from int, step func(i, j int) bool, all []int) []int {
	reached := []int{from}
	for at := 0; at < len(reached); at++ {
		for _, j := range all {
			if step(reached[at], j) && !slices.Contains(reached, j) {
				reached = append(reached, j)
			}
		}
	}
	return reached
}

func numbers(list []int) string {
	if len(list) == 0 {
		return "no node"
	}
	return strings.Trim(fmt.Sprint(list), "[]")
}

func partsText(parts [][]int) string {
	var texts []string
	for _, part := range parts {
		texts = append(texts, numbers(part))
	}
	return strings.Join(texts, " | ")
}
