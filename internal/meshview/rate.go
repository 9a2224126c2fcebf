package meshview

import (
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// rateOver is the time over which events are counted. A span below rateFrom is too short to
// count.
const (
	rateOver = 5 * time.Second
	rateFrom = time.Second
)

// sample is a node's count of delivered events in one answer.
type sample struct {
	at        time.Time
	delivered uint64
}

// counted adds a node's count to those of the last seconds. Each count has the time of its
// answer, so that a count from minutes ago is not mistaken for a current one.
func counted(past []sample, at time.Time, delivered uint64) []sample {
	kept := make([]sample, 0, len(past)+1)
	for _, s := range past {
		if at.Sub(s.at) <= rateOver && s.at.Before(at) && s.delivered <= delivered { // a lower count: the node has restarted
			kept = append(kept, s)
		}
	}
	return append(kept, sample{at, delivered})
}

// rate returns the number of events per second that the serving node delivers. In a
// simulation, which has no such node, it returns the average of all nodes. It returns nil
// if that is not known yet. The caller holds mu.
func (b *Board) rate(now time.Time, self smoke.ID) *float64 {
	sum, nodes := 0.0, 0
	for id, n := range b.nodes { // order affects the last digit only
		if !self.IsZero() && id != self || b.isSilent(now, n) || len(n.past) == 0 {
			continue
		}
		first, last := n.past[0], n.past[len(n.past)-1]
		if d := last.at.Sub(first.at); d >= rateFrom && now.Sub(last.at) <= rateOver {
			sum += float64(last.delivered-first.delivered) / d.Seconds()
			nodes++
		}
	}
	if nodes == 0 {
		return nil
	}
	mean := sum / float64(nodes)
	return &mean
}
