package meshview

import (
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// rateOver is the time over which events are counted; less than rateFrom says nothing.
const (
	rateOver = 5 * time.Second
	rateFrom = time.Second
)

// sample is how many events a node had delivered when it answered.
type sample struct {
	at        time.Time
	delivered uint64
}

// counted adds what a node says to what it said in the last seconds. Each figure is as
// old as the answer with it: one of minutes ago must not be taken for one of now.
func counted(past []sample, at time.Time, delivered uint64) []sample {
	kept := make([]sample, 0, len(past)+1)
	for _, s := range past {
		if at.Sub(s.at) <= rateOver && s.at.Before(at) && s.delivered <= delivered { // less: it has begun anew
			kept = append(kept, s)
		}
	}
	return append(kept, sample{at, delivered})
}

// rate is how many events a second the node delivers through which one looks; in a
// simulation, which has no such node, what all deliver on average. It is nil if that is
// not known yet. The caller holds mu.
func (b *Board) rate(now time.Time, self smoke.ID) *float64 {
	sum, nodes := 0.0, 0
	for id, n := range b.nodes { // order matters to the last digit only
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
