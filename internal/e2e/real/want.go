package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/smokesignal-go/smokesignal/internal/e2e/cluster"
	"github.com/smokesignal-go/smokesignal/internal/scenario"
)

// within waits until a condition holds. It waits much longer than the pass mark, so that it
// can also measure by how much a mark was missed.
func (r *run) within(name string, mark time.Duration, since time.Time, done func() bool) {
	if r.failed() {
		return
	}
	f := figure{Name: name, Is: scenario.Never, Unit: "s", Mark: seconds(mark)}
	_, ok := r.cast.Until(r.ctx, min(max(2*mark, 30*time.Second), max(mark, 2*time.Minute)), done)
	if r.ctx.Err() != nil {
		return
	}
	if ok {
		took := time.Since(since)
		f.Is, f.Good = seconds(took), took <= mark
	}
	if !f.Good {
		f.Note = r.state()
	}
	r.add(f)
}

func seconds(d time.Duration) scenario.Number { return scenario.Number(d.Seconds()) }

// state describes the network and its faults.
func (r *run) state() string {
	alive := r.cast.Alive()
	fewest, most := cluster.Degrees(alive)
	text := fmt.Sprintf("%d nodes in %d parts, %d–%d links", len(alive), cluster.Parts(alive), fewest, most)
	if who, what := r.cast.Ledger.Lacking(); who != nil {
		text += fmt.Sprintf("; %d deliveries are missing: node %d has not heard %q", r.cast.Ledger.Missing(), who.Seat, what)
	}
	return text
}

func (r *run) add(f figure) {
	r.result.Figures = append(r.result.Figures, f)
	r.screen.figure(f)
}

func (r *run) atMost(name string, is, mark float64, example string) {
	if r.failed() {
		return
	}
	f := figure{Name: name, Is: scenario.Number(is), Mark: scenario.Number(mark), Good: is <= mark}
	if !f.Good {
		f.Note = example
	}
	r.add(f)
}

// tell adds a figure without a mark.
func (r *run) tell(name string, is scenario.Number, unit string) {
	if !r.failed() {
		r.add(figure{Name: name, Is: is, Unit: unit, Mark: scenario.None, Good: true})
	}
}

// delivered ends the talk and waits until all texts have arrived. It adds the number of
// lost texts as a figure.
func (r *run) delivered(mark time.Duration) {
	r.quiet()
	r.within("all delivered", mark, time.Now(), r.cast.Ledger.IsHeard)
	t := r.cast.Ledger.Tally()
	r.tell("messages said", scenario.Number(t.Said), "")
	r.tell("deliveries", scenario.Number(t.Heard), "")
	lost, example := t.Missing, r.state()
	told, newcomers := 0, 0
	for _, a := range r.cast.Alive() {
		for origin, numbers := range a.Gaps {
			switch {
			case r.killed[origin]: // no other node had these texts
			case r.isMember(a):
				lost++
				example = fmt.Sprintf("node %d reported %s of %s as lost", a.Seat, numbers, origin)
			default:
				told++
			}
		}
		if !r.isMember(a) {
			newcomers++
		}
	}
	r.atMost("messages lost", float64(lost), 0, example)
	// A newcomer is expected to receive what was emitted since its first neighbour.
	if newcomers > 0 {
		r.tell("gaps before they joined, reported", scenario.Number(told), "")
	}
}

// isMember reports whether an actor was running before the failure began.
func (r *run) isMember(a *cluster.Actor) bool {
	_, known := r.before[a]
	return known || len(r.before) == 0
}

// noNetsplit adds the number of programs that reported a netsplit although there was none.
func (r *run) noNetsplit() {
	told, example := 0, ""
	for _, a := range r.cast.Alive() {
		if a.Told[cluster.Netsplit] > r.before[a].splits {
			told++
			example = fmt.Sprintf("node %d", a.Seat)
		}
	}
	r.atMost("false netsplits", float64(told), 0, example)
}

// toldOnce adds the number of programs that did not report the netsplit and its heal
// exactly once. After a short partition, no program may report one.
func (r *run) toldOnce(isLong bool) {
	wrong, anybody, example := 0, isLong, ""
	for _, a := range r.cast.Alive() {
		anybody = anybody || a.Told[cluster.Netsplit] > r.before[a].splits
	}
	for _, a := range r.cast.Alive() {
		splits, heals := a.Told[cluster.Netsplit]-r.before[a].splits, a.Told[cluster.Healed]-r.before[a].heals
		if splits != heals || splits > 1 || splits == 0 && anybody {
			wrong++
			example = fmt.Sprintf("node %d reported %d netsplits, and %d ends of them", a.Seat, splits, heals)
		}
	}
	r.atMost("programs that did not get it once", float64(wrong), 0, example)
}

// kept adds two numbers of links that ended by accident. Among the affected nodes, the
// number shows that the failure happened. Among all other nodes, no link may end.
func (r *run) kept(hit []*cluster.Actor) {
	isHit := func(peer string) bool {
		return slices.ContainsFunc(hit, func(a *cluster.Actor) bool { return strings.HasPrefix(a.ID, peer) })
	}
	expected, lost, example := 0, 0, ""
	for _, a := range r.cast.Alive() {
		for _, end := range a.Ends[r.before[a].ends:] {
			switch {
			case !end.IsAccident():
			case slices.Contains(hit, a) || isHit(end.Peer):
				expected++
			default:
				lost++
				example = fmt.Sprintf("node %d lost %s: %s", a.Seat, end.Peer, end.Why)
			}
		}
	}
	r.tell("links lost by those hit, both ends", scenario.Number(expected), "")
	r.atMost("links lost between healthy nodes", float64(lost), 0, example)
}

// ends adds the number of links that ended, per node. Rotations are counted separately. A
// node rotates its links on a schedule that depends on its age, and most often while it is
// young. So in a network that is seconds old, rotations would hide the effect of a short
// cut.
func (r *run) ends(mark float64) {
	ends, rotated, why := 0, 0, make(map[string]int)
	alive := r.cast.Alive()
	for _, a := range alive {
		for _, end := range a.Ends[r.before[a].ends:] {
			if end.IsRotation() {
				rotated++
				continue
			}
			ends++
			why[end.Why]++
		}
	}
	nodes := float64(max(1, len(alive)))
	r.tell("links rotated, a node", scenario.Number(float64(rotated)/nodes), "")
	r.atMost("links ended, a node", float64(ends)/nodes, mark, fmt.Sprint(why))
}

// swallowed adds the number of packets that the cuts dropped. It proves that there was a
// cut.
func (r *run) swallowed() {
	if r.failed() {
		return
	}
	n, err := r.lab.Dropped()
	r.try(err)
	f := figure{Name: "packets dropped by the cut", Is: scenario.Number(n), Mark: 1, More: true, Good: n > 0}
	if !f.Good {
		f.Note = "there was no cut"
	}
	r.add(f)
}

// promises adds the figures that must be zero after every failure.
func (r *run) promises() {
	t := r.cast.Ledger.Tally()
	broken, example := t.Doubled+t.Disordered, fmt.Sprintf("%d deliveries came again, %d out of order", t.Doubled, t.Disordered)
	for _, a := range r.cast.Endings() {
		broken++
		example = fmt.Sprintf("node %d ended by itself: %v: %s", a.Seat, a.Exit, a.LastWords())
	}
	r.atMost("promises broken", float64(broken), 0, example)
}
