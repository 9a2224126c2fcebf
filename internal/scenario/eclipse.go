package scenario

import (
	"fmt"
	"strings"

	"github.com/smokesignal-go/smokesignal/internal/sim"
)

// attack starts an attack.
func (r *run) attack(sybils, groups int, relays, keeps bool) {
	r.faultNow()
	r.watching, r.mainPart = true, 1
	r.net.Attack(sim.AttackConfig{Sybils: sybils, Groups: groups, Relays: relays, Keeps: keeps})
}

// honest counts the living nodes all of whose neighbours are Sybils, in three groups: those
// that restarted with anchors, those that restarted without, and those that never stopped.
func (r *run) honest() {
	const with, without, stayed = "restarted with anchors", "restarted without anchors", "others"
	kinds := []string{with, without, stayed}
	lost, all, example := map[string]int{}, map[string]int{}, map[string]string{}
	back := make(map[*sim.Node]bool) // look-ups only
	for _, node := range r.joined {
		back[node] = true
	}
	own, links := 0, 0
	for _, node := range r.net.Living() {
		kind := stayed
		switch {
		case back[node] && len(node.Anchors) > 0:
			kind = with
		case back[node]:
			kind = without
		}
		all[kind]++
		n := 0
		for _, p := range node.Peers() {
			if !p.IsSybil() {
				n++
			}
		}
		own, links = own+n, links+len(node.Peers())
		if n == 0 {
			lost[kind]++
			example[kind] = fmt.Sprintf("node %d has %d neighbours, all of them Sybils", node.Index, node.Machine.Degree())
		}
	}
	for _, kind := range kinds {
		if all[kind] > 0 {
			r.atMost("no honest link, "+kind, float64(lost[kind]), 0, "", example[kind])
		}
	}
	r.tell("links of honest nodes that lead to Sybils", 100*float64(links-own)/float64(max(links, 1)), "%")
}

// books measures which share of the address books the Sybils have.
func (r *run) books() {
	sybils := 0
	all := 0
	var refused uint64
	living := r.net.Living()
	for _, node := range living {
		for addr := range node.Machine.Book {
			if all++; strings.HasPrefix(addr, sim.SybilPrefix) {
				sybils++
			}
		}
		refused += node.Machine.RefusedContacts()
	}
	r.tell("addresses in a book", float64(all)/float64(max(len(living), 1)), "")
	r.tell("Sybils in the books", 100*float64(sybils)/float64(max(all, 1)), "%")
	r.tell("contacts refused, a node", float64(refused)/float64(max(len(living), 1)), "")
}

// slower compares the 99th percentile of deliveries with its last measured value.
func (r *run) slower(mark float64) {
	is := r.ledger.Latency.Quantile(0.99)
	r.tell("delivery, 99 %", is.Seconds(), "s")
	r.atMost("delivery, 99 %, against before", is.Seconds()/max(r.usual.Seconds(), 1e-9), mark, "", "")
}
