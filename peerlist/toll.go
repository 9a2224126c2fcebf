package peerlist

import (
	"slices"
	"time"
)

// toll is what one source (see [salt.source]) has cost this node lately. Each
// sum leaks away with time.
type sourceCost struct {
	source uint16
	at     time.Duration // when the sums were brought up to date, since the book began
	taken  float32       // contacts for which others had to go
	failed float32       // dials in vain of addresses that it told of and that never worked
	asked  float32       // requests that wanted us to let somebody go
}

const (
	// A source may displace 64 addresses at once, and one every 10 s from then
	// on. Four neighbours of a large overlay that is at rest tell of fewer.
	takenBurst = 64
	takenLeak  = 0.1 // a second

	// Two dials a minute lead to addresses that one source made up, or that are
	// not worth more; see blamed.
	failedBurst = 2
	failedLeak  = 2.0 / 60 // a second

	// Four requests to let somebody go, and one in five minutes, are more than a
	// node has reason for: it asks each full node once and is accepted. A guess.
	askedBurst = 4
	askedLeak  = 1.0 / 300 // a second

	// maxTolls bounds the sources that are remembered. Who has cost least is
	// forgotten first.
	maxCosts = 256
)

// tolls are those of the sources that have cost anything lately.
type sourceCosts struct{ list []sourceCost }

// of is the toll of a source, up to date, to be added to.
func (t *sourceCosts) of(now time.Duration, source uint16) *sourceCost {
	if at := t.find(source); at >= 0 {
		t.list[at].leak(now)
		return &t.list[at]
	}
	if len(t.list) >= maxCosts {
		t.dropCheapest(now)
	}
	t.list = append(t.list, sourceCost{source: source, at: now})
	return &t.list[len(t.list)-1]
}

// look is the toll of a source, up to date; all zero if it has cost nothing.
func (t *sourceCosts) look(now time.Duration, source uint16) sourceCost {
	at := t.find(source)
	if at < 0 {
		return sourceCost{source: source, at: now}
	}
	t.list[at].leak(now)
	return t.list[at]
}

func (t *sourceCosts) find(source uint16) int {
	return slices.IndexFunc(t.list, func(x sourceCost) bool { return x.source == source })
}

func (t *sourceCosts) dropCheapest(now time.Duration) {
	least := 0
	for i := range t.list {
		t.list[i].leak(now)
		if t.list[i].sum() < t.list[least].sum() {
			least = i
		}
	}
	t.list = slices.Delete(t.list, least, least+1)
}

func (x *sourceCost) leak(now time.Duration) {
	gone := float32((now - x.at).Seconds())
	x.at = now
	x.taken = max(0, x.taken-gone*takenLeak)
	x.failed = max(0, x.failed-gone*failedLeak)
	x.asked = max(0, x.asked-gone*askedLeak)
}

// sum weighs the costs by what a source may have at once.
func (x *sourceCost) sum() float32 {
	return x.taken/takenBurst + x.failed/failedBurst + x.asked/askedBurst
}

// isFlooding reports whether the source asks for places more often than anybody
// has reason to.
func (x *sourceCost) isFlooding() bool { return x.asked >= askedBurst }

// flooding are the sources that do.
func (t *sourceCosts) flooding(now time.Duration) (list []uint16) {
	for i := range t.list {
		if t.list[i].asked == 0 {
			continue
		}
		if t.list[i].leak(now); t.list[i].isFlooding() {
			list = append(list, t.list[i].source)
		}
	}
	return list
}

// blamed are the sources whose addresses lead nowhere.
func (t *sourceCosts) blamed(now time.Duration) (list []uint16) {
	for i := range t.list {
		if t.list[i].failed == 0 {
			continue
		}
		if t.list[i].leak(now); t.list[i].failed > failedBurst-1 { // the next one would be too many
			list = append(list, t.list[i].source)
		}
	}
	return list
}
